"""The package of the pytest plugin: what travels in it, and what it depends on."""

import re
import tomllib

from packaging.requirements import Requirement
from support.apps import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
STAYS = {"bench", "conftest.py", "deploy", "gunicorn.conf.py", "panel_testing", "tests"}
"""What the server inside the package does without, and the plugin itself."""


def test_every_room_of_the_product_travels_in_the_package() -> None:
    sources = {path.relative_to(ROOT).parts[0] for path in ROOT.glob("*/*.py")}
    sources |= {path.name for path in ROOT.glob("*.py")} | {"schema.sql", "migrations"}
    wheel = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {
        name: f"panel_testing/server/{name}" for name in sources - STAYS
    }


def test_the_package_allows_the_pinned_versions() -> None:
    """What it asks for, with all its extras, is pinned, and is what the panel is tested with."""
    pins = dict(
        re.findall(
            r"^([\w-]+)==([\w.]+)",
            (ROOT / "requirements.txt").read_text() + (ROOT / "requirements-dev.txt").read_text(),
            re.M,
        )
    )
    extras = PROJECT["optional-dependencies"]
    for line in [*PROJECT["dependencies"], *extras["server"], *extras["xdist"]]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(pins[wanted.name]), line


def test_the_license_and_the_readme_of_the_package_are_there() -> None:
    assert (ROOT / PROJECT["readme"]).is_file()
    assert [(ROOT / name).is_file() for name in PROJECT["license-files"]] == [True]
