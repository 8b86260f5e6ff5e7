"""Operators and their passwords."""

from pathlib import Path

import pytest
from flask import Flask
from support.dashboard import PASSWORD

from database.connection import close_database
from panel import operators


@pytest.mark.slow_hash
def test_a_password_is_kept_as_a_slow_hash_alone(tmp_path: Path, app: Flask) -> None:
    operators.add("olga", PASSWORD)
    assert operators.listing()[0].password_hash.startswith("scrypt:32768:")
    assert operators.sign_in("olga", PASSWORD) is not None
    close_database()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert PASSWORD.encode() not in kept
