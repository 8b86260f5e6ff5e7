"""`flask version`."""

import platform

from flask import Flask

from database.connection import database
from panel import __version__


def test_it_tells_the_versions_of_the_panel_of_python_and_of_sqlite(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["version"])
    (sqlite,) = database.execute_sql("SELECT sqlite_version()").fetchone()
    assert result.output == f"{__version__}\nPython {platform.python_version()}, SQLite {sqlite}\n"
