"""The SQLite that the whole project uses; nothing else imports sqlite3 by itself.

Two copies of SQLite in one process undo each other's locks on a file that both have open. So
everyone uses the copy that Peewee uses: that of pysqlite3, or Python's own where that is newer
or pysqlite3 is not installed.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
else:
    from peewee import sqlite3

__all__ = ["fault", "sqlite3"]

_FIRST_FIXED = (3, 51, 3)
_BACKPORTS: dict[tuple[int, ...], tuple[int, ...]] = {(3, 44): (3, 44, 6), (3, 50): (3, 50, 7)}
"""The first fixed releases of the older branches that were fixed too."""


def fault(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> str:
    """What an operator should know of this version of SQLite, in one line; mostly ''.

    Versions with the WAL-reset bug can lose a commit and damage the file, when two connections
    copy the write-ahead log into the database while a third one commits.
    """
    if version >= _BACKPORTS.get(version[:2], _FIRST_FIXED):
        return ""
    number = ".".join(map(str, version))
    return (
        f"SQLite {number} has the WAL-reset bug, by which an order can be lost in rare cases; "
        "install pysqlite3, or SQLite 3.51.3 or newer"
    )
