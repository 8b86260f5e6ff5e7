-- The whole present schema. Amounts are integers of a millionth of the currency unit (micros),
-- times are seconds since 1970 in UTC. Rules of panel/ that a table can hold stand here again.

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    key_hash BLOB NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
    balance_micros INTEGER NOT NULL DEFAULT 0
        CHECK (balance_micros BETWEEN 0 AND 1000000000000000000),
    created_at INTEGER NOT NULL,
    -- What the account gets off every rate, in millionths: 50000 is 5 %.
    discount_ppm INTEGER NOT NULL DEFAULT 0 CHECK (discount_ppm BETWEEN 0 AND 1000000),
    -- How answers are shaped for it; NULL: as the panel's default says.
    dialect TEXT CHECK (dialect IN ('sns', 'perfectpanel')),
    -- How many orders it placed, what it was charged for them less what was paid back, and when it
    -- placed the last one; triggers keep them.
    orders INTEGER NOT NULL DEFAULT 0,
    spent_micros INTEGER NOT NULL DEFAULT 0,
    last_order_at INTEGER
) STRICT;

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
    markup_ppm INTEGER CHECK (markup_ppm >= 0),
    round_micros INTEGER NOT NULL DEFAULT 1 CHECK (round_micros >= 1),
    -- Why a service that is not active is not: '' is the operator's own act.
    inactive_because TEXT NOT NULL DEFAULT ''
        CHECK (inactive_because IN ('', 'vanished', 'below cost')),
    dripfeed INTEGER NOT NULL DEFAULT 0 CHECK (dripfeed IN (0, 1)),
    -- Whether a link may have only one open order at a time.
    one_per_link INTEGER NOT NULL DEFAULT 0 CHECK (one_per_link IN (0, 1)),
    -- Where it stands in the catalogue; those with the same number stand by id.
    sort_order INTEGER NOT NULL DEFAULT 1000000000 CHECK (sort_order >= 0),
    -- Whether it is not sold until an operator confirms a pending change of its first source.
    held INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1)),
    -- What customers read of it on the reference page; '' for nothing.
    description TEXT NOT NULL DEFAULT '' CHECK (length(description) <= 10000),
    CHECK (min <= max)
) STRICT;

-- How often the services have changed: while this number stays, so does the list that is kept
-- of them, encoded. Counted here, so that no way to change a service can forget it.
CREATE TABLE catalogue (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;

INSERT INTO catalogue (id, version) VALUES (1, 1);

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

CREATE TABLE account_rates (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    service_id INTEGER NOT NULL REFERENCES services (id),
    rate_micros INTEGER NOT NULL CHECK (rate_micros BETWEEN 0 AND 1000000000000),
    PRIMARY KEY (account_id, service_id)
) STRICT, WITHOUT ROWID;

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
    idempotent INTEGER NOT NULL DEFAULT 0 CHECK (idempotent IN (0, 1)),
    -- The currency of its prices: as it names it, or as the operator says; '' is not known.
    currency TEXT NOT NULL DEFAULT '',
    -- Units of our currency for one of theirs, in parts per trillion (83200000000000 is 83.2),
    -- and since when; NULL where none was given.
    exchange_ppt INTEGER CHECK (exchange_ppt BETWEEN 1 AND 9000000000000000000),
    exchange_at INTEGER,
    -- Whether its prices are to be read as soon as can be.
    sync_wanted INTEGER NOT NULL DEFAULT 0 CHECK (sync_wanted IN (0, 1)),
    -- Why nothing is sent there until an operator resumes it; '' while it works. And the address
    -- that it redirects to, if it has moved.
    stopped_because TEXT NOT NULL DEFAULT '',
    moved_to TEXT NOT NULL DEFAULT '',
    -- When its prices were last read and followed.
    prices_at INTEGER,
    -- What it does not answer, and since when; '' and NULL while it answers.
    failing_because TEXT NOT NULL DEFAULT '',
    failing_since INTEGER,
    -- Since when an operator has it paused: nothing new is sent there; NULL while it is not.
    paused_at INTEGER
) STRICT;

