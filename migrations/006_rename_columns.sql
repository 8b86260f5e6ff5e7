-- Renames columns to the terms that the code uses, and splits due_at into send_at and poll_at:
-- when to send, and when to ask for the status. All values stay.

ALTER TABLE accounts RENAME COLUMN discount_micros TO discount_ppm;
ALTER TABLE services RENAME COLUMN markup_micros TO markup_ppm;
ALTER TABLE services RENAME COLUMN position TO sort_order;
ALTER TABLE sources RENAME COLUMN position TO source_rank;
ALTER TABLE cancels RENAME COLUMN due_at TO send_at;

DROP INDEX services_by_position;
CREATE INDEX services_by_sort_order ON services (sort_order, id);

-- Where columns are split, the table is rebuilt under another name, which is then changed to its
-- own: the references of other tables stay valid. The row of sqlite_sequence comes along, so that
-- no number is given out twice.

CREATE TABLE new_orders (
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
    CHECK ((runs IS NULL) = (interval IS NULL)),
    CHECK (refunded_micros BETWEEN 0 AND charge_micros),
    CHECK (refunded_micros = 0 OR status IN ('Partial', 'Canceled'))
) STRICT;

INSERT INTO new_orders (
    id, account_id, service_id, link, quantity, charge_micros, refunded_micros, status,
    start_count, remains, created_at, updated_at, dispatch_state, provider_id, provider_order,
    cost_micros, source_rank, is_temporary, attempts, send_at, poll_at, warning, parameters,
    runs, interval, parent_id, part, send_key, may_be_at_provider
)
SELECT
    id, account_id, service_id, link, quantity, charge_micros, refunded_micros, status,
    start_count, remains, created_at, updated_at, forward, provider_id, provider_order,
    cost_micros, position, may_pass, attempts,
    CASE WHEN forward = 'waiting' THEN due_at ELSE 0 END,
    CASE WHEN forward = 'waiting' THEN 0 ELSE due_at END,
    warning, parameters, runs, interval, parent_id, part, send_key, maybe_taken
FROM orders;

DELETE FROM sqlite_sequence WHERE name = 'new_orders';
INSERT INTO sqlite_sequence (name, seq)
SELECT 'new_orders', seq FROM sqlite_sequence WHERE name = 'orders';
DROP TABLE orders;
ALTER TABLE new_orders RENAME TO orders;

CREATE INDEX orders_by_account ON orders (account_id, id);
CREATE INDEX orders_by_status ON orders (status, id);
CREATE INDEX orders_to_send ON orders (provider_id, send_at) WHERE dispatch_state = 'waiting';
CREATE INDEX orders_to_poll ON orders (provider_id, poll_at)
WHERE dispatch_state = 'sent'
    AND status IN ('Pending', 'Processing', 'In progress', 'Active', 'Paused');
CREATE INDEX orders_in_doubt ON orders (dispatch_state)
WHERE dispatch_state IN ('sending', 'review');
CREATE INDEX orders_with_warning ON orders (id) WHERE warning <> '';
CREATE INDEX orders_by_time ON orders (created_at);
CREATE INDEX orders_in_parts ON orders (poll_at)
WHERE dispatch_state = 'parts'
    AND status IN ('Pending', 'Processing', 'In progress', 'Active', 'Paused');
CREATE INDEX orders_by_parent ON orders (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX orders_on_link ON orders (service_id, link)
WHERE status IN ('Pending', 'Processing', 'In progress', 'Active', 'Paused');
CREATE INDEX orders_by_provider ON orders (provider_id, provider_order)
WHERE provider_order IS NOT NULL;
CREATE INDEX orders_by_service ON orders (service_id, id);
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

CREATE TABLE new_refills (
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
    poll_at INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO new_refills (
    id, order_id, status, created_at, updated_at, provider_refill, send_at, poll_at
)
SELECT
    id, order_id, status, created_at, updated_at, provider_refill,
    CASE WHEN provider_refill IS NULL THEN due_at ELSE 0 END,
    CASE WHEN provider_refill IS NULL THEN 0 ELSE due_at END
FROM refills;

DELETE FROM sqlite_sequence WHERE name = 'new_refills';
INSERT INTO sqlite_sequence (name, seq)
SELECT 'new_refills', seq FROM sqlite_sequence WHERE name = 'refills';
DROP TABLE refills;
ALTER TABLE new_refills RENAME TO refills;

CREATE INDEX refills_by_order ON refills (order_id);
CREATE UNIQUE INDEX refills_one_open ON refills (order_id)
WHERE status IN ('pending', 'in progress');
CREATE INDEX refills_by_status ON refills (status, id);

CREATE TRIGGER audit_lines_are_not_replaced BEFORE INSERT ON audit_lines
WHEN EXISTS (SELECT 1 FROM audit_lines WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'an audit line is never replaced');
END;
