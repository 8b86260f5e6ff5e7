-- What the dashboard's daily work needs.

-- The search for a part of a link. It begins empty: the worker adds the orders that there are,
-- bit by bit.
CREATE VIRTUAL TABLE order_links USING fts5 (
    links, content = '', detail = none, tokenize = 'trigram'
);

-- Providers that are paused; what was sent to a provider, and what came back.
ALTER TABLE providers ADD COLUMN paused_at INTEGER;
-- And services that say what they are.
ALTER TABLE services ADD COLUMN description TEXT NOT NULL DEFAULT ''
    CHECK (length(description) <= 10000);

-- What was sent and what came back.
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

-- Requests that wait for an operator.
-- "+" hides refills_by_status, which would have to be sorted, from the queries of these two.
CREATE INDEX refills_open ON refills (id) WHERE +status IN ('pending', 'in progress');
-- The open ones that no provider has, or of which an operator should know something.
CREATE INDEX refills_by_hand ON refills (id)
WHERE +status IN ('pending', 'in progress')
    AND (provider_refill IS NULL OR warning <> '' OR restored = 1);

-- Which order an audit line is about: of the lines that there are, as far as they say it.
ALTER TABLE audit_lines ADD COLUMN order_id INTEGER;
DROP TRIGGER audit_lines_are_not_changed;
UPDATE audit_lines SET order_id = CAST(substr(act, 7) AS INTEGER)
WHERE act GLOB 'order [1-9]*:*';
UPDATE audit_lines SET order_id = (
    SELECT order_id FROM cancels WHERE id = CAST(substr(audit_lines.act, 16) AS INTEGER)
)
WHERE act GLOB 'cancel request [1-9]*:*';
UPDATE audit_lines SET order_id = (
    SELECT order_id FROM refills WHERE id = CAST(substr(audit_lines.act, 8) AS INTEGER)
)
WHERE act GLOB 'refill [1-9]*:*';
CREATE INDEX audit_lines_by_order ON audit_lines (order_id, id) WHERE order_id IS NOT NULL;
CREATE TRIGGER audit_lines_are_not_changed BEFORE UPDATE ON audit_lines
WHEN OLD.outcome <> 'begun' OR OLD.operator <> NEW.operator OR OLD.address <> NEW.address
    OR OLD.act <> NEW.act OR OLD.created_at <> NEW.created_at
    OR OLD.order_id IS NOT NEW.order_id
BEGIN
    SELECT RAISE(ABORT, 'an audit line is never changed');
END;

-- Forms that were sent already; sums for the lists of customers and the reports.

CREATE TABLE submitted_forms (
    form TEXT NOT NULL,
    token TEXT NOT NULL CHECK (length(token) BETWEEN 1 AND 64),
    made INTEGER NOT NULL,
    submitted_at INTEGER NOT NULL,
    PRIMARY KEY (form, token)
) STRICT, WITHOUT ROWID;

CREATE INDEX submitted_forms_by_time ON submitted_forms (submitted_at);

DROP INDEX orders_by_time;
CREATE INDEX orders_by_time ON orders (
    created_at, id, service_id, account_id, provider_id, charge_micros, refunded_micros,
    cost_micros, part
);

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

CREATE TABLE summed (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    week INTEGER NOT NULL,
    period INTEGER NOT NULL
) STRICT;

DROP TRIGGER order_hours_follow;
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

-- The weeks and the periods that are over.
INSERT INTO summed (id, week, period)
VALUES (1, CAST(strftime('%s', 'now') AS INTEGER) / 604800, CAST(strftime('%s', 'now') AS INTEGER) / 2419200);

INSERT INTO service_weeks
SELECT created_at / 604800, service_id, IFNULL(provider_id, 0), SUM(part IS NULL),
    SUM(charge_micros), SUM(refunded_micros), SUM(cost_micros)
FROM orders WHERE created_at < (SELECT week FROM summed) * 604800 GROUP BY 1, 2, 3;

INSERT INTO account_periods
SELECT created_at / 2419200, account_id, SUM(part IS NULL),
    SUM(charge_micros), SUM(refunded_micros), SUM(cost_micros)
FROM orders WHERE created_at < (SELECT period FROM summed) * 2419200 GROUP BY 1, 2;

ALTER TABLE accounts ADD COLUMN orders INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN spent_micros INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN last_order_at INTEGER;
UPDATE accounts SET orders = found.orders, spent_micros = found.spent, last_order_at = found.last
FROM (
    SELECT account_id, SUM(part IS NULL) AS orders, SUM(charge_micros - refunded_micros) AS spent,
        MAX(created_at) AS last
    FROM orders GROUP BY account_id
) AS found
WHERE accounts.id = found.account_id;

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

ALTER TABLE ledger_entries ADD COLUMN operator TEXT NOT NULL DEFAULT '';
CREATE INDEX ledger_entries_by_kind ON ledger_entries (kind, id) WHERE kind <> 'charge';
CREATE INDEX ledger_entries_by_account_and_kind ON ledger_entries (account_id + 0, kind, id)
WHERE kind <> 'charge';

ALTER TABLE task_runs ADD COLUMN wanted_at INTEGER;

DROP TRIGGER audit_lines_are_not_changed;
ALTER TABLE audit_lines ADD COLUMN kind TEXT NOT NULL DEFAULT 'panel';
UPDATE audit_lines SET kind = CASE
    WHEN act GLOB 'order *' OR act GLOB 'refill *' OR act GLOB 'cancel request *' THEN 'order'
    WHEN act GLOB 'customer *' THEN 'customer'
    WHEN act GLOB 'service *' OR act GLOB 'services *' THEN 'service'
    WHEN act GLOB 'provider *' THEN 'provider'
    WHEN act GLOB 'sign in*' OR act GLOB 'sign out*' OR act GLOB 'end session *'
        OR act GLOB 'end all other sessions*' OR act GLOB 'new password*'
        OR act GLOB 'begin to set up one-time passwords*' OR act GLOB 'one-time passwords *'
        OR act GLOB 'new recovery codes*' OR act GLOB 'operator *' THEN 'sign-in'
    ELSE 'panel'
END;
CREATE INDEX audit_lines_by_kind ON audit_lines (kind, id);
CREATE INDEX audit_lines_by_operator_and_kind ON audit_lines (operator, kind, id);
CREATE TRIGGER audit_lines_are_not_changed BEFORE UPDATE ON audit_lines
WHEN OLD.outcome <> 'begun' OR OLD.operator <> NEW.operator OR OLD.address <> NEW.address
    OR OLD.act <> NEW.act OR OLD.created_at <> NEW.created_at OR OLD.kind <> NEW.kind
    OR OLD.order_id IS NOT NEW.order_id
BEGIN
    SELECT RAISE(ABORT, 'an audit line is never changed');
END;

-- Indexes of the lists.
DROP INDEX orders_with_warning;
CREATE INDEX orders_with_warning ON orders (id, status, provider_id, dispatch_state, held_because)
WHERE warning <> '';
CREATE INDEX refills_restored ON refills (id) WHERE restored = 1;
CREATE INDEX cancels_restored ON cancels (id) WHERE restored = 1;
