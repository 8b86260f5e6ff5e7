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
