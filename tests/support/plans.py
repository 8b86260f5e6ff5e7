"""How SQLite goes about the queries that something runs."""

from collections.abc import Callable
from typing import Any

import pytest

from database.connection import database


def plans(monkeypatch: pytest.MonkeyPatch, run: Callable[[], Any]) -> list[list[str]]:
    """How SQLite goes about each query that is run."""
    asked: list[tuple[str, Any]] = []
    execute = database.execute_sql

    def keep(sql: str, params: Any = None) -> Any:
        asked.append((sql, params))
        return execute(sql, params)

    with monkeypatch.context() as patch:
        patch.setattr(database, "execute_sql", keep)
        run()
    return [
        [row[3] for row in execute(f"EXPLAIN QUERY PLAN {sql}", params)] for sql, params in asked
    ]
