"""What a database holds, as text."""

import re

from database.connection import database


def everything() -> list[str]:
    """All that the database holds, as SQL."""
    return list(database.connection().iterdump())


def all_but_the_audit() -> list[str]:
    """The same without the audit's lines, which a refused operation leaves too."""
    return [line for line in everything() if not re.search("INSERT INTO .*audit_lines", line)]
