"""The rules of the panel: accounts, services, orders and money. No HTTP and no Flask here."""

__version__ = "0.2.0"
"""The version of the whole project. The package takes it from this line."""
