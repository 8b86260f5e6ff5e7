-- What the dashboard's daily work needs.

-- The search for a part of a link.

-- Providers that are paused; what was sent to a provider, and what came back.
ALTER TABLE providers ADD COLUMN paused_at INTEGER;
-- And services that say what they are.
ALTER TABLE services ADD COLUMN description TEXT NOT NULL DEFAULT ''
    CHECK (length(description) <= 10000);

-- Forms that were sent already; sums for the lists of customers and the reports.
