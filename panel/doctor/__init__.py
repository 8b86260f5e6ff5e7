"""What `flask doctor` looks at: each part of the panel, and whether it is as it should be."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from peewee import PeeweeException

from database.driver import sqlite3
from panel.doctor.database_file import is_usable, of_database
from panel.doctor.findings import Finding as Finding
from panel.doctor.findings import Mark as Mark
from panel.doctor.machine import of_disk, of_software, of_tasks
from panel.doctor.providers import Ask, of_providers
from settings import Settings

Part = Callable[[], Iterable[Finding]]


def examine_running(settings: Settings, ask_account: Ask) -> Iterator[Finding]:
    """As examine(), for a panel that is running: the database's file is not read from end to end.

    That takes minutes where it is large. The nightly check of the ledger, and each backup, do so.
    """
    yield from _guarded("software", of_software)
    yield from _guarded("disk", partial(of_disk, settings))
    yield from _guarded("database", partial(of_database, settings.database, deep=False))
    yield from _guarded("tasks", partial(of_tasks, settings))
    yield from _guarded("providers", partial(of_providers, settings, ask_account))


def examine(
    settings: Settings, ask_account: Ask, open_tables: Callable[[], None]
) -> Iterator[Finding]:
    """Look at everything but the way to the server; a part that cannot be read is a finding too.

    :param open_tables: points the models at the database, without changing it; called only where
        it is sound.
    """
    yield from _guarded("software", of_software)
    yield from _guarded("disk", partial(of_disk, settings))
    file = list(_guarded("database", partial(of_database, settings.database)))
    yield from file
    if not is_usable(file):
        return
    open_tables()
    yield from _guarded("tasks", partial(of_tasks, settings))
    yield from _guarded("providers", partial(of_providers, settings, ask_account))


def _guarded(name: str, look: Part) -> Iterator[Finding]:
    try:
        yield from look()
    except (PeeweeException, sqlite3.Error, OSError) as error:
        yield Finding(Mark.WRONG, name, f"cannot be looked at: {error}")
