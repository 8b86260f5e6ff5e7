-- All service types, drip-feed, subscriptions, dialects and idempotency keys.

ALTER TABLE accounts ADD COLUMN dialect TEXT CHECK (dialect IN ('sns', 'perfectpanel'));

ALTER TABLE services ADD COLUMN dripfeed INTEGER NOT NULL DEFAULT 0 CHECK (dripfeed IN (0, 1));
ALTER TABLE services ADD COLUMN one_per_link INTEGER NOT NULL DEFAULT 0
    CHECK (one_per_link IN (0, 1));

ALTER TABLE providers ADD COLUMN idempotent INTEGER NOT NULL DEFAULT 0
    CHECK (idempotent IN (0, 1));

ALTER TABLE sources ADD COLUMN dripfeed INTEGER NOT NULL DEFAULT 0 CHECK (dripfeed IN (0, 1));

-- The rules of a table cannot be altered, so orders moves into a new one.
CREATE TABLE new_orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    service_id INTEGER NOT NULL REFERENCES services (id),
    link TEXT NOT NULL,
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
    forward TEXT NOT NULL DEFAULT ''
        CHECK (forward IN ('', 'waiting', 'sending', 'sent', 'review', 'failed', 'parts')),
    provider_id INTEGER REFERENCES providers (id),
    provider_order TEXT
        CHECK (forward <> 'sent' OR (provider_id IS NOT NULL AND provider_order IS NOT NULL)),
    cost_micros INTEGER NOT NULL DEFAULT 0 CHECK (cost_micros >= 0),
    position INTEGER NOT NULL DEFAULT 1 CHECK (position IN (1, 2)),
    may_pass INTEGER NOT NULL DEFAULT 0 CHECK (may_pass IN (0, 1)),
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL DEFAULT 0,
    warning TEXT NOT NULL DEFAULT '',
    parameters TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(parameters)),
    runs INTEGER CHECK (runs >= 1),
    interval INTEGER CHECK (interval >= 1),
    parent_id INTEGER REFERENCES orders (id),
    part INTEGER CHECK (part IS NULL OR parent_id IS NOT NULL),
    send_key TEXT,
    maybe_taken INTEGER NOT NULL DEFAULT 0 CHECK (maybe_taken IN (0, 1)),
    CHECK ((runs IS NULL) = (interval IS NULL)),
    CHECK (refunded_micros BETWEEN 0 AND charge_micros),
    CHECK (refunded_micros = 0 OR status IN ('Partial', 'Canceled'))
) STRICT;

INSERT INTO new_orders (
    id, account_id, service_id, link, quantity, charge_micros, refunded_micros, status,
    start_count, remains, created_at, updated_at, forward, provider_id, provider_order,
    cost_micros, position, may_pass, attempts, due_at, warning
)
SELECT
    id, account_id, service_id, link, quantity, charge_micros, refunded_micros, status,
    start_count, remains, created_at, updated_at, forward, provider_id, provider_order,
    cost_micros, position, may_pass, attempts, due_at, warning
FROM orders;

DROP TABLE orders;
ALTER TABLE new_orders RENAME TO orders;

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

CREATE TABLE idempotency_keys (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    key TEXT NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    parameters_hash BLOB NOT NULL CHECK (length(parameters_hash) = 32),
    order_id INTEGER NOT NULL REFERENCES orders (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_order ON idempotency_keys (order_id);

ALTER TABLE sandbox_orders ADD COLUMN posts INTEGER NOT NULL DEFAULT 0;
