"""What the system does not permit, told with who asks and which folder works."""

import errno
import os
import pwd
import tempfile
from pathlib import Path

DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)

BACKUPS = "backups"
"""The folder beside the database that copies are kept in, where there is one."""


def is_denied(error: OSError) -> bool:
    """Whether an error means that this user, or this service, may not."""
    return error.errno in DENIED


def user() -> str:
    """The user that this process runs as."""
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def can_read(path: Path) -> bool:
    """Whether this process may read a file."""
    return _may(path, os.R_OK)


def folder_that_works(database: Path) -> Path | None:
    """A folder that this process may write in: beside the database, if it can be."""
    near = database.absolute().parent
    for folder in (near / BACKUPS, near, Path(tempfile.gettempdir())):
        if folder.is_dir() and _may(folder, os.W_OK | os.X_OK):
            return folder
    return None


def where_to_write(file: Path, database: Path) -> str:
    """What to do where a file may not be written, as the end of a sentence."""
    folder = folder_that_works(database)
    who = f"this runs as the user {user()}"
    return who if folder is None else f"{who}, who may write {folder / (file.name or 'copy.db')}"


def how_to_read(file: Path, database: Path) -> str:
    """What to do where a file may not be read, as the end of a sentence."""
    folder, name = folder_that_works(database), user()
    who = f"this runs as the user {name}"
    if folder is None:
        return who
    copy = folder / (file.name or "copy.db")
    return f"{who}; give it a copy, as root: install -o {name} -m 600 {file} {copy}"


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)
