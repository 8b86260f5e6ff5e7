-- The whole present schema. Amounts are integers of a millionth of the currency unit (micros),
-- times are seconds since 1970 in UTC. Rules of panel/ that a table can hold stand here again.

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    key_hash BLOB NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
    balance_micros INTEGER NOT NULL DEFAULT 0
        CHECK (balance_micros BETWEEN 0 AND 1000000000000000000),
    created_at INTEGER NOT NULL
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
    CHECK (min <= max)
) STRICT;

CREATE TABLE orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    service_id INTEGER NOT NULL REFERENCES services (id),
    link TEXT NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity >= 1),
    charge_micros INTEGER NOT NULL CHECK (charge_micros >= 0),
    refunded_micros INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL CHECK (
        status IN ('Pending', 'Processing', 'In progress', 'Completed', 'Partial', 'Canceled')
    ),
    start_count INTEGER NOT NULL DEFAULT 0 CHECK (start_count >= 0),
    remains INTEGER NOT NULL CHECK (remains BETWEEN 0 AND quantity),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CHECK (refunded_micros BETWEEN 0 AND charge_micros),
    CHECK (refunded_micros = 0 OR status IN ('Partial', 'Canceled'))
) STRICT;

CREATE INDEX orders_by_account ON orders (account_id, id);
CREATE INDEX orders_by_status ON orders (status, id);

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

CREATE INDEX ledger_entries_by_account ON ledger_entries (account_id, id);

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

-- REPLACE deletes without asking the trigger above.
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
    updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX refills_by_order ON refills (order_id);
CREATE UNIQUE INDEX refills_one_open ON refills (order_id)
WHERE status IN ('pending', 'in progress');

CREATE TABLE cancels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    status TEXT NOT NULL CHECK (status IN ('pending', 'accepted', 'rejected')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX cancels_by_order ON cancels (order_id);
CREATE UNIQUE INDEX cancels_one_open ON cancels (order_id) WHERE status = 'pending';
