"""Keeps the panel's own tests out of a pytest that was started in another project's folder."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out everything here, unless this folder is what pytest was started for.

    The panel's tests need requirements-dev.txt, and settings of their own.
    """
    if config.rootpath.samefile(HERE):
        return None
    if sys.path[0] == str(HERE):  # put there by pytest, before the project's own modules
        del sys.path[0]
    return True
