"""The rules of the panel: accounts, services, orders and money. No HTTP and no Flask here."""