-- Where a service is bought: first at the source of rank 1, after a clear refusal at rank 2.
CREATE TABLE sources (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    service_id INTEGER NOT NULL REFERENCES services (id),
    source_rank INTEGER NOT NULL CHECK (source_rank IN (1, 2)),
    provider_id INTEGER NOT NULL REFERENCES providers (id),
    provider_service TEXT NOT NULL CHECK (length(provider_service) BETWEEN 1 AND 64),
    cost_micros INTEGER NOT NULL CHECK (cost_micros BETWEEN 0 AND 1000000000000),
    dripfeed INTEGER NOT NULL DEFAULT 0 CHECK (dripfeed IN (0, 1)),
    -- The provider's name and category of the service, as they were taken over; '' if from before
    -- they were kept.
    name TEXT NOT NULL DEFAULT '',
    category TEXT NOT NULL DEFAULT '',
    -- What it cost before its price rose, and when it rose last; NULL if it did not of late.
    cost_before_micros INTEGER CHECK (cost_before_micros BETWEEN 0 AND 1000000000000),
    risen_at INTEGER,
    UNIQUE (service_id, source_rank)
) STRICT;

CREATE INDEX sources_by_provider ON sources (provider_id, provider_service);

-- What a provider changed and we do not follow until an operator confirms it: of one source, or
-- of the provider as a whole (source_id is NULL). While one that stops sale is pending, the
-- services that are bought there are held.
CREATE TABLE pending_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider_id INTEGER NOT NULL REFERENCES providers (id),
    source_id INTEGER REFERENCES sources (id),
    kind TEXT NOT NULL CHECK (
        kind IN (
            'currency', 'prices', 'loss', 'moved', 'name', 'category', 'fall', 'rise', 'charge'
        )
    ),
    stops_sale INTEGER NOT NULL CHECK (stops_sale IN (0, 1)),
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CHECK ((kind IN ('currency', 'prices', 'loss', 'moved')) = (source_id IS NULL))
) STRICT;

CREATE UNIQUE INDEX pending_changes_by_source ON pending_changes (source_id, kind)
WHERE source_id IS NOT NULL;
CREATE UNIQUE INDEX pending_changes_by_provider ON pending_changes (provider_id, kind)
WHERE source_id IS NULL;

-- What an operator taught us of a provider's words: what a status means, or what to do about a
-- refusal. The word is kept as panel/providers/words.py compares it.
CREATE TABLE provider_words (
    provider_id INTEGER NOT NULL REFERENCES providers (id),
    kind TEXT NOT NULL CHECK (kind IN ('status', 'refusal')),
    word TEXT NOT NULL CHECK (length(word) BETWEEN 1 AND 300),
    meaning TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (provider_id, kind, word)
) STRICT, WITHOUT ROWID;

