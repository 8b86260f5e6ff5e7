"""Restoring a copy of the database in the place of the present one."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from peewee import PeeweeException

from database import numbers, permissions, replace, state_file
from database.backup import read_only
from database.connection import DatabaseError, close_database, database
from database.driver import sqlite3
from database.state_file import DAMAGED, State
from database.transactions import write_queue
from panel import ledger
from panel.errors import OperatorError
from panel.operations.audit import Actor
from panel.orders import doubts
from panel.orders.restored import Counts
from panel.restore import before
from panel.restore.before import Before, Lost
from panel.restore.mark import Context, higher, identity, is_behind, jump, mark, new_identity
from panel.restore.notice import reached_at_most


class Restored(NamedTuple):
    """What a restore did.

    kept: where the database before is now; None if there was none.
    upgraded: what was done to bring the copy to this version, a line each.
    unread: why it is not known what is lost; "" if it is.
    """

    kept: Path | None
    is_damaged: bool
    upgraded: list[str]
    counts: Counts
    lost: Lost | None
    unread: str


def restore(actor: Actor, file: Path, live: Path) -> Restored:
    """Put a copy in the place of the present database, and mark what is in doubt since.

    To be called while this process has no database open.

    :param live: the present database, which may be missing.
    :raises OperatorError: if the file is none to restore, or the database is in use; nothing
        was changed then.
    """
    close_database()
    real = Path(os.path.realpath(live))  # a link may lead to another file system
    part = real.with_name(f"{real.name}.restoring")
    try:
        _check_is_another(file, real)
        with state_file.alone(live) as descriptor:
            try:
                replace.remove_copy(part)
                replace.copy_checked(file, part)
                done = _restore(actor, file, real, part, descriptor)
                state_file.sync_folder(live.parent)
                return done
            finally:
                replace.remove_copy(part)
    except BlockingIOError:
        raise OperatorError(
            f"{live} is in use: stop the server, the worker and every other command first"
        ) from None
    except DatabaseError as error:
        raise OperatorError(str(error)) from None
    except OSError as error:
        raise OperatorError(f"cannot restore {file}: {_why(error, file, live)}") from None
    except (PeeweeException, sqlite3.Error) as error:
        raise OperatorError(f"cannot restore {file}: {error}") from None


def _why(error: OSError, file: Path, live: Path) -> str:
    """Why a file is not restored; where something is not permitted, with what would be."""
    if not permissions.is_denied(error):
        return error.strerror or str(error)
    if not error.filename or Path(error.filename) == file:
        return f"{error.strerror}; {permissions.how_to_read(file, live)}"
    return f"{error.strerror}: {error.filename}; this runs as the user {permissions.user()}"


def _check_is_another(file: Path, live: Path) -> None:
    """:raises OperatorError: if the file is the present database, or one of SQLite's beside it.

    Or if it may not be read.
    """
    if not file.is_file():
        raise OperatorError(f"{file} is no file" if file.exists() else f"there is no {file}")
    own = (live, *(replace.beside(live, end) for end in replace.BESIDE))
    if any(path.exists() and file.samefile(path) for path in own):
        raise OperatorError(f"{file} is the present database itself")
    if not permissions.can_read(file):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))


def _restore(actor: Actor, file: Path, live: Path, part: Path, descriptor: int) -> Restored:
    is_sound = replace.quiesce(live) if live.exists() else True
    upgraded = replace.open_copy(part)
    if wrong := next(ledger.check(), None):
        raise OperatorError(f"the ledger of {file} is not consistent: {wrong}")
    copied, panel = numbers.given(), identity()
    was, unread = _read_before(live, copied)
    was_copied = state_file.was_copied(descriptor)
    context = _context(panel, copied, was, state_file.read(descriptor), was_copied)
    with write_queue(), database.atomic("IMMEDIATE"):
        counts = mark(context, actor, f"restore {file}")
    state = State(context.panel, numbers.given())
    replace.close_copy()
    kept = replace.put_in_place(part, live, is_sound)
    # Not before: the present database would be taken for an older copy after a power cut.
    state_file.write(descriptor, state, durably=True)
    is_same = was is not None and _continues(was.panel, was.numbers, panel, copied)
    lost = was.lost if was is not None and is_same else None
    if was is not None and not is_same:
        unread = "it is not the one that this copy was made of"
    return Restored(kept, not is_sound, upgraded, counts, lost, unread)


def _read_before(live: Path, copied: Mapping[str, int]) -> tuple[Before | None, str]:
    """What the present database knows; or None, and why."""
    if not live.exists():
        return None, "there is none"
    try:
        with read_only(live, untouched=True) as connection:
            return before.read(connection, copied, doubts.doubts()), ""
    except sqlite3.Error as error:
        return None, f"it cannot be read: {error}"


def _context(
    panel: str,
    copied: Mapping[str, int],
    was: Before | None,
    known: State | None,
    was_copied: bool,
) -> Context:
    """What is known of the time since the copy was made, from whoever knows it.

    :param was_copied: whether the state file is a copy, and perhaps as old as the database.
    """
    if known is DAMAGED or (known is not None and not _is_same(known.panel, panel)):
        known = None
    if was is not None and _continues(was.panel, was.numbers, panel, copied):
        name = panel or was.panel or (known.panel if known else "")
        reached = _reached(was, known, was_copied)
        return Context(name or new_identity(), reached, was.known)
    if known is not None and not is_behind(known.numbers, copied):
        return Context(panel or known.panel, reached_at_most(copied, known, was_copied))
    return Context(panel or new_identity(), jump(copied))


def _reached(was: Before, known: State | None, was_copied: bool) -> dict[str, int]:
    """The numbers that were given until the restore.

    Those of the database before, unless that is an older copy itself, or nothing tells.
    """
    if known is None:
        return jump(was.numbers) if was.panel else dict(was.numbers)
    if was_copied or is_behind(was.numbers, known.numbers):
        return higher(was.numbers, reached_at_most(was.numbers, known, was_copied))
    return dict(was.numbers)


def _continues(name: str, given: Mapping[str, int], panel: str, copied: Mapping[str, int]) -> bool:
    """Whether somebody's numbers are those of the same panel, from after a copy was made.

    :param name: which panel's they are; "" if that is not known, as for the copy.
    """
    return _is_same(name, panel) and not is_behind(given, copied)


def _is_same(name: str, panel: str) -> bool:
    """Whether two names are one panel's, as far as they are known."""
    return name == panel or not name or not panel
