BEGIN TRANSACTION;
CREATE TABLE account_rates (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    service_id INTEGER NOT NULL REFERENCES services (id),
    rate_micros INTEGER NOT NULL CHECK (rate_micros BETWEEN 0 AND 1000000000000),
    PRIMARY KEY (account_id, service_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "account_rates" VALUES(1,3,4500000);
INSERT INTO "account_rates" VALUES(2,4,0);
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    key_hash BLOB NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
    balance_micros INTEGER NOT NULL DEFAULT 0
        CHECK (balance_micros BETWEEN 0 AND 1000000000000000000),
    created_at INTEGER NOT NULL,
    -- What the account gets off every rate, in millionths: 50000 is 5 %.
    discount_micros INTEGER NOT NULL DEFAULT 0 CHECK (discount_micros BETWEEN 0 AND 1000000),
    -- How answers are shaped for it; NULL: as the panel's default says.
    dialect TEXT CHECK (dialect IN ('sns', 'perfectpanel'))
) STRICT;
INSERT INTO "accounts" VALUES(1,'alice',X'97DAAC0EE9998DFCAD6C9C0970DA5CA411C86233A944C25B47566F6A7BC1DDD5','active',462875900,1780000014,0,NULL);
INSERT INTO "accounts" VALUES(2,'bob',X'720228E4B7B018B5E0C8C5DCC15B8955175FA5E5826C7E80C267F2A2D397D0E0','active',40895750,1780000028,50000,'perfectpanel');
INSERT INTO "accounts" VALUES(3,'carol',X'3CB5A29B1A38406C80BCD134189426FADF7B55735D1DE53EABB6202E3FD48545','active',0,1780000042,0,NULL);
INSERT INTO "accounts" VALUES(4,'mallory',X'C131B0BA03EB96C2A848F35A837F732F1EC465A66F80A52352254624D5C04E23','suspended',10000000,1780000049,0,'sns');
CREATE TABLE audit_lines (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    operator TEXT NOT NULL,
    address TEXT NOT NULL,
    act TEXT NOT NULL,
    -- begun until the act is over; then done, or refused and why.
    outcome TEXT NOT NULL DEFAULT 'begun',
    created_at INTEGER NOT NULL
) STRICT;
INSERT INTO "audit_lines" VALUES(1,'olga','192.0.2.7','order 1: status Completed','done',1780003895);
INSERT INTO "audit_lines" VALUES(2,'olga','192.0.2.7','service 1: rate -1','refused: the rate must not be negative',1780003902);
INSERT INTO "audit_lines" VALUES(3,'otto','2001:db8::1','stopped by a crash','begun',1780003909);
CREATE TABLE cancels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    status TEXT NOT NULL CHECK (status IN ('pending', 'accepted', 'rejected')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- Whether the provider was asked; its answer comes as the order's status.
    passed_on INTEGER NOT NULL DEFAULT 0 CHECK (passed_on IN (0, 1)),
    due_at INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO "cancels" VALUES(1,56,'accepted',1780003510,1780003538,0,0);
INSERT INTO "cancels" VALUES(2,57,'rejected',1780003545,1780003587,0,0);
INSERT INTO "cancels" VALUES(3,58,'accepted',1780003559,1780003608,0,0);
INSERT INTO "cancels" VALUES(4,59,'pending',1780003573,1780003580,0,0);
INSERT INTO "cancels" VALUES(5,60,'pending',1780003741,1780003783,1,0);
INSERT INTO "cancels" VALUES(6,61,'pending',1780003755,1780003762,0,1780004090);
INSERT INTO "cancels" VALUES(7,62,'pending',1780003769,1780003776,0,0);
CREATE TABLE catalogue (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO "catalogue" VALUES(1,43);
CREATE TABLE heartbeats (
    name TEXT NOT NULL PRIMARY KEY,
    seen_at INTEGER NOT NULL
) STRICT;
INSERT INTO "heartbeats" VALUES('worker',1780003916);
CREATE TABLE idempotency_keys (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    key TEXT NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    parameters_hash BLOB NOT NULL CHECK (length(parameters_hash) = 32),
    order_id INTEGER NOT NULL REFERENCES orders (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "idempotency_keys" VALUES(1,'retry-1',X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F',10,1780000455);
INSERT INTO "idempotency_keys" VALUES(2,'it''s ü',X'1F1E1D1C1B1A191817161514131211100F0E0D0C0B0A09080706050403020100',11,1780000476);
CREATE TABLE ledger_entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL CHECK (kind IN ('deposit', 'withdrawal', 'charge', 'refund')),
    amount_micros INTEGER NOT NULL,
    balance_micros INTEGER NOT NULL CHECK (balance_micros >= 0),
    order_id INTEGER REFERENCES orders (id),
    note TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    CHECK ((kind IN ('charge', 'refund')) = (order_id IS NOT NULL)),
    CHECK (
        CASE kind
            WHEN 'deposit' THEN amount_micros > 0
            WHEN 'withdrawal' THEN amount_micros < 0
            WHEN 'charge' THEN amount_micros <= 0
            WHEN 'refund' THEN amount_micros > 0
        END
    )
) STRICT;
INSERT INTO "ledger_entries" VALUES(1,1,'deposit',500000000,500000000,NULL,'',1780000021);
INSERT INTO "ledger_entries" VALUES(2,2,'deposit',40000000,40000000,NULL,'',1780000035);
INSERT INTO "ledger_entries" VALUES(3,4,'deposit',10000000,10000000,NULL,'',1780000056);
INSERT INTO "ledger_entries" VALUES(4,2,'deposit',5000000,45000000,NULL,'by bank transfer',1780000063);
INSERT INTO "ledger_entries" VALUES(5,2,'withdrawal',-2000000,43000000,NULL,'paid back',1780000070);
INSERT INTO "ledger_entries" VALUES(6,1,'charge',-4500000,495500000,1,'',1780000217);
INSERT INTO "ledger_entries" VALUES(7,1,'charge',-4500000,491000000,2,'',1780000231);
INSERT INTO "ledger_entries" VALUES(8,1,'charge',-4500000,486500000,3,'',1780000245);
INSERT INTO "ledger_entries" VALUES(9,1,'charge',-4500000,482000000,4,'',1780000259);
INSERT INTO "ledger_entries" VALUES(10,1,'charge',-4500000,477500000,5,'',1780000273);
INSERT INTO "ledger_entries" VALUES(11,1,'charge',-4500000,473000000,6,'',1780000287);
INSERT INTO "ledger_entries" VALUES(12,1,'refund',1800000,474800000,5,'',1780000329);
INSERT INTO "ledger_entries" VALUES(13,1,'refund',4500000,479300000,6,'',1780000350);
INSERT INTO "ledger_entries" VALUES(14,2,'charge',-2375000,40625000,7,'',1780000371);
INSERT INTO "ledger_entries" VALUES(15,2,'refund',365750,40990750,7,'',1780000399);
INSERT INTO "ledger_entries" VALUES(16,2,'charge',0,40990750,8,'',1780000420);
INSERT INTO "ledger_entries" VALUES(17,1,'charge',-16000,479284000,9,'',1780000434);
INSERT INTO "ledger_entries" VALUES(18,1,'charge',-45000,479239000,10,'',1780000448);
INSERT INTO "ledger_entries" VALUES(19,2,'charge',-95000,40895750,11,'',1780000469);
INSERT INTO "ledger_entries" VALUES(20,1,'charge',-50000,479189000,12,'',1780000490);
INSERT INTO "ledger_entries" VALUES(21,1,'charge',-100000,479089000,13,'',1780000504);
INSERT INTO "ledger_entries" VALUES(22,1,'charge',-150000,478939000,14,'',1780000518);
INSERT INTO "ledger_entries" VALUES(23,1,'refund',60000,478999000,13,'',1780000637);
INSERT INTO "ledger_entries" VALUES(24,1,'charge',-300000,478699000,15,'',1780000700);
INSERT INTO "ledger_entries" VALUES(25,1,'charge',-600000,478099000,16,'',1780000742);
INSERT INTO "ledger_entries" VALUES(26,1,'charge',-900000,477199000,17,'',1780000812);
INSERT INTO "ledger_entries" VALUES(27,1,'refund',300000,477499000,17,'',1780000854);
INSERT INTO "ledger_entries" VALUES(28,1,'charge',-900000,476599000,18,'',1780000889);
INSERT INTO "ledger_entries" VALUES(29,1,'refund',900000,477499000,18,'',1780000931);
INSERT INTO "ledger_entries" VALUES(30,1,'charge',-1200000,476299000,19,'',1780000966);
INSERT INTO "ledger_entries" VALUES(31,1,'charge',-330000,475969000,20,'',1780001036);
INSERT INTO "ledger_entries" VALUES(32,1,'charge',-360000,475609000,21,'',1780001106);
INSERT INTO "ledger_entries" VALUES(33,1,'charge',-390000,475219000,22,'',1780001148);
INSERT INTO "ledger_entries" VALUES(34,1,'refund',390000,475609000,22,'',1780001239);
INSERT INTO "ledger_entries" VALUES(35,1,'charge',-420000,475189000,23,'',1780001260);
INSERT INTO "ledger_entries" VALUES(36,1,'charge',-450000,474739000,24,'',1780001281);
INSERT INTO "ledger_entries" VALUES(37,1,'charge',-465000,474274000,25,'',1780001316);
INSERT INTO "ledger_entries" VALUES(38,1,'charge',-480000,473794000,26,'',1780001358);
INSERT INTO "ledger_entries" VALUES(39,1,'refund',480000,474274000,26,'',1780001400);
INSERT INTO "ledger_entries" VALUES(40,1,'charge',-510000,473764000,27,'',1780001421);
INSERT INTO "ledger_entries" VALUES(41,1,'charge',-540000,473224000,28,'',1780001477);
INSERT INTO "ledger_entries" VALUES(42,1,'charge',-380000,472844000,29,'',1780001582);
INSERT INTO "ledger_entries" VALUES(43,1,'charge',-400000,472444000,30,'',1780001624);
INSERT INTO "ledger_entries" VALUES(44,1,'charge',-3900000,468544000,31,'',1780001652);
INSERT INTO "ledger_entries" VALUES(45,1,'charge',-600000,467944000,32,'',1780001694);
INSERT INTO "ledger_entries" VALUES(46,1,'charge',-160000,467784000,33,'',1780001708);
INSERT INTO "ledger_entries" VALUES(47,1,'charge',0,467784000,34,'',1780001850);
INSERT INTO "ledger_entries" VALUES(48,1,'charge',0,467784000,35,'',1780001871);
INSERT INTO "ledger_entries" VALUES(49,1,'charge',0,467784000,36,'',1780002239);
INSERT INTO "ledger_entries" VALUES(50,1,'refund',80000,467864000,33,'',1780002516);
INSERT INTO "ledger_entries" VALUES(51,1,'charge',-45200,467818800,37,'',1780002551);
INSERT INTO "ledger_entries" VALUES(52,1,'charge',-90400,467728400,38,'',1780002593);
INSERT INTO "ledger_entries" VALUES(53,1,'charge',0,467728400,39,'',1780002635);
INSERT INTO "ledger_entries" VALUES(54,1,'charge',-300000,467428400,40,'',1780002677);
INSERT INTO "ledger_entries" VALUES(55,1,'charge',-1000000,466428400,41,'',1780002698);
INSERT INTO "ledger_entries" VALUES(56,3,'charge',0,0,42,'',1780002740);
INSERT INTO "ledger_entries" VALUES(57,1,'charge',0,466428400,43,'',1780002817);
INSERT INTO "ledger_entries" VALUES(58,1,'charge',-25000,466403400,44,'',1780002831);
INSERT INTO "ledger_entries" VALUES(59,1,'charge',0,466403400,45,'',1780002845);
INSERT INTO "ledger_entries" VALUES(60,1,'charge',0,466403400,46,'',1780002873);
INSERT INTO "ledger_entries" VALUES(61,1,'charge',0,466403400,47,'',1780002901);
INSERT INTO "ledger_entries" VALUES(62,1,'charge',-45000,466358400,48,'',1780002929);
INSERT INTO "ledger_entries" VALUES(63,1,'charge',-45000,466313400,49,'',1780002943);
INSERT INTO "ledger_entries" VALUES(64,1,'charge',-45000,466268400,50,'',1780002957);
INSERT INTO "ledger_entries" VALUES(65,1,'charge',-45000,466223400,51,'',1780002971);
INSERT INTO "ledger_entries" VALUES(66,1,'charge',-45000,466178400,52,'',1780002985);
INSERT INTO "ledger_entries" VALUES(67,1,'charge',-30000,466148400,53,'',1780003167);
INSERT INTO "ledger_entries" VALUES(68,1,'charge',-30000,466118400,54,'',1780003181);
INSERT INTO "ledger_entries" VALUES(69,1,'charge',-30000,466088400,55,'',1780003195);
INSERT INTO "ledger_entries" VALUES(70,1,'charge',-45000,466043400,56,'',1780003440);
INSERT INTO "ledger_entries" VALUES(71,1,'charge',-45000,465998400,57,'',1780003454);
INSERT INTO "ledger_entries" VALUES(72,1,'charge',-45000,465953400,58,'',1780003468);
INSERT INTO "ledger_entries" VALUES(73,1,'charge',-45000,465908400,59,'',1780003482);
INSERT INTO "ledger_entries" VALUES(74,1,'refund',45000,465953400,56,'',1780003531);
INSERT INTO "ledger_entries" VALUES(75,1,'refund',22500,465975900,58,'',1780003601);
INSERT INTO "ledger_entries" VALUES(76,1,'charge',-30000,465945900,60,'',1780003622);
INSERT INTO "ledger_entries" VALUES(77,1,'charge',-30000,465915900,61,'',1780003636);
INSERT INTO "ledger_entries" VALUES(78,1,'charge',-30000,465885900,62,'',1780003650);
INSERT INTO "ledger_entries" VALUES(79,1,'charge',-10000,465875900,63,'',1780003804);
INSERT INTO "ledger_entries" VALUES(80,1,'charge',-3000000,462875900,64,'',1780003874);
CREATE TABLE operators (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    password_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
INSERT INTO "operators" VALUES(1,'olga','scrypt:32768:8:1$csNbsjUKlZttKfHw$a81bf9f8a088146bd9d57296894a2c26a0cbc812a7cf20edec1d86856652ff8f02227343b3ea33c30717621954e1541c4a9942ccd7692377b65249d995b55eed',1780003881);
CREATE TABLE order_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    kind TEXT NOT NULL
        CHECK (kind IN ('sending', 'sent', 'refused', 'unknown', 'warning', 'operator')),
    text TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
INSERT INTO "order_events" VALUES(1,12,'sending','as service 1',1780000532);
INSERT INTO "order_events" VALUES(2,12,'sent','the provider''s number is 1',1780000553);
INSERT INTO "order_events" VALUES(3,13,'sending','as service 1',1780000567);
INSERT INTO "order_events" VALUES(4,13,'sent','the provider''s number is 2',1780000588);
INSERT INTO "order_events" VALUES(5,8,'sending','as service 103',1780000672);
INSERT INTO "order_events" VALUES(6,8,'sent','the provider''s number is 9000',1780000686);
INSERT INTO "order_events" VALUES(7,15,'sending','as service 103',1780000714);
INSERT INTO "order_events" VALUES(8,15,'sent','the provider''s number is 9001',1780000728);
INSERT INTO "order_events" VALUES(9,16,'sending','as service 103',1780000756);
INSERT INTO "order_events" VALUES(10,16,'sent','the provider''s number is 9002',1780000770);
INSERT INTO "order_events" VALUES(11,17,'sending','as service 103',1780000826);
INSERT INTO "order_events" VALUES(12,17,'sent','the provider''s number is 9003',1780000840);
INSERT INTO "order_events" VALUES(13,18,'sending','as service 103',1780000903);
INSERT INTO "order_events" VALUES(14,18,'sent','the provider''s number is 9004',1780000917);
INSERT INTO "order_events" VALUES(15,19,'sending','as service 103',1780000980);
INSERT INTO "order_events" VALUES(16,19,'sent','the provider''s number is 9005',1780000994);
INSERT INTO "order_events" VALUES(17,19,'warning','999 remain of 400',1780001008);
INSERT INTO "order_events" VALUES(18,20,'sending','as service 103',1780001050);
INSERT INTO "order_events" VALUES(19,20,'refused','Incorrect service',1780001057);
INSERT INTO "order_events" VALUES(20,20,'sending','as service 203',1780001078);
INSERT INTO "order_events" VALUES(21,20,'refused','Not enough funds',1780001085);
INSERT INTO "order_events" VALUES(22,21,'sending','as service 103',1780001120);
INSERT INTO "order_events" VALUES(23,21,'refused','Try again later',1780001127);
INSERT INTO "order_events" VALUES(24,22,'sending','as service 103',1780001162);
INSERT INTO "order_events" VALUES(25,22,'refused','Incorrect service',1780001169);
INSERT INTO "order_events" VALUES(26,21,'sending','as service 203',1780001190);
INSERT INTO "order_events" VALUES(27,21,'refused','not sent: connection refused',1780001204);
INSERT INTO "order_events" VALUES(28,22,'sending','as service 203',1780001218);
INSERT INTO "order_events" VALUES(29,22,'refused','Bad link',1780001225);
INSERT INTO "order_events" VALUES(30,24,'sending','as service 103',1780001295);
INSERT INTO "order_events" VALUES(31,24,'unknown','no answer in 30 s',1780001302);
INSERT INTO "order_events" VALUES(32,25,'sending','as service 103',1780001330);
INSERT INTO "order_events" VALUES(33,25,'unknown','the answer was cut off',1780001337);
INSERT INTO "order_events" VALUES(34,26,'sending','as service 103',1780001372);
INSERT INTO "order_events" VALUES(35,26,'unknown','no answer in 30 s',1780001379);
INSERT INTO "order_events" VALUES(36,26,'operator','fail',1780001386);
INSERT INTO "order_events" VALUES(37,27,'sending','as service 103',1780001435);
INSERT INTO "order_events" VALUES(38,27,'unknown','no answer in 30 s',1780001442);
INSERT INTO "order_events" VALUES(39,27,'sent','the provider''s number is 9100',1780001456);
INSERT INTO "order_events" VALUES(40,27,'operator','attach 9100',1780001463);
INSERT INTO "order_events" VALUES(41,28,'sending','as service 103',1780001491);
INSERT INTO "order_events" VALUES(42,28,'unknown','no answer in 30 s',1780001498);
INSERT INTO "order_events" VALUES(43,28,'operator','resend',1780001512);
INSERT INTO "order_events" VALUES(44,20,'sending','as service 103',1780001526);
INSERT INTO "order_events" VALUES(45,20,'refused','not sent: connection refused',1780001540);
INSERT INTO "order_events" VALUES(46,28,'sending','as service 103',1780001554);
INSERT INTO "order_events" VALUES(47,28,'refused','not sent: connection refused',1780001568);
INSERT INTO "order_events" VALUES(48,29,'sending','as service 204',1780001596);
INSERT INTO "order_events" VALUES(49,29,'unknown','no answer in 30 s',1780001610);
INSERT INTO "order_events" VALUES(50,30,'sending','as service 204',1780001638);
INSERT INTO "order_events" VALUES(51,31,'sending','as service 105',1780001666);
INSERT INTO "order_events" VALUES(52,31,'sent','the provider''s number is 9200',1780001680);
INSERT INTO "order_events" VALUES(53,34,'sending','as service 104',1780001892);
INSERT INTO "order_events" VALUES(54,34,'sent','the provider''s number is 9300',1780001906);
INSERT INTO "order_events" VALUES(55,35,'sending','as service 104',1780001920);
INSERT INTO "order_events" VALUES(56,35,'sent','the provider''s number is 9301',1780001934);
INSERT INTO "order_events" VALUES(57,36,'sending','as service 104',1780002260);
INSERT INTO "order_events" VALUES(58,36,'refused','Bad link',1780002267);
INSERT INTO "order_events" VALUES(59,37,'sending','as service 101',1780002565);
INSERT INTO "order_events" VALUES(60,37,'sent','the provider''s number is 9400',1780002579);
INSERT INTO "order_events" VALUES(61,38,'sending','as service 101',1780002607);
INSERT INTO "order_events" VALUES(62,38,'sent','the provider''s number is 9401',1780002621);
INSERT INTO "order_events" VALUES(63,39,'sending','as service 106',1780002649);
INSERT INTO "order_events" VALUES(64,39,'sent','the provider''s number is 9500',1780002663);
INSERT INTO "order_events" VALUES(65,40,'sent','a post of order 39, the provider''s 9501',1780002684);
INSERT INTO "order_events" VALUES(66,41,'sent','a post of order 39, the provider''s 9502',1780002705);
INSERT INTO "order_events" VALUES(67,39,'warning','post 9503: 500 is not from 20 to 100',1780002712);
INSERT INTO "order_events" VALUES(68,42,'sending','as service 106',1780002754);
INSERT INTO "order_events" VALUES(69,42,'sent','the provider''s number is 9600',1780002768);
INSERT INTO "order_events" VALUES(70,42,'warning','a post of 0.30 is more than carol has',1780002789);
INSERT INTO "order_events" VALUES(71,53,'sending','as service 103',1780003209);
INSERT INTO "order_events" VALUES(72,53,'sent','the provider''s number is 9700',1780003223);
INSERT INTO "order_events" VALUES(73,54,'sending','as service 103',1780003265);
INSERT INTO "order_events" VALUES(74,54,'sent','the provider''s number is 9701',1780003279);
INSERT INTO "order_events" VALUES(75,55,'sending','as service 103',1780003321);
INSERT INTO "order_events" VALUES(76,55,'sent','the provider''s number is 9702',1780003335);
INSERT INTO "order_events" VALUES(77,60,'sending','as service 103',1780003664);
INSERT INTO "order_events" VALUES(78,60,'sent','the provider''s number is 9800',1780003678);
INSERT INTO "order_events" VALUES(79,61,'sending','as service 103',1780003692);
INSERT INTO "order_events" VALUES(80,61,'sent','the provider''s number is 9801',1780003706);
INSERT INTO "order_events" VALUES(81,62,'sending','as service 103',1780003720);
INSERT INTO "order_events" VALUES(82,62,'sent','the provider''s number is 9802',1780003734);
INSERT INTO "order_events" VALUES(83,63,'sending','as service 301',1780003818);
INSERT INTO "order_events" VALUES(84,63,'sent','the provider''s number is 1',1780003832);
CREATE TABLE order_hours (
    hour INTEGER NOT NULL,
    status TEXT NOT NULL,
    orders INTEGER NOT NULL,
    charge_micros INTEGER NOT NULL,
    refunded_micros INTEGER NOT NULL,
    cost_micros INTEGER NOT NULL,
    PRIMARY KEY (hour, status)
) STRICT, WITHOUT ROWID;
INSERT INTO "order_hours" VALUES(494444,'Canceled',5,6370000,6330000,36000);
INSERT INTO "order_hours" VALUES(494444,'Completed',2,5100000,0,180000);
INSERT INTO "order_hours" VALUES(494444,'In progress',4,5615000,0,120000);
INSERT INTO "order_hours" VALUES(494444,'Partial',4,7935000,2545750,200000);
INSERT INTO "order_hours" VALUES(494444,'Pending',15,11976000,0,3370000);
INSERT INTO "order_hours" VALUES(494444,'Processing',3,6120000,0,400000);
INSERT INTO "order_hours" VALUES(494445,'Active',2,0,0,0);
INSERT INTO "order_hours" VALUES(494445,'Canceled',3,90000,67500,0);
INSERT INTO "order_hours" VALUES(494445,'Completed',10,325000,0,35000);
INSERT INTO "order_hours" VALUES(494445,'Expired',1,0,0,0);
INSERT INTO "order_hours" VALUES(494445,'In progress',2,90000,0,0);
INSERT INTO "order_hours" VALUES(494445,'Paused',1,0,0,0);
INSERT INTO "order_hours" VALUES(494445,'Pending',9,4550600,0,138000);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    service_id INTEGER NOT NULL REFERENCES services (id),
    link TEXT NOT NULL,
    -- The whole of a drip-feed; 0 for a subscription, whose posts are orders of their own.
    quantity INTEGER NOT NULL CHECK (quantity >= 0),
    charge_micros INTEGER NOT NULL CHECK (charge_micros >= 0),
    refunded_micros INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL CHECK (
        status IN (
            'Pending', 'Processing', 'In progress', 'Completed', 'Partial', 'Canceled',
            'Active', 'Paused', 'Expired'
        )
    ),
    start_count INTEGER NOT NULL DEFAULT 0 CHECK (start_count >= 0),
    remains INTEGER NOT NULL CHECK (remains BETWEEN 0 AND quantity),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- The way to the provider. '': fulfilled by hand; waiting: to be sent; sending: a request
    -- may be under way; sent: the provider has it; review: nobody knows whether it has;
    -- failed: no provider took it; parts: a drip-feed that is sent part by part.
    forward TEXT NOT NULL DEFAULT ''
        CHECK (forward IN ('', 'waiting', 'sending', 'sent', 'review', 'failed', 'parts')),
    provider_id INTEGER REFERENCES providers (id),
    provider_order TEXT
        CHECK (forward <> 'sent' OR (provider_id IS NOT NULL AND provider_order IS NOT NULL)),
    cost_micros INTEGER NOT NULL DEFAULT 0 CHECK (cost_micros >= 0),
    -- Which source is tried, whether one of them refused for something that passes by itself,
    -- how often all of them refused, and when to send or to ask again.
    position INTEGER NOT NULL DEFAULT 1 CHECK (position IN (1, 2)),
    may_pass INTEGER NOT NULL DEFAULT 0 CHECK (may_pass IN (0, 1)),
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL DEFAULT 0,
    -- What an operator should know; '' when all is well.
    warning TEXT NOT NULL DEFAULT '',
    -- What the service's type needs beside link and quantity, as a JSON object of texts.
    parameters TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(parameters)),
    -- Drip-feed: so many times a share of the quantity, so many minutes apart.
    runs INTEGER CHECK (runs >= 1),
    interval INTEGER CHECK (interval >= 1),
    -- The drip-feed or subscription that this order belongs to, and which part of a drip-feed
    -- it is; customers see the posts of a subscription, but not the parts of a drip-feed.
    parent_id INTEGER REFERENCES orders (id),
    part INTEGER CHECK (part IS NULL OR parent_id IS NOT NULL),
    -- Sent along with the order, so that a provider that knows such keys takes it once.
    send_key TEXT,
    -- Whether the provider may have it from an earlier try, though it is to be sent again.
    maybe_taken INTEGER NOT NULL DEFAULT 0 CHECK (maybe_taken IN (0, 1)),
    CHECK ((runs IS NULL) = (interval IS NULL)),
    CHECK (refunded_micros BETWEEN 0 AND charge_micros),
    CHECK (refunded_micros = 0 OR status IN ('Partial', 'Canceled'))
) STRICT;
INSERT INTO "orders" VALUES(1,1,3,'https://a.example/?p=Pen&n=''quoted''',1000,4500000,0,'Pending',0,1000,1780000210,1780000210,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(2,1,3,'https://a.example/?p=Pro&n=''quoted''',1000,4500000,0,'Processing',0,1000,1780000224,1780000294,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(3,1,3,'https://a.example/?p=In &n=''quoted''',1000,4500000,0,'In progress',120,320,1780000238,1780000301,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(4,1,3,'https://a.example/?p=Com&n=''quoted''',1000,4500000,0,'Completed',7,0,1780000252,1780000308,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(5,1,3,'https://a.example/?p=Par&n=''quoted''',1000,4500000,1800000,'Partial',3,400,1780000266,1780000322,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(6,1,3,'https://a.example/?p=Can&n=''quoted''',1000,4500000,4500000,'Canceled',0,1000,1780000280,1780000343,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(7,2,3,'https://a.example/',500,2375000,365750,'Partial',0,77,1780000364,1780000392,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(8,2,4,'https://a.example/',100,0,0,'Pending',0,100,1780000413,1780000413,'sent',1,'9000',100000,1,0,0,1780000724,'','{}',NULL,NULL,NULL,NULL,'99735b0320db2ebba29a7b376c967c68',0);
INSERT INTO "orders" VALUES(9,1,10,'https://a.example/',2,16000,0,'Pending',0,2,1780000427,1780000427,'',NULL,NULL,0,1,0,0,0,'','{"comments": "Nice\nWell, said"}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(10,1,3,'https://a.example/',10,45000,0,'Pending',0,10,1780000441,1780000441,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(11,2,3,'https://a.example/',20,95000,0,'Pending',0,20,1780000462,1780000462,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(12,1,11,'https://a.example/',50,50000,0,'In progress',1000,20,1780000483,1780000609,'sent',4,'1',45000,1,0,0,1780000638,'','{}',NULL,NULL,NULL,NULL,'a2e81478007152dea8651f3fce597961',0);
INSERT INTO "orders" VALUES(13,1,11,'https://a.example/',100,100000,60000,'Canceled',1000,60,1780000497,1780000630,'sent',4,'2',36000,1,0,0,1780000673,'','{}',NULL,NULL,NULL,NULL,'68e9338b87fe1a1a45cfed925923d43f',0);
INSERT INTO "orders" VALUES(14,1,11,'https://a.example/',150,150000,0,'Pending',0,150,1780000511,1780000511,'waiting',4,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(15,1,4,'https://a.example/',100,300000,0,'Pending',0,100,1780000693,1780000693,'sent',1,'9001',100000,1,0,0,1780000781,'','{}',NULL,NULL,NULL,NULL,'1d288c47b1829c2e219c95ea9dcc11de',0);
INSERT INTO "orders" VALUES(16,1,4,'https://a.example/',200,600000,0,'Completed',55,0,1780000735,1780000777,'sent',1,'9002',150000,1,0,0,1780000813,'','{}',NULL,NULL,NULL,NULL,'459506c4f129b2635ed2db28768b0dc3',0);
INSERT INTO "orders" VALUES(17,1,4,'https://a.example/',300,900000,300000,'Partial',55,100,1780000805,1780000847,'sent',1,'9003',200000,1,0,0,1780000890,'','{}',NULL,NULL,NULL,NULL,'57d311cc481e6a12ea4286231c69309e',0);
INSERT INTO "orders" VALUES(18,1,4,'https://a.example/',300,900000,900000,'Canceled',0,300,1780000882,1780000924,'sent',1,'9004',0,1,0,0,1780000967,'','{}',NULL,NULL,NULL,NULL,'4b5e119e7ec0e071665c6f207889da21',0);
INSERT INTO "orders" VALUES(19,1,4,'https://a.example/',400,1200000,0,'Processing',5,400,1780000959,1780001001,'sent',1,'9005',400000,1,0,0,1780001037,'999 remain of 400','{}',NULL,NULL,NULL,NULL,'30517400b918ebf8aa6114dfb2335c01',0);
INSERT INTO "orders" VALUES(20,1,4,'https://a.example/',110,330000,0,'Pending',0,110,1780001029,1780001029,'waiting',1,NULL,0,1,0,1,1780051533,'connection refused','{}',NULL,NULL,NULL,NULL,'fbee9e35ab3c0ac619c62937bfe3caf5',0);
INSERT INTO "orders" VALUES(21,1,4,'https://a.example/',120,360000,0,'Pending',0,120,1780001099,1780001099,'waiting',2,NULL,0,2,1,0,1780011197,'connection refused','{}',NULL,NULL,NULL,NULL,'37f37ffb5991752a801d56df0cba9e2a',0);
INSERT INTO "orders" VALUES(22,1,4,'https://a.example/',130,390000,390000,'Canceled',0,130,1780001141,1780001232,'failed',2,NULL,0,2,0,0,1780001176,'Bad link','{}',NULL,NULL,NULL,NULL,'5de70f4aba744b50f26b23f62869ea32',0);
INSERT INTO "orders" VALUES(23,1,4,'https://a.example/',140,420000,0,'Processing',0,140,1780001253,1780001267,'',1,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(24,1,4,'https://a.example/',150,450000,0,'Pending',0,150,1780001274,1780001274,'review',1,NULL,0,1,0,0,0,'no answer in 30 s','{}',NULL,NULL,NULL,NULL,'968c0a8a8e5449e0444c86ada1da2fa0',1);
INSERT INTO "orders" VALUES(25,1,4,'https://a.example/',155,465000,0,'In progress',0,155,1780001309,1780001344,'review',1,NULL,0,1,0,0,0,'the answer was cut off','{}',NULL,NULL,NULL,NULL,'2b6e6c346dd6812e97cde3f03456f3f7',1);
INSERT INTO "orders" VALUES(26,1,4,'https://a.example/',160,480000,480000,'Canceled',0,160,1780001351,1780001393,'failed',1,NULL,0,1,0,0,0,'given up by the operator','{}',NULL,NULL,NULL,NULL,'17e9cdb03baa663226c270f7968e10f7',1);
INSERT INTO "orders" VALUES(27,1,4,'https://a.example/',170,510000,0,'Pending',0,170,1780001414,1780001414,'sent',1,'9100',170000,1,0,0,1780001449,'','{}',NULL,NULL,NULL,NULL,'3241cce457ef1a62f06d7d4c1ca08505',0);
INSERT INTO "orders" VALUES(28,1,4,'https://a.example/',180,540000,0,'Pending',0,180,1780001470,1780001470,'waiting',1,NULL,0,1,0,0,1780006561,'connection refused','{}',NULL,NULL,NULL,NULL,'8af1765c9153376a80187c2a931b90ef',0);
INSERT INTO "orders" VALUES(29,1,5,'https://a.example/',190,380000,0,'Pending',0,190,1780001575,1780001575,'waiting',2,NULL,0,1,0,0,1780001608,'no answer in 30 s','{}',NULL,NULL,NULL,NULL,'64b84c25fc2d894300ffac10696af454',1);
INSERT INTO "orders" VALUES(30,1,5,'https://a.example/',200,400000,0,'Pending',0,200,1780001617,1780001617,'sending',2,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,'b3de254d842541d1af6a659a8f5a0d96',0);
INSERT INTO "orders" VALUES(31,1,7,'https://a.example/',1,3900000,0,'Pending',0,1,1780001645,1780001645,'sent',1,'9200',3000000,1,0,0,1780001763,'','{}',NULL,NULL,NULL,NULL,'4db7dd00961392984a198dadab432ab5',0);
INSERT INTO "orders" VALUES(32,1,6,'https://d.example/1',150,600000,0,'In progress',10,130,1780001687,1780002197,'parts',1,NULL,0,1,0,0,1780002517,'','{}',3,10,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(33,1,6,'https://d.example/2',40,160000,80000,'Partial',1,20,1780001701,1780002509,'parts',1,NULL,0,1,0,0,1780002552,'','{}',2,1,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(34,1,6,'https://d.example/1',50,0,0,'In progress',10,30,1780001843,1780001941,'sent',1,'9300',75000,1,0,0,1780001970,'','{}',NULL,NULL,32,1,'b9688056e6d8e6102767594f6b4ef85a',0);
INSERT INTO "orders" VALUES(35,1,6,'https://d.example/2',20,0,0,'Completed',1,0,1780001864,1780001962,'sent',1,'9301',30000,1,0,0,1780001998,'','{}',NULL,NULL,33,1,'9a668ad1263a5a4ec51d127b919148b2',0);
INSERT INTO "orders" VALUES(36,1,6,'https://d.example/2',20,0,0,'Canceled',0,20,1780002232,1780002274,'failed',1,NULL,0,1,0,0,0,'Bad link','{}',NULL,NULL,33,2,'3fd1d750864c4d2fdf20317bf545f878',0);
INSERT INTO "orders" VALUES(37,1,1,'https://d.example/3',40,45200,0,'Pending',0,40,1780002544,1780002544,'sent',1,'9400',36000,1,0,0,1780002602,'','{}',NULL,NULL,NULL,NULL,'523265b4b434162df39c970efe219541',0);
INSERT INTO "orders" VALUES(38,1,1,'https://d.example/4',80,90400,0,'Pending',0,80,1780002586,1780002586,'sent',1,'9401',72000,1,0,0,1780002644,'','{}',2,5,NULL,NULL,'e81fa0f9ff1363f06784da05ee1c00f3',0);
INSERT INTO "orders" VALUES(39,1,8,'',0,0,0,'Active',0,0,1780002628,1780002628,'sent',1,'9500',0,1,0,0,1780002741,'post 9503: 500 is not from 20 to 100','{"username": "someone", "min": 20, "max": 100, "delay": 0, "posts": 5}',NULL,NULL,NULL,NULL,'0191f2bfb28f8e5b3a1d4ad839d17f67',0);
INSERT INTO "orders" VALUES(40,1,8,'',30,300000,0,'Pending',0,30,1780002670,1780002670,'sent',1,'9501',0,1,0,0,0,'','{}',NULL,NULL,39,NULL,NULL,0);
INSERT INTO "orders" VALUES(41,1,8,'',100,1000000,0,'Pending',0,100,1780002691,1780002691,'sent',1,'9502',0,1,0,0,0,'','{}',NULL,NULL,39,NULL,NULL,0);
INSERT INTO "orders" VALUES(42,3,8,'',0,0,0,'Paused',0,0,1780002733,1780002782,'sent',1,'9600',0,1,0,0,1780002818,'a post of 0.30 is more than carol has','{"username": "someone", "min": 20, "max": 100, "delay": 0, "posts": 5}',NULL,NULL,NULL,NULL,'e812a004ef958f8ca637a9c90943386b',0);
INSERT INTO "orders" VALUES(43,1,9,'',0,0,0,'Active',0,0,1780002810,1780002810,'',NULL,NULL,0,1,0,0,0,'','{"username": "someone", "min": 20, "max": 100, "delay": 0, "posts": 5}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(44,1,9,'',25,25000,0,'Pending',0,25,1780002824,1780002824,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,43,NULL,NULL,0);
INSERT INTO "orders" VALUES(45,1,9,'',0,0,0,'Expired',0,0,1780002838,1780002852,'',NULL,NULL,0,1,0,0,0,'','{"username": "someone", "min": 20, "max": 100, "delay": 0, "posts": 5, "expiry": "31/12/2026"}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(46,1,9,'',0,0,0,'Canceled',0,0,1780002866,1780002880,'',NULL,NULL,0,1,0,0,0,'','{"username": "someone", "min": 20, "max": 100, "delay": 0, "posts": 5}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(47,1,9,'',0,0,0,'Completed',0,0,1780002894,1780002908,'',NULL,NULL,0,1,0,0,0,'','{"username": "someone", "min": 20, "max": 100, "delay": 0, "posts": 5}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(48,1,3,'https://r.example/0',10,45000,0,'Completed',0,0,1780002922,1780002992,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(49,1,3,'https://r.example/1',10,45000,0,'Completed',0,0,1780002936,1780003006,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(50,1,3,'https://r.example/2',10,45000,0,'Completed',0,0,1780002950,1780003020,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(51,1,3,'https://r.example/3',10,45000,0,'Completed',0,0,1780002964,1780003034,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(52,1,3,'https://r.example/4',10,45000,0,'Completed',0,0,1780002978,1780003048,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(53,1,4,'https://r.example/p0',10,30000,0,'Completed',0,0,1780003160,1780003230,'sent',1,'9700',10000,1,0,0,1780003266,'','{}',NULL,NULL,NULL,NULL,'0944be5ddc7b59604dcf1994241e5bd7',0);
INSERT INTO "orders" VALUES(54,1,4,'https://r.example/p1',10,30000,0,'Completed',0,0,1780003174,1780003286,'sent',1,'9701',10000,1,0,0,1780003322,'','{}',NULL,NULL,NULL,NULL,'15f65202d028ec73f74ef60b3ca52fb5',0);
INSERT INTO "orders" VALUES(55,1,4,'https://r.example/p2',10,30000,0,'Completed',0,0,1780003188,1780003342,'sent',1,'9702',10000,1,0,0,1780003378,'','{}',NULL,NULL,NULL,NULL,'4ebd502e27a8ab9f73ab86f44e3253f4',0);
INSERT INTO "orders" VALUES(56,1,3,'https://c.example/0',10,45000,45000,'Canceled',0,10,1780003433,1780003524,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(57,1,3,'https://c.example/1',10,45000,0,'In progress',0,5,1780003447,1780003489,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(58,1,3,'https://c.example/2',10,45000,22500,'Canceled',0,5,1780003461,1780003594,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(59,1,3,'https://c.example/3',10,45000,0,'In progress',0,5,1780003475,1780003503,'',NULL,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "orders" VALUES(60,1,4,'https://c.example/p0',10,30000,0,'Pending',0,10,1780003615,1780003615,'sent',1,'9800',10000,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,'813e4f329621781e13f177c13f8bff3e',0);
INSERT INTO "orders" VALUES(61,1,4,'https://c.example/p1',10,30000,0,'Pending',0,10,1780003629,1780003629,'sent',1,'9801',10000,1,0,0,1780003759,'','{}',NULL,NULL,NULL,NULL,'16e4fdedc44dcad1c6c829f137175376',0);
INSERT INTO "orders" VALUES(62,1,4,'https://c.example/p2',10,30000,0,'Pending',0,10,1780003643,1780003643,'sent',1,'9802',10000,1,0,0,1780003787,'','{}',NULL,NULL,NULL,NULL,'186829585af0328332bad35ac8b688e4',0);
INSERT INTO "orders" VALUES(63,1,12,'https://a.example/',10,10000,0,'Completed',0,0,1780003797,1780003839,'sent',3,'1',5000,1,0,0,1780003875,'','{}',NULL,NULL,NULL,NULL,'d0db52860a963a405deb8dc674527d76',0);
INSERT INTO "orders" VALUES(64,1,4,'https://w.example/',1000,3000000,0,'Pending',0,1000,1780003867,1780003867,'waiting',1,NULL,0,1,0,0,0,'','{}',NULL,NULL,NULL,NULL,NULL,0);
CREATE TABLE providers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    url TEXT NOT NULL,
    key TEXT NOT NULL,
    requests_per_minute INTEGER NOT NULL CHECK (requests_per_minute >= 1),
    active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    -- What the provider last said of our funds there, and when.
    balance TEXT NOT NULL DEFAULT '',
    balance_at INTEGER,
    created_at INTEGER NOT NULL,
    -- Whether it said that an order sent twice under one key is one order.
    idempotent INTEGER NOT NULL DEFAULT 0 CHECK (idempotent IN (0, 1))
) STRICT;
INSERT INTO "providers" VALUES(1,'one','https://one.example/api/v2','key-at-one',60,1,'123.45 USD',1780000105,1780000077,0);
INSERT INTO "providers" VALUES(2,'two','http://two.example/api/v2','key-at-two',600,1,'',NULL,1780000084,1);
INSERT INTO "providers" VALUES(3,'gone','https://gone.example/api/v2','',10,0,'',NULL,1780000091,0);
INSERT INTO "providers" VALUES(4,'sandbox','sandbox:','',6000,1,'',NULL,1780000098,0);
CREATE TABLE refills (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    status TEXT NOT NULL CHECK (
        status IN ('pending', 'in progress', 'completed', 'rejected', 'error')
    ),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    provider_refill TEXT,
    due_at INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO "refills" VALUES(1,48,'pending',1780003062,1780003069,NULL,0);
INSERT INTO "refills" VALUES(2,49,'in progress',1780003076,1780003132,NULL,0);
INSERT INTO "refills" VALUES(3,50,'completed',1780003090,1780003139,NULL,0);
INSERT INTO "refills" VALUES(4,51,'rejected',1780003104,1780003146,NULL,0);
INSERT INTO "refills" VALUES(5,52,'error',1780003118,1780003153,NULL,0);
INSERT INTO "refills" VALUES(6,53,'in progress',1780003370,1780003419,'77001',1780003472);
INSERT INTO "refills" VALUES(7,54,'pending',1780003384,1780003391,NULL,1780003726);
INSERT INTO "refills" VALUES(8,55,'pending',1780003398,1780003405,NULL,0);
CREATE TABLE sandbox_orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    link TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    added_at_ms INTEGER NOT NULL,
    canceled_at_ms INTEGER,
    -- A subscription has posts instead of a quantity: so many, of this many each.
    posts INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO "sandbox_orders" VALUES(1,'https://a.example/',50,1780000539123,NULL,0);
INSERT INTO "sandbox_orders" VALUES(2,'https://a.example/',100,1780000574123,1780000602123,0);
CREATE TABLE services (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 500),
    category TEXT NOT NULL CHECK (length(category) BETWEEN 1 AND 500),
    type TEXT NOT NULL,
    rate_micros INTEGER NOT NULL CHECK (rate_micros BETWEEN 0 AND 1000000000000),
    min INTEGER NOT NULL CHECK (min >= 1),
    max INTEGER NOT NULL CHECK (max <= 1000000000),
    refill INTEGER NOT NULL DEFAULT 0 CHECK (refill IN (0, 1)),
    cancel INTEGER NOT NULL DEFAULT 0 CHECK (cancel IN (0, 1)),
    active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    created_at INTEGER NOT NULL,
    -- How the rate follows the cost: the cost plus this many millionths, rounded up to a step.
    -- NULL: the rate was set by hand and stays.
    markup_micros INTEGER CHECK (markup_micros >= 0),
    round_micros INTEGER NOT NULL DEFAULT 1 CHECK (round_micros >= 1),
    -- Why a service that is not active is not: '' is the operator's own act.
    inactive_because TEXT NOT NULL DEFAULT ''
        CHECK (inactive_because IN ('', 'vanished', 'below cost')),
    dripfeed INTEGER NOT NULL DEFAULT 0 CHECK (dripfeed IN (0, 1)),
    -- Whether a link may have only one open order at a time.
    one_per_link INTEGER NOT NULL DEFAULT 0 CHECK (one_per_link IN (0, 1)),
    -- Where it stands in the catalogue; those of one position stand by number.
    position INTEGER NOT NULL DEFAULT 1000000000 CHECK (position >= 0),
    CHECK (min <= max)
) STRICT;
INSERT INTO "services" VALUES(1,'Followers','Category','Default',1190000,10,100000,1,1,1,1780000112,250000,10000,'',1,0,10);
INSERT INTO "services" VALUES(2,'Likes','Category','Default',1410000,10,100000,1,1,0,1780000119,250000,10000,'vanished',1,0,20);
INSERT INTO "services" VALUES(3,'By hand','Hand','Default',5000000,10,10000,1,1,1,1780000126,NULL,1,'',0,0,40);
INSERT INTO "services" VALUES(4,'Two sources','Resold','Default',3000000,10,10000,1,1,0,1780000133,NULL,1,'vanished',0,0,50);
INSERT INTO "services" VALUES(5,'Keyed','Resold','Default',2000000,10,10000,1,1,1,1780000140,NULL,1,'',0,0,30);
INSERT INTO "services" VALUES(6,'Drip','Resold','Default',4000000,10,10000,0,1,0,1780000147,NULL,1,'vanished',1,1,60);
INSERT INTO "services" VALUES(7,'Pack','Resold','Package',3900000,1,1,0,1,0,1780000154,NULL,1,'vanished',0,0,70);
INSERT INTO "services" VALUES(8,'Subscription','Resold','Subscriptions',10000000,20,5000,0,1,0,1780000161,NULL,1,'vanished',0,0,80);
INSERT INTO "services" VALUES(9,'Subscription by hand','Hand','Subscriptions',1000000,20,5000,0,1,1,1780000168,NULL,1,'',0,0,90);
INSERT INTO "services" VALUES(10,'Comments','Hand','Custom Comments',8000000,1,500,0,0,1,1780000175,NULL,1,'',0,0,100);
INSERT INTO "services" VALUES(11,'Sandbox','Hand','Default',1000000,10,5000,1,1,1,1780000182,NULL,1,'',0,0,110);
INSERT INTO "services" VALUES(12,'Was elsewhere','Old','Default',1000000,10,5000,0,0,0,1780000189,NULL,1,'vanished',0,0,120);
INSERT INTO "services" VALUES(13,'Hidden','Old','Default',1000000,1,10,0,0,0,1780000196,NULL,1,'',0,0,130);
CREATE TABLE sources (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    service_id INTEGER NOT NULL REFERENCES services (id),
    position INTEGER NOT NULL CHECK (position IN (1, 2)),
    provider_id INTEGER NOT NULL REFERENCES providers (id),
    provider_service TEXT NOT NULL CHECK (length(provider_service) BETWEEN 1 AND 64),
    cost_micros INTEGER NOT NULL CHECK (cost_micros BETWEEN 0 AND 1000000000000),
    dripfeed INTEGER NOT NULL DEFAULT 0 CHECK (dripfeed IN (0, 1)),
    UNIQUE (service_id, position)
) STRICT;
INSERT INTO "sources" VALUES(1,1,1,1,'101',950000,1);
INSERT INTO "sources" VALUES(2,2,1,1,'102',1125000,0);
INSERT INTO "sources" VALUES(3,4,1,1,'103',1000000,0);
INSERT INTO "sources" VALUES(4,4,2,2,'203',1200000,0);
INSERT INTO "sources" VALUES(5,5,1,2,'204',1000000,0);
INSERT INTO "sources" VALUES(6,6,1,1,'104',1500000,0);
INSERT INTO "sources" VALUES(7,7,1,1,'105',3000000,0);
INSERT INTO "sources" VALUES(8,8,1,1,'106',4000000,0);
INSERT INTO "sources" VALUES(9,11,1,4,'1',900000,0);
CREATE TRIGGER catalogue_gains_a_service AFTER INSERT ON services
BEGIN
    UPDATE catalogue SET version = version + 1;
END;
CREATE TRIGGER catalogue_changes_a_service AFTER UPDATE ON services
BEGIN
    UPDATE catalogue SET version = version + 1;
END;
CREATE TRIGGER catalogue_loses_a_service AFTER DELETE ON services
BEGIN
    UPDATE catalogue SET version = version + 1;
END;
CREATE INDEX sources_by_provider ON sources (provider_id, provider_service);
CREATE INDEX orders_by_account ON orders (account_id, id);
CREATE INDEX orders_by_status ON orders (status, id);
CREATE INDEX orders_to_send ON orders (provider_id, due_at) WHERE forward = 'waiting';
CREATE INDEX orders_to_ask ON orders (provider_id, due_at)
WHERE forward = 'sent'
    AND status IN ('Pending', 'Processing', 'In progress', 'Active', 'Paused');
CREATE INDEX orders_in_doubt ON orders (forward) WHERE forward IN ('sending', 'review');
CREATE INDEX orders_with_warning ON orders (id) WHERE warning <> '';
CREATE INDEX orders_by_time ON orders (created_at);
CREATE INDEX orders_in_parts ON orders (due_at)
WHERE forward = 'parts'
    AND status IN ('Pending', 'Processing', 'In progress', 'Active', 'Paused');
CREATE INDEX orders_by_parent ON orders (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX orders_on_link ON orders (service_id, link)
WHERE status IN ('Pending', 'Processing', 'In progress', 'Active', 'Paused');
CREATE INDEX orders_by_provider ON orders (provider_id, provider_order)
WHERE provider_order IS NOT NULL;
CREATE INDEX idempotency_keys_by_order ON idempotency_keys (order_id);
CREATE INDEX order_events_by_order ON order_events (order_id);
CREATE INDEX ledger_entries_by_account ON ledger_entries (account_id, id);
CREATE UNIQUE INDEX ledger_entries_by_order ON ledger_entries (order_id, kind)
WHERE order_id IS NOT NULL;
CREATE TRIGGER ledger_entries_are_not_changed BEFORE UPDATE ON ledger_entries
BEGIN
    SELECT RAISE(ABORT, 'a ledger entry is never changed');
END;
CREATE TRIGGER ledger_entries_are_not_deleted BEFORE DELETE ON ledger_entries
BEGIN
    SELECT RAISE(ABORT, 'a ledger entry is never deleted');
END;
CREATE TRIGGER ledger_entries_are_not_replaced BEFORE INSERT ON ledger_entries
WHEN EXISTS (SELECT 1 FROM ledger_entries WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM ledger_entries WHERE order_id = NEW.order_id AND kind = NEW.kind)
BEGIN
    SELECT RAISE(ABORT, 'a ledger entry is never replaced');
END;
CREATE TRIGGER ledger_entries_agree_with_balance BEFORE INSERT ON ledger_entries
WHEN NEW.balance_micros <> (SELECT balance_micros FROM accounts WHERE id = NEW.account_id)
BEGIN
    SELECT RAISE(ABORT, 'a ledger entry must leave the balance that the account has');
END;
CREATE INDEX refills_by_order ON refills (order_id);
CREATE UNIQUE INDEX refills_one_open ON refills (order_id)
WHERE status IN ('pending', 'in progress');
CREATE INDEX cancels_by_order ON cancels (order_id);
CREATE UNIQUE INDEX cancels_one_open ON cancels (order_id) WHERE status = 'pending';
CREATE INDEX services_by_position ON services (position, id);
CREATE INDEX orders_by_service ON orders (service_id, id);
CREATE INDEX refills_by_status ON refills (status, id);
CREATE INDEX cancels_by_status ON cancels (status, id);
CREATE INDEX orders_of_provider ON orders (provider_id + 0, id) WHERE provider_id IS NOT NULL;
CREATE INDEX orders_by_link ON orders (link);
CREATE TRIGGER order_hours_count AFTER INSERT ON orders
BEGIN
    INSERT INTO order_hours
    VALUES (
        NEW.created_at / 3600, NEW.status, NEW.part IS NULL,
        NEW.charge_micros, NEW.refunded_micros, NEW.cost_micros
    )
    ON CONFLICT (hour, status) DO UPDATE SET
        orders = orders + excluded.orders,
        charge_micros = charge_micros + excluded.charge_micros,
        refunded_micros = refunded_micros + excluded.refunded_micros,
        cost_micros = cost_micros + excluded.cost_micros;
END;
CREATE TRIGGER order_hours_follow
AFTER UPDATE OF status, charge_micros, refunded_micros, cost_micros ON orders
WHEN OLD.status <> NEW.status OR OLD.charge_micros <> NEW.charge_micros
    OR OLD.refunded_micros <> NEW.refunded_micros OR OLD.cost_micros <> NEW.cost_micros
BEGIN
    UPDATE order_hours SET
        orders = orders - (OLD.part IS NULL),
        charge_micros = charge_micros - OLD.charge_micros,
        refunded_micros = refunded_micros - OLD.refunded_micros,
        cost_micros = cost_micros - OLD.cost_micros
    WHERE hour = OLD.created_at / 3600 AND status = OLD.status;
    INSERT INTO order_hours
    VALUES (
        OLD.created_at / 3600, NEW.status, OLD.part IS NULL,
        NEW.charge_micros, NEW.refunded_micros, NEW.cost_micros
    )
    ON CONFLICT (hour, status) DO UPDATE SET
        orders = orders + excluded.orders,
        charge_micros = charge_micros + excluded.charge_micros,
        refunded_micros = refunded_micros + excluded.refunded_micros,
        cost_micros = cost_micros + excluded.cost_micros;
END;
CREATE INDEX audit_lines_by_operator ON audit_lines (operator, id);
CREATE TRIGGER audit_lines_are_not_changed BEFORE UPDATE ON audit_lines
WHEN OLD.outcome <> 'begun' OR OLD.operator <> NEW.operator OR OLD.address <> NEW.address
    OR OLD.act <> NEW.act OR OLD.created_at <> NEW.created_at
BEGIN
    SELECT RAISE(ABORT, 'an audit line is never changed');
END;
CREATE TRIGGER audit_lines_are_not_deleted BEFORE DELETE ON audit_lines
BEGIN
    SELECT RAISE(ABORT, 'an audit line is never deleted');
END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('accounts',4);
INSERT INTO "sqlite_sequence" VALUES('ledger_entries',80);
INSERT INTO "sqlite_sequence" VALUES('providers',4);
INSERT INTO "sqlite_sequence" VALUES('services',14);
INSERT INTO "sqlite_sequence" VALUES('sources',11);
INSERT INTO "sqlite_sequence" VALUES('orders',64);
INSERT INTO "sqlite_sequence" VALUES('order_events',84);
INSERT INTO "sqlite_sequence" VALUES('sandbox_orders',2);
INSERT INTO "sqlite_sequence" VALUES('refills',8);
INSERT INTO "sqlite_sequence" VALUES('cancels',7);
INSERT INTO "sqlite_sequence" VALUES('operators',2);
INSERT INTO "sqlite_sequence" VALUES('audit_lines',3);
COMMIT;
PRAGMA user_version = 5;