-- Which actions a provider answers for one order or refill at a time only, as far as we saw.
CREATE TABLE asked_singly (
    provider_id INTEGER NOT NULL REFERENCES providers (id),
    action TEXT NOT NULL CHECK (action IN ('status', 'refill_status', 'cancel')),
    learned_at INTEGER NOT NULL,
    PRIMARY KEY (provider_id, action)
) STRICT, WITHOUT ROWID;

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
    -- How far it is on its way to a provider. '': fulfilled by hand; waiting: to be sent;
    -- sending: a request may be under way; sent: the provider has it; review: nobody knows
    -- whether it has; failed: no provider took it; parts: a drip-feed that is sent in parts.
    dispatch_state TEXT NOT NULL DEFAULT ''
        CHECK (dispatch_state IN ('', 'waiting', 'sending', 'sent', 'review', 'failed', 'parts')),
    provider_id INTEGER REFERENCES providers (id),
    provider_order TEXT
        CHECK (
            dispatch_state <> 'sent' OR (provider_id IS NOT NULL AND provider_order IS NOT NULL)
        ),
    cost_micros INTEGER NOT NULL DEFAULT 0 CHECK (cost_micros >= 0),
    -- Which source is tried, whether one of them refused for a reason that passes by itself,
    -- how often all of them refused, when to send it, and when to ask for its status.
    source_rank INTEGER NOT NULL DEFAULT 1 CHECK (source_rank IN (1, 2)),
    is_temporary INTEGER NOT NULL DEFAULT 0 CHECK (is_temporary IN (0, 1)),
    attempts INTEGER NOT NULL DEFAULT 0,
    send_at INTEGER NOT NULL DEFAULT 0,
    poll_at INTEGER NOT NULL DEFAULT 0,
    -- What an operator should know; mostly ''.
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
    may_be_at_provider INTEGER NOT NULL DEFAULT 0 CHECK (may_be_at_provider IN (0, 1)),
    -- Why it waits for the operator, or for funds at the provider. refusal: a refusal that is not
    -- known, until send_at; cost: it would cost more than it was sold for; word: a status that is not known; status: one that contradicts itself;
    -- posts: posts of a subscription that cannot be priced. held_text: the provider's own words.
    held_because TEXT NOT NULL DEFAULT ''
        CHECK (held_because IN ('', 'refusal', 'funds', 'cost', 'word', 'status', 'posts')),
    held_text TEXT NOT NULL DEFAULT '',
    -- The X-Request-Id of the request that placed it; '' for what no request placed.
    request_id TEXT NOT NULL DEFAULT '',
    -- Whether the database was restored from a copy since: what the copy says of its way to a
    -- provider may be out of date, so nothing is sent until an operator has looked.
    restored INTEGER NOT NULL DEFAULT 0 CHECK (restored IN (0, 1)),
    -- Why it must not be sent when it is released: how the database before the restore had it; ''
    -- where nothing is known that speaks against it.
    known_before TEXT NOT NULL DEFAULT '',
    CHECK ((runs IS NULL) = (interval IS NULL)),
    CHECK (refunded_micros BETWEEN 0 AND charge_micros),
    CHECK (refunded_micros = 0 OR status IN ('Partial', 'Canceled'))
) STRICT;

CREATE INDEX orders_by_account ON orders (account_id, id);
CREATE INDEX orders_by_status ON orders (status, id);
CREATE INDEX orders_to_send ON orders (provider_id, send_at) WHERE dispatch_state = 'waiting';
CREATE INDEX orders_to_poll ON orders (provider_id, poll_at)
WHERE dispatch_state = 'sent'
    AND status IN ('Pending', 'Processing', 'In progress', 'Active', 'Paused');
CREATE INDEX orders_in_doubt ON orders (dispatch_state)
WHERE dispatch_state IN ('sending', 'review');
-- All that is compared of them stands in it, so that none of them has to be read.
CREATE INDEX orders_with_warning ON orders (id, status, provider_id, dispatch_state, held_because)
WHERE warning <> '';
CREATE INDEX orders_held ON orders (held_because, provider_id) WHERE held_because <> '';
CREATE INDEX orders_restored ON orders (id) WHERE restored = 1;
-- With all that a report adds up, for the days at the edges of its range.
CREATE INDEX orders_by_time ON orders (
    created_at, id, service_id, account_id, provider_id, charge_micros, refunded_micros,
    cost_micros, part
);
-- The orders that have not moved for the longest time.
CREATE INDEX orders_unmoved ON orders (status, updated_at)
WHERE status IN ('Pending', 'Processing', 'In progress');
CREATE INDEX orders_in_parts ON orders (poll_at)
WHERE dispatch_state = 'parts'
    AND status IN ('Pending', 'Processing', 'In progress', 'Active', 'Paused');
