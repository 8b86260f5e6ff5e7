"""Errors that say nothing of what was asked: the database cannot be read or written for now."""

import errno
from collections.abc import Iterator

from peewee import OperationalError

_WRITTEN = "the database cannot be written"
_OPENED = "the database cannot be opened"

_BY_SQLITE = {
    5: _WRITTEN,  # SQLITE_BUSY: locked for longer than a write waits
    8: _WRITTEN,  # SQLITE_READONLY
    10: _WRITTEN,  # SQLITE_IOERR
    13: _WRITTEN,  # SQLITE_FULL
    14: _OPENED,  # SQLITE_CANTOPEN
    15: _WRITTEN,  # SQLITE_PROTOCOL: the locks of the write-ahead log
}
"""What SQLite's result codes of this kind mean, by the code without its extension."""

_OF_DISKS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
"""What the system says of a disk, where a file beside the database is needed."""


class TransactionLostError(OperationalError):
    """A transaction was undone for a reason that was not this write's."""


class NoTurnError(OperationalError):
    """A write did not begin: it waited for too long, or too many others wait."""


def reason(error: BaseException) -> str | None:
    """Why the database cannot be used for now, in one line; None for any other error.

    Whatever was asked of it has changed nothing, and can be asked again.
    """
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in _OF_DISKS:
            return f"{_WRITTEN}: {cause.strerror}"
        code = getattr(getattr(cause, "orig", cause), "sqlite_errorcode", 0)
        if meaning := _BY_SQLITE.get(code & 0xFF):
            return f"{meaning}: {cause}"
    is_outage = isinstance(error, TransactionLostError | NoTurnError)
    return f"{_WRITTEN}: {error}" if is_outage else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and the errors that it was raised from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__
