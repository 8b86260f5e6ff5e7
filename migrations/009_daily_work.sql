-- What the dashboard's daily work needs.

-- The search for a part of a link.

-- Providers that are paused; what was sent to a provider, and what came back.

-- Forms that were sent already; sums for the lists of customers and the reports.

-- Indexes of the lists.
DROP INDEX orders_with_warning;
CREATE INDEX orders_with_warning ON orders (id, status, provider_id, dispatch_state, held_because)
WHERE warning <> '';
CREATE INDEX refills_open ON refills (id) WHERE status NOT IN ('completed', 'rejected', 'error');
CREATE INDEX refills_restored ON refills (id) WHERE restored = 1;
CREATE INDEX cancels_restored ON cancels (id) WHERE restored = 1;
