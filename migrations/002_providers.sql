-- Providers: where services are bought, the way of an order to them, prices per customer.

ALTER TABLE accounts ADD COLUMN discount_micros INTEGER NOT NULL DEFAULT 0
    CHECK (discount_micros BETWEEN 0 AND 1000000);

ALTER TABLE services ADD COLUMN markup_micros INTEGER CHECK (markup_micros >= 0);
ALTER TABLE services ADD COLUMN round_micros INTEGER NOT NULL DEFAULT 1 CHECK (round_micros >= 1);
ALTER TABLE services ADD COLUMN inactive_because TEXT NOT NULL DEFAULT ''
    CHECK (inactive_because IN ('', 'vanished', 'below cost'));

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
    balance TEXT NOT NULL DEFAULT '',
    balance_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sources (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    service_id INTEGER NOT NULL REFERENCES services (id),
    position INTEGER NOT NULL CHECK (position IN (1, 2)),
    provider_id INTEGER NOT NULL REFERENCES providers (id),
    provider_service TEXT NOT NULL CHECK (length(provider_service) BETWEEN 1 AND 64),
    cost_micros INTEGER NOT NULL CHECK (cost_micros BETWEEN 0 AND 1000000000000),
    UNIQUE (service_id, position)
) STRICT;

CREATE INDEX sources_by_provider ON sources (provider_id, provider_service);

ALTER TABLE orders ADD COLUMN forward TEXT NOT NULL DEFAULT ''
    CHECK (forward IN ('', 'waiting', 'sending', 'sent', 'review', 'failed'));
ALTER TABLE orders ADD COLUMN provider_id INTEGER REFERENCES providers (id);
ALTER TABLE orders ADD COLUMN provider_order TEXT
    CHECK (forward <> 'sent' OR (provider_id IS NOT NULL AND provider_order IS NOT NULL));
ALTER TABLE orders ADD COLUMN cost_micros INTEGER NOT NULL DEFAULT 0 CHECK (cost_micros >= 0);
ALTER TABLE orders ADD COLUMN position INTEGER NOT NULL DEFAULT 1 CHECK (position IN (1, 2));
ALTER TABLE orders ADD COLUMN may_pass INTEGER NOT NULL DEFAULT 0 CHECK (may_pass IN (0, 1));
ALTER TABLE orders ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN warning TEXT NOT NULL DEFAULT '';

CREATE INDEX orders_to_send ON orders (provider_id, due_at) WHERE forward = 'waiting';
CREATE INDEX orders_to_ask ON orders (provider_id, due_at)
WHERE forward = 'sent' AND status IN ('Pending', 'Processing', 'In progress');
CREATE INDEX orders_in_doubt ON orders (forward) WHERE forward IN ('sending', 'review');
CREATE INDEX orders_with_warning ON orders (id) WHERE warning <> '';
CREATE INDEX orders_by_time ON orders (created_at);
CREATE INDEX orders_by_provider ON orders (provider_id, provider_order)
WHERE provider_order IS NOT NULL;

CREATE TABLE order_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    kind TEXT NOT NULL
        CHECK (kind IN ('sending', 'sent', 'refused', 'unknown', 'warning', 'operator')),
    text TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX order_events_by_order ON order_events (order_id);

ALTER TABLE refills ADD COLUMN provider_refill TEXT;
ALTER TABLE refills ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;

ALTER TABLE cancels ADD COLUMN passed_on INTEGER NOT NULL DEFAULT 0 CHECK (passed_on IN (0, 1));
ALTER TABLE cancels ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;

CREATE TABLE sandbox_orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    link TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    added_at_ms INTEGER NOT NULL,
    canceled_at_ms INTEGER
) STRICT;
