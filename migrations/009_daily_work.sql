-- What the dashboard's daily work needs.

-- The search for a part of a link. It begins empty: the worker adds the orders that there are,
-- bit by bit.
CREATE VIRTUAL TABLE order_links USING fts5 (
    links, content = '', detail = none, tokenize = 'trigram'
);

-- Providers that are paused; what was sent to a provider, and what came back.

-- Forms that were sent already; sums for the lists of customers and the reports.
