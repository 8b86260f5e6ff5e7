-- What the dashboard's daily work needs.

-- The search for a part of a link.

-- Providers that are paused; what was sent to a provider, and what came back.

-- Forms that were sent already; sums for the lists of customers and the reports.
