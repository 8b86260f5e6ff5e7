"""The dashboard's audit."""

import pytest
from flask import Flask
from peewee import IntegrityError
from support.dashboard import lines

from database.connection import database
from panel.errors import OperatorError
from panel.operations.audit import Actor, audited


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM audit_lines",
        "UPDATE audit_lines SET act = 'nothing'",
        "UPDATE audit_lines SET outcome = 'done'",
    ],
)
def test_an_audit_line_is_never_changed(sql: str, app: Flask) -> None:
    with pytest.raises(OperatorError), audited(Actor("olga"), "a try"):
        raise OperatorError("no")
    with pytest.raises(IntegrityError, match="never"):
        database.execute_sql(sql)
    assert lines() == [("olga", "a try", "refused: no")]
