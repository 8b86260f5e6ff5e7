-- The dashboard: operators, what they did, the order of the catalogue, sums by the hour.

ALTER TABLE services ADD COLUMN position INTEGER NOT NULL DEFAULT 1000000000
    CHECK (position >= 0);
CREATE INDEX services_by_position ON services (position, id);

-- The lists of the dashboard, newest first.
CREATE INDEX orders_by_service ON orders (service_id, id);
CREATE INDEX refills_by_status ON refills (status, id);
CREATE INDEX cancels_by_status ON cancels (status, id);
-- "+ 0" hides this index from the worker's queries: it would lead them through all the orders
-- that a provider ever had.
CREATE INDEX orders_of_provider ON orders (provider_id + 0, id) WHERE provider_id IS NOT NULL;
CREATE INDEX orders_by_link ON orders (link);

-- What was ordered in each hour (a part of a drip-feed is not counted, but its cost is), by present status: kept beside the orders by the triggers
-- below, so that nobody has to add millions of them up. hour is created_at / 3600.
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

-- When a process was last alive: the worker.
CREATE TABLE heartbeats (
    name TEXT NOT NULL PRIMARY KEY,
    seen_at INTEGER NOT NULL
) STRICT;

-- Who may sign in to the dashboard.
CREATE TABLE operators (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    password_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Who did what, when, and what came of it. A name stays when its operator goes.
CREATE TABLE audit_lines (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    operator TEXT NOT NULL,
    address TEXT NOT NULL,
    act TEXT NOT NULL,
    -- begun until the act is over; then done, or refused and why.
    outcome TEXT NOT NULL DEFAULT 'begun',
    created_at INTEGER NOT NULL
) STRICT;

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

INSERT INTO order_hours
SELECT created_at / 3600, status, SUM(part IS NULL), SUM(charge_micros), SUM(refunded_micros), SUM(cost_micros)
FROM orders GROUP BY 1, 2;
