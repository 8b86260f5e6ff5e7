"""The database's file as it lies there, without opening it for the panel: nothing is changed."""

from collections.abc import Iterator
from pathlib import Path

from database.backup import damage, read_only
from database.driver import sqlite3
from database.migrate import PANEL_TABLES, schema_version
from panel import ledger
from panel.doctor.findings import Finding, Mark, found

RESTORE = "stop everything and restore a backup: flask restore FILE"


def of_database(path: Path, deep: bool = True) -> Iterator[Finding]:
    """The file, its schema, and whether SQLite and the ledger find it sound.

    Where the first two are not as they should be, the rest is not looked at.

    :param deep: whether to look at the rest, which reads the whole file.
    """
    if not path.exists():
        yield Finding(Mark.WRONG, "database", f"there is no {path}: is PANEL_DATABASE right?")
        return
    size = f"{path}, {path.stat().st_size // 1000} kB"
    yield found("database", _readable_by_others(path), size)
    try:
        with read_only(path, untouched=True) as connection:
            schema = _schema(connection)
            yield schema
            if deep and schema.mark is Mark.OK:
                yield from _soundness(connection)
    except sqlite3.Error as error:
        yield Finding(Mark.WRONG, "integrity", f"{error}; {RESTORE}")


def is_usable(findings: list[Finding]) -> bool:
    """Whether the panel's tables can be read, as far as the file was looked at."""
    return {finding.name: finding.mark for finding in findings}.get("integrity") is Mark.OK


def _schema(connection: sqlite3.Connection) -> Finding:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    if not {name for (name,) in tables} >= PANEL_TABLES:
        return Finding(Mark.WRONG, "schema", "it is no panel's database")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version < schema_version():
        text = (
            f"version {version}: the next start brings it to {schema_version()}, and keeps a copy"
        )
        return Finding(Mark.WARN, "schema", text)
    newer = [f"version {version}, made by a newer version of the panel"]
    return found("schema", newer * (version > schema_version()), f"version {version}")


def _soundness(connection: sqlite3.Connection) -> Iterator[Finding]:
    wrong = [f"{line}; {RESTORE}" for line in damage(connection)]
    yield found("integrity", wrong, "SQLite finds nothing wrong")
    if not wrong:
        lines = ledger.check(connection.execute)
        yield found("ledger", lines, "every balance and every order matches its entries")


def _readable_by_others(path: Path) -> Iterator[str]:
    for file in sorted(path.parent.glob(f"{path.stem}*")):
        mode = file.stat().st_mode & 0o777
        if file.is_file() and mode & 0o077:
            yield f"{file} can be read by others (mode {mode:o}): chmod 600 {file}"