CREATE INDEX orders_by_parent ON orders (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX orders_on_link ON orders (service_id, link)
WHERE status IN ('Pending', 'Processing', 'In progress', 'Active', 'Paused');
CREATE INDEX orders_by_provider ON orders (provider_id, provider_order)
WHERE provider_order IS NOT NULL;

-- Which order an account's idempotency key gave, and for which parameters.
CREATE TABLE idempotency_keys (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    key TEXT NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    parameters_hash BLOB NOT NULL CHECK (length(parameters_hash) = 32),
    order_id INTEGER NOT NULL REFERENCES orders (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_order ON idempotency_keys (order_id);

-- What happened between the panel and the providers, and what an operator did about it.
CREATE TABLE order_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    kind TEXT NOT NULL
        CHECK (kind IN ('sending', 'sent', 'refused', 'unknown', 'warning', 'operator')),
    text TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX order_events_by_order ON order_events (order_id);

-- What was sent to a provider and what came back, bounded and without keys; old rows are deleted
-- (panel/orders/exchanges.py).
CREATE TABLE exchanges (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    event_id INTEGER REFERENCES order_events (id),
    provider_id INTEGER REFERENCES providers (id),
    action TEXT NOT NULL,
    -- A JSON object of texts, or '' where another row tells it.
    sent TEXT NOT NULL DEFAULT '' CHECK (length(sent) <= 20000),
    http_status INTEGER,
    answer TEXT NOT NULL DEFAULT '' CHECK (length(answer) <= 2100),
    -- What it meant, where no event says that.
    understood TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX exchanges_by_order ON exchanges (order_id, id);

CREATE TABLE ledger_entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL CHECK (kind IN ('deposit', 'withdrawal', 'charge', 'refund')),
    amount_micros INTEGER NOT NULL,
    balance_micros INTEGER NOT NULL CHECK (balance_micros >= 0),
    order_id INTEGER REFERENCES orders (id),
    note TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    -- Who entered a deposit or a withdrawal, as the audit names them; '' for what the panel did.
    operator TEXT NOT NULL DEFAULT '',
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

CREATE INDEX ledger_entries_by_account ON ledger_entries (account_id, id);
-- The kinds that are fewer than the charges, for the lists of the dashboard.
CREATE INDEX ledger_entries_by_kind ON ledger_entries (kind, id) WHERE kind <> 'charge';
-- "+ 0" leads to it: of two indexes that both give the order, SQLite takes the narrower one, and
-- reads all that an account was ever charged.
CREATE INDEX ledger_entries_by_account_and_kind ON ledger_entries (account_id + 0, kind, id)
WHERE kind <> 'charge';

-- An order is charged once and refunded once, whatever happens above this file.
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

-- REPLACE deletes without firing the trigger above, unless PRAGMA recursive_triggers is on.
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

CREATE TABLE refills (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    status TEXT NOT NULL CHECK (
        status IN ('pending', 'in progress', 'completed', 'rejected', 'error')
    ),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    provider_refill TEXT,
    -- When to pass it on to the provider, and from then on when to ask for its status.
    send_at INTEGER NOT NULL DEFAULT 0,
    poll_at INTEGER NOT NULL DEFAULT 0,
    -- How often the provider gave no number for it, and what an operator should know of that.
    attempts INTEGER NOT NULL DEFAULT 0,
    warning TEXT NOT NULL DEFAULT '',
    -- As of orders.
    request_id TEXT NOT NULL DEFAULT '',
    restored INTEGER NOT NULL DEFAULT 0 CHECK (restored IN (0, 1))
) STRICT;

CREATE INDEX refills_with_warning ON refills (id) WHERE warning <> '';
CREATE INDEX refills_by_order ON refills (order_id);
-- "+" hides refills_by_status, which would have to be sorted, from the queries of these two.
CREATE INDEX refills_open ON refills (id) WHERE +status IN ('pending', 'in progress');
-- The open ones that no provider has, or of which an operator should know something.
CREATE INDEX refills_by_hand ON refills (id)
WHERE +status IN ('pending', 'in progress')
    AND (provider_refill IS NULL OR warning <> '' OR restored = 1);
CREATE INDEX refills_restored ON refills (id) WHERE restored = 1;
CREATE UNIQUE INDEX refills_one_open ON refills (order_id)
WHERE status IN ('pending', 'in progress');

CREATE TABLE cancels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    status TEXT NOT NULL CHECK (status IN ('pending', 'accepted', 'rejected')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- Whether the provider was asked; its answer comes as the order's status.
    passed_on INTEGER NOT NULL DEFAULT 0 CHECK (passed_on IN (0, 1)),
    send_at INTEGER NOT NULL DEFAULT 0,
    -- As of orders.
    request_id TEXT NOT NULL DEFAULT '',
    restored INTEGER NOT NULL DEFAULT 0 CHECK (restored IN (0, 1))
) STRICT;

CREATE INDEX cancels_by_order ON cancels (order_id);
CREATE INDEX cancels_restored ON cancels (id) WHERE restored = 1;
CREATE UNIQUE INDEX cancels_one_open ON cancels (order_id) WHERE status = 'pending';

-- The orders that the sandbox provider has taken; times are in milliseconds.
CREATE TABLE sandbox_orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    link TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    added_at_ms INTEGER NOT NULL,
    canceled_at_ms INTEGER,
    -- A subscription has posts instead of a quantity: so many, of this many each.
    posts INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX services_by_sort_order ON services (sort_order, id);

-- The lists of the dashboard, newest first.
CREATE INDEX orders_by_service ON orders (service_id, id);
CREATE INDEX refills_by_status ON refills (status, id);
CREATE INDEX cancels_by_status ON cancels (status, id);
-- "+ 0" hides this index from the worker's queries: it would lead them through all the orders
-- that a provider ever had.
CREATE INDEX orders_of_provider ON orders (provider_id + 0, id) WHERE provider_id IS NOT NULL;
CREATE INDEX orders_by_link ON orders (link);

-- The search for a part of a link. A row is the links of 64 orders: order n is in row n / 64. The
-- worker adds rows behind the orders (database/link_index.py); no order waits for that.
CREATE VIRTUAL TABLE order_links USING fts5 (
    links, content = '', detail = none, tokenize = 'trigram'
);

-- What was ordered in each hour, by present status: kept beside the orders by the triggers
-- below, so that nobody has to add millions of them up. hour is created_at / 3600. A part of a
-- drip-feed is not counted as an order, but its cost is.
CREATE TABLE order_hours (
    hour INTEGER NOT NULL,
    status TEXT NOT NULL,
    orders INTEGER NOT NULL,
    charge_micros INTEGER NOT NULL,
    refunded_micros INTEGER NOT NULL,
    cost_micros INTEGER NOT NULL,
    PRIMARY KEY (hour, status)
) STRICT, WITHOUT ROWID;

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
AFTER UPDATE OF created_at, status, charge_micros, refunded_micros, cost_micros ON orders
WHEN OLD.created_at <> NEW.created_at OR OLD.status <> NEW.status
    OR OLD.charge_micros <> NEW.charge_micros
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
        NEW.created_at / 3600, NEW.status, OLD.part IS NULL,
        NEW.charge_micros, NEW.refunded_micros, NEW.cost_micros
    )
    ON CONFLICT (hour, status) DO UPDATE SET
        orders = orders + excluded.orders,
        charge_micros = charge_micros + excluded.charge_micros,
        refunded_micros = refunded_micros + excluded.refunded_micros,
        cost_micros = cost_micros + excluded.cost_micros;
END;

-- What was ordered in each week, by service and provider, and in each four weeks by account, for
-- the reports: written when a week or a period is over (panel/sums.py), and then kept by the
-- triggers below. week is created_at / 604800, period is created_at / 2419200; provider_id is 0
-- for what is bought nowhere.
CREATE TABLE service_weeks (
    week INTEGER NOT NULL,
    service_id INTEGER NOT NULL,
    provider_id INTEGER NOT NULL,
    orders INTEGER NOT NULL,
    charge_micros INTEGER NOT NULL,
    refunded_micros INTEGER NOT NULL,
    cost_micros INTEGER NOT NULL,
    PRIMARY KEY (week, service_id, provider_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE account_periods (
    period INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    orders INTEGER NOT NULL,
    charge_micros INTEGER NOT NULL,
    refunded_micros INTEGER NOT NULL,
    cost_micros INTEGER NOT NULL,
    PRIMARY KEY (period, account_id)
) STRICT, WITHOUT ROWID;

-- Up to which week and which period, these not included, all orders are in the sums.
CREATE TABLE summed (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    week INTEGER NOT NULL,
    period INTEGER NOT NULL
) STRICT;

INSERT INTO summed (id, week, period) VALUES (1, 0, 0);

-- An order that was placed in a week that is summed: its row came from another database of this
-- panel, or the clock was set back. week is never behind period.
CREATE TRIGGER sums_gain_an_order AFTER INSERT ON orders
WHEN NEW.created_at / 604800 < (SELECT week FROM summed WHERE id = 1)
BEGIN
    INSERT INTO service_weeks
    VALUES (
        NEW.created_at / 604800, NEW.service_id, IFNULL(NEW.provider_id, 0), NEW.part IS NULL,
        NEW.charge_micros, NEW.refunded_micros, NEW.cost_micros
    )
    ON CONFLICT (week, service_id, provider_id) DO UPDATE SET
        orders = orders + excluded.orders,
        charge_micros = charge_micros + excluded.charge_micros,
        refunded_micros = refunded_micros + excluded.refunded_micros,
        cost_micros = cost_micros + excluded.cost_micros;
    INSERT INTO account_periods
    SELECT NEW.created_at / 2419200, NEW.account_id, NEW.part IS NULL,
        NEW.charge_micros, NEW.refunded_micros, NEW.cost_micros
    FROM summed WHERE NEW.created_at / 2419200 < period
    ON CONFLICT (period, account_id) DO UPDATE SET
        orders = orders + excluded.orders,
        charge_micros = charge_micros + excluded.charge_micros,
        refunded_micros = refunded_micros + excluded.refunded_micros,
        cost_micros = cost_micros + excluded.cost_micros;
END;

CREATE TRIGGER sums_follow_an_order
AFTER UPDATE OF created_at, provider_id, charge_micros, refunded_micros, cost_micros ON orders
WHEN min(OLD.created_at, NEW.created_at) / 604800 < (SELECT week FROM summed WHERE id = 1)
    AND (
        OLD.created_at <> NEW.created_at OR OLD.provider_id IS NOT NEW.provider_id
        OR OLD.charge_micros <> NEW.charge_micros
        OR OLD.refunded_micros <> NEW.refunded_micros OR OLD.cost_micros <> NEW.cost_micros
    )
BEGIN
    UPDATE service_weeks SET
        orders = orders - (OLD.part IS NULL),
        charge_micros = charge_micros - OLD.charge_micros,
        refunded_micros = refunded_micros - OLD.refunded_micros,
        cost_micros = cost_micros - OLD.cost_micros
    WHERE week = OLD.created_at / 604800 AND service_id = OLD.service_id
        AND provider_id = IFNULL(OLD.provider_id, 0);
    INSERT INTO service_weeks
    SELECT NEW.created_at / 604800, OLD.service_id, IFNULL(NEW.provider_id, 0), OLD.part IS NULL,
        NEW.charge_micros, NEW.refunded_micros, NEW.cost_micros
    FROM summed WHERE NEW.created_at / 604800 < week
    ON CONFLICT (week, service_id, provider_id) DO UPDATE SET
        orders = orders + excluded.orders,
        charge_micros = charge_micros + excluded.charge_micros,
        refunded_micros = refunded_micros + excluded.refunded_micros,
        cost_micros = cost_micros + excluded.cost_micros;
    UPDATE account_periods SET
        orders = orders - (OLD.part IS NULL),
        charge_micros = charge_micros - OLD.charge_micros,
        refunded_micros = refunded_micros - OLD.refunded_micros,
        cost_micros = cost_micros - OLD.cost_micros
    WHERE period = OLD.created_at / 2419200 AND account_id = OLD.account_id;
    INSERT INTO account_periods
    SELECT NEW.created_at / 2419200, OLD.account_id, OLD.part IS NULL,
        NEW.charge_micros, NEW.refunded_micros, NEW.cost_micros
    FROM summed WHERE NEW.created_at / 2419200 < period
    ON CONFLICT (period, account_id) DO UPDATE SET
        orders = orders + excluded.orders,
        charge_micros = charge_micros + excluded.charge_micros,
        refunded_micros = refunded_micros + excluded.refunded_micros,
        cost_micros = cost_micros + excluded.cost_micros;
END;

-- What each account ordered altogether, in its own row: that changes with its balance anyway.
CREATE TRIGGER accounts_count_an_order AFTER INSERT ON orders
BEGIN
    UPDATE accounts SET
        orders = orders + (NEW.part IS NULL),
        spent_micros = spent_micros + NEW.charge_micros - NEW.refunded_micros,
        last_order_at = max(ifnull(last_order_at, 0), NEW.created_at)
    WHERE id = NEW.account_id;
END;

CREATE TRIGGER accounts_follow_an_order
AFTER UPDATE OF charge_micros, refunded_micros ON orders
WHEN OLD.charge_micros <> NEW.charge_micros OR OLD.refunded_micros <> NEW.refunded_micros
BEGIN
    UPDATE accounts SET spent_micros = spent_micros
        + NEW.charge_micros - OLD.charge_micros - NEW.refunded_micros + OLD.refunded_micros
    WHERE id = OLD.account_id;
END;

-- When a process was last alive: the worker.
CREATE TABLE heartbeats (
    name TEXT NOT NULL PRIMARY KEY,
    seen_at INTEGER NOT NULL
) STRICT;

-- Which panel's database this is; the state file beside it says the same. No row until the panel
-- first opens it.
CREATE TABLE identity (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    panel TEXT NOT NULL CHECK (length(panel) = 32)
) STRICT;

-- When a task of the panel's own was last done, such as the backup, and what failed last; '' if
-- the last one succeeded.
CREATE TABLE task_runs (
    name TEXT NOT NULL PRIMARY KEY CHECK (name IN ('backup', 'ledger check', 'replica check')),
    succeeded_at INTEGER,
    failed_at INTEGER,
    problem TEXT NOT NULL DEFAULT '',
    -- When an operator asked for it in the dashboard; the worker does it as soon as it can.
    wanted_at INTEGER
) STRICT;

-- What is wrong, or was of late: an operator is told by PANEL_NOTIFY when it begins, daily, and
-- when it is over. subject: what it is about, such as a provider's name; '' where there is only one.
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    -- When it was last told, when it ended, and when its end was told: by any of the addresses.
    told_at INTEGER,
    ended_at INTEGER,
    end_told_at INTEGER,
    -- How often it came back soon after it had ended, and when it did last.
    returns INTEGER NOT NULL DEFAULT 0,
    returned_at INTEGER,
    -- What it is about, such as each of its orders, as JSON; and how many of them came since it
    -- began: those are told, too.
    things TEXT NOT NULL DEFAULT '{}',
    arrivals INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE UNIQUE INDEX alerts_one_open ON alerts (kind, subject) WHERE ended_at IS NULL;
CREATE INDEX alerts_by_end ON alerts (ended_at);

-- What each address of PANEL_NOTIFY took: one that fails is told later, and the others not twice.
CREATE TABLE alert_tellings (
    alert_id INTEGER NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    address_hash BLOB NOT NULL CHECK (length(address_hash) = 32),
    told_at INTEGER NOT NULL,
    -- When it was told that it is over; NULL again when it came back and that was told.
    end_told_at INTEGER,
    -- How many of the alert's arrivals had come when it was last told.
    arrivals INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (alert_id, address_hash)
) STRICT, WITHOUT ROWID;

-- Who may sign in to the dashboard.
CREATE TABLE operators (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    password_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- viewer: may look at everything and change nothing.
    role TEXT NOT NULL DEFAULT 'operator' CHECK (role IN ('operator', 'viewer')),
    -- The secret of the one-time passwords, '' while they are off; and the time step of the last
    -- one that was taken, so that none is taken twice.
    totp_secret TEXT NOT NULL DEFAULT '',
    totp_step INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Codes that take the place of a one-time password, each once.
CREATE TABLE recovery_codes (
    operator_id INTEGER NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    code_hash BLOB NOT NULL CHECK (length(code_hash) = 32),
    PRIMARY KEY (operator_id, code_hash)
) STRICT, WITHOUT ROWID;

-- Who is signed in; a session that ended has no row. device: what the browser calls itself.
CREATE TABLE operator_sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    operator_id INTEGER NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    address TEXT NOT NULL,
    device TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT;

CREATE INDEX operator_sessions_by_operator ON operator_sessions (operator_id);

-- Browsers that an operator has signed in from: others' wrong passwords do not lock them out.
CREATE TABLE operator_devices (
    operator_id INTEGER NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    token_hash BLOB NOT NULL CHECK (length(token_hash) = 32),
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (operator_id, token_hash)
) STRICT, WITHOUT ROWID;

-- Wrong passwords of the last minutes, by what they count against: a name, an address or network,
-- or a known device.
CREATE TABLE sign_in_failures (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    counted_against TEXT NOT NULL,
    failed_at INTEGER NOT NULL
) STRICT;

CREATE INDEX sign_in_failures_by_subject ON sign_in_failures (counted_against, failed_at);

-- Who did what, when, and with which outcome. A name stays when its operator is removed.
CREATE TABLE audit_lines (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    operator TEXT NOT NULL,
    address TEXT NOT NULL,
    act TEXT NOT NULL,
    -- begun until the act is over; then done, or refused and why.
    outcome TEXT NOT NULL DEFAULT 'begun',
    created_at INTEGER NOT NULL,
    -- The order that it was done to; one that does not exist, too, where it was refused for that.
    order_id INTEGER,
    -- What it is about: order, customer, service, provider, sign-in or panel.
    kind TEXT NOT NULL DEFAULT 'panel'
) STRICT;

CREATE INDEX audit_lines_by_operator ON audit_lines (operator, id);
CREATE INDEX audit_lines_by_order ON audit_lines (order_id, id) WHERE order_id IS NOT NULL;
CREATE INDEX audit_lines_by_kind ON audit_lines (kind, id);
CREATE INDEX audit_lines_by_operator_and_kind ON audit_lines (operator, kind, id);

CREATE TRIGGER audit_lines_are_not_changed BEFORE UPDATE ON audit_lines
WHEN OLD.outcome <> 'begun' OR OLD.operator <> NEW.operator OR OLD.address <> NEW.address
    OR OLD.act <> NEW.act OR OLD.created_at <> NEW.created_at OR OLD.kind <> NEW.kind
    OR OLD.order_id IS NOT NEW.order_id
BEGIN
    SELECT RAISE(ABORT, 'an audit line is never changed');
END;

CREATE TRIGGER audit_lines_are_not_deleted BEFORE DELETE ON audit_lines
BEGIN
    SELECT RAISE(ABORT, 'an audit line is never deleted');
END;

CREATE TRIGGER audit_lines_are_not_replaced BEFORE INSERT ON audit_lines
WHEN EXISTS (SELECT 1 FROM audit_lines WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'an audit line is never replaced');
END;

-- Forms of the dashboard that made something, so that one that is sent twice makes it once. made:
-- the number of what it made, such as the ledger entry of a deposit.
CREATE TABLE submitted_forms (
    form TEXT NOT NULL,
    token TEXT NOT NULL CHECK (length(token) BETWEEN 1 AND 64),
    made INTEGER NOT NULL,
    submitted_at INTEGER NOT NULL,
    PRIMARY KEY (form, token)
) STRICT, WITHOUT ROWID;

CREATE INDEX submitted_forms_by_time ON submitted_forms (submitted_at);
