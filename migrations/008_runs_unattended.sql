-- Alerts, the panel's own tasks, request numbers, restores, and the sign-in's sessions.

ALTER TABLE orders ADD COLUMN request_id TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN restored INTEGER NOT NULL DEFAULT 0 CHECK (restored IN (0, 1));
ALTER TABLE orders ADD COLUMN known_before TEXT NOT NULL DEFAULT '';
ALTER TABLE refills ADD COLUMN request_id TEXT NOT NULL DEFAULT '';
ALTER TABLE refills ADD COLUMN restored INTEGER NOT NULL DEFAULT 0 CHECK (restored IN (0, 1));
ALTER TABLE cancels ADD COLUMN request_id TEXT NOT NULL DEFAULT '';
ALTER TABLE cancels ADD COLUMN restored INTEGER NOT NULL DEFAULT 0 CHECK (restored IN (0, 1));
ALTER TABLE sources ADD COLUMN cost_before_micros INTEGER
    CHECK (cost_before_micros BETWEEN 0 AND 1000000000000);
ALTER TABLE sources ADD COLUMN risen_at INTEGER;
ALTER TABLE operators ADD COLUMN role TEXT NOT NULL DEFAULT 'operator'
    CHECK (role IN ('operator', 'viewer'));
ALTER TABLE operators ADD COLUMN totp_secret TEXT NOT NULL DEFAULT '';
ALTER TABLE operators ADD COLUMN totp_step INTEGER NOT NULL DEFAULT 0;

CREATE INDEX orders_restored ON orders (id) WHERE restored = 1;
CREATE INDEX orders_unmoved ON orders (status, updated_at)
WHERE status IN ('Pending', 'Processing', 'In progress');

CREATE TABLE identity (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    panel TEXT NOT NULL CHECK (length(panel) = 32)
) STRICT;

CREATE TABLE task_runs (
    name TEXT NOT NULL PRIMARY KEY CHECK (name IN ('backup', 'ledger check', 'replica check')),
    succeeded_at INTEGER,
    failed_at INTEGER,
    problem TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    told_at INTEGER,
    ended_at INTEGER,
    end_told_at INTEGER,
    returns INTEGER NOT NULL DEFAULT 0,
    returned_at INTEGER,
    things TEXT NOT NULL DEFAULT '{}',
    arrivals INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE UNIQUE INDEX alerts_one_open ON alerts (kind, subject) WHERE ended_at IS NULL;
CREATE INDEX alerts_by_end ON alerts (ended_at);

CREATE TABLE alert_tellings (
    alert_id INTEGER NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    address_hash BLOB NOT NULL CHECK (length(address_hash) = 32),
    told_at INTEGER NOT NULL,
    end_told_at INTEGER,
    arrivals INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (alert_id, address_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery_codes (
    operator_id INTEGER NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    code_hash BLOB NOT NULL CHECK (length(code_hash) = 32),
    PRIMARY KEY (operator_id, code_hash)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE operator_devices (
    operator_id INTEGER NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    token_hash BLOB NOT NULL CHECK (length(token_hash) = 32),
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (operator_id, token_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE sign_in_failures (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    counted_against TEXT NOT NULL,
    failed_at INTEGER NOT NULL
) STRICT;

CREATE INDEX sign_in_failures_by_subject ON sign_in_failures (counted_against, failed_at);
