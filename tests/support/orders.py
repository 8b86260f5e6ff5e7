"""Orders for tests: rows without a database."""

from typing import Any

from panel.orders.lookup import StoredOrder

_PLAIN: dict[str, Any] = {
    **dict.fromkeys(StoredOrder._fields, 0),
    "id": 1,
    "account_id": 1,
    "service_id": 1,
    "link": "https://a.example/",
    "quantity": 100,
    "charge_micros": 500_000,
    "status": "Pending",
    "remains": 100,
    "dispatch_state": "sent",
    "provider_id": 1,
    "provider_order": "700",
    "source_rank": 1,
    "warning": "",
    "parameters": "{}",
    "runs": None,
    "interval": None,
    "parent_id": None,
    "part": None,
    "send_key": None,
}


def stored_order(**columns: Any) -> StoredOrder:
    """An order's row as it could be read from the database."""
    return StoredOrder(**{**_PLAIN, **columns})
