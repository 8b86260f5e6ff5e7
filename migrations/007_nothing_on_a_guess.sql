-- What a provider's change of currency, price or identity holds, and what its answers leave open.

ALTER TABLE services ADD COLUMN held INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1));

ALTER TABLE providers ADD COLUMN currency TEXT NOT NULL DEFAULT '';
ALTER TABLE providers ADD COLUMN exchange_ppt INTEGER
    CHECK (exchange_ppt BETWEEN 1 AND 9000000000000000000);
ALTER TABLE providers ADD COLUMN exchange_at INTEGER;
ALTER TABLE providers ADD COLUMN sync_wanted INTEGER NOT NULL DEFAULT 0
    CHECK (sync_wanted IN (0, 1));
ALTER TABLE providers ADD COLUMN stopped_because TEXT NOT NULL DEFAULT '';
ALTER TABLE providers ADD COLUMN moved_to TEXT NOT NULL DEFAULT '';
ALTER TABLE providers ADD COLUMN prices_at INTEGER;
ALTER TABLE providers ADD COLUMN failing_because TEXT NOT NULL DEFAULT '';
ALTER TABLE providers ADD COLUMN failing_since INTEGER;

-- The currency that each provider named with its last balance.
UPDATE providers SET currency = substr(balance, instr(balance, ' ') + 1)
WHERE length(balance) - instr(balance, ' ') BETWEEN 3 AND 5
    AND substr(balance, instr(balance, ' ') + 1) NOT GLOB '*[^A-Z]*'
    AND instr(balance, ' ') > 0;

ALTER TABLE sources ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE sources ADD COLUMN category TEXT NOT NULL DEFAULT '';

ALTER TABLE orders ADD COLUMN held_because TEXT NOT NULL DEFAULT ''
    CHECK (held_because IN ('', 'refusal', 'funds', 'cost', 'word', 'status', 'posts'));
ALTER TABLE orders ADD COLUMN held_text TEXT NOT NULL DEFAULT '';

-- One more try tells whether an order waits for funds or for something else.
UPDATE orders SET send_at = 0 WHERE dispatch_state = 'waiting' AND may_be_at_provider = 0;

CREATE INDEX orders_held ON orders (held_because, provider_id) WHERE held_because <> '';

ALTER TABLE refills ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE refills ADD COLUMN warning TEXT NOT NULL DEFAULT '';

CREATE INDEX refills_with_warning ON refills (id) WHERE warning <> '';

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

CREATE TABLE provider_words (
    provider_id INTEGER NOT NULL REFERENCES providers (id),
    kind TEXT NOT NULL CHECK (kind IN ('status', 'refusal')),
    word TEXT NOT NULL CHECK (length(word) BETWEEN 1 AND 300),
    meaning TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (provider_id, kind, word)
) STRICT, WITHOUT ROWID;

CREATE TABLE asked_singly (
    provider_id INTEGER NOT NULL REFERENCES providers (id),
    action TEXT NOT NULL CHECK (action IN ('status', 'refill_status', 'cancel')),
    learned_at INTEGER NOT NULL,
    PRIMARY KEY (provider_id, action)
) STRICT, WITHOUT ROWID;
