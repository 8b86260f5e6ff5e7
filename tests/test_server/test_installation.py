"""The pytest plugin from nothing: installed as documented into an empty environment."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.apps import ROOT
from support.documents import PAGES, blocks, section, table

pytestmark = pytest.mark.server

GUIDE = "docs/test-your-client.md"
NEEDS_AT_MOST_S = 300
BESIDE, FROM_GIT = [
    text
    for language, text in blocks(section(GUIDE, "With pytest"))
    if language == "sh" and "pip install" in text
]
FILES = {
    **dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", PAGES[GUIDE], re.M | re.S)),
    "pytest.ini": "[pytest]\npythonpath = .\n",
    "settings.py": "OURS = True\n",
    "tests/test_settings.py": "import settings\n\ndef test_settings(): assert settings.OURS\n",
}
"""The guide's, and a module whose name the panel uses, too."""
PASSED = f"{sum(text.count('def test_') for text in FILES.values())} passed"
GIT = "git -c user.name=T -c user.email=t@example.com"


class Person:
    """Who writes a client, in a folder with a clone beside it, and whose machine has only Python.

    What is typed runs in bash, in the folder; pip asks the registry, as anybody's does.
    """

    def __init__(self, folder: Path) -> None:
        self.clone = folder / "panel"
        self.project = folder / "shop"
        self.home = folder / "home"
        shutil.copytree(ROOT, self.clone, ignore=shutil.ignore_patterns(".*", "*.db*", "*.key"))
        self.project.mkdir()
        self.home.mkdir()
        for name, text in FILES.items():
            (self.project / name).parent.mkdir(exist_ok=True)
            (self.project / name).write_text(text)

    def type(self, lines: str, inside: Path | None = None, fails: bool = False) -> str:
        """Type lines in the project or another folder, the environment on: what is printed."""
        active = ". .venv/bin/activate\n" if (self.project / ".venv").exists() else ""
        there = f"{active}cd {inside or '.'}\n"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", there + lines],
            cwd=self.project, env=self._environ(), stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=NEEDS_AT_MOST_S,
        )  # fmt: skip
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout

    def _environ(self) -> dict[str, str]:
        """Nothing of the tests' own environment but the way to the registry."""
        way = {
            n: v for n, v in os.environ.items() if re.match(r"PIP_|(?i:https?_proxy|no_proxy)", n)
        }
        python = Path(sys.executable).parent
        return {**way, "PATH": f"{python}:/usr/local/bin:/usr/bin:/bin", "HOME": str(self.home)}


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Who has pasted how to install it from the clone beside the project."""
    person = Person(tmp_path_factory.mktemp("somebody"))
    person.type(BESIDE)
    return person


def test_it_is_installed_from_a_clone_and_tests_the_client_alone_and_on_two_workers(
    person: Person,
) -> None:
    installed = person.type("pip list --format=freeze")
    assert "pytest-smm-panel==" in installed
    assert "hypothesis" not in installed
    assert PASSED in person.type("pytest")
    on_two = person.type("pytest -n 2")
    assert "2 workers" in on_two
    assert PASSED in on_two


def test_it_is_installed_from_a_git_address(person: Person) -> None:
    person.type(f"git init -q; git add -A; {GIT} commit -qm 'As it is'", inside=person.clone)
    person.type("pip uninstall -qy pytest-smm-panel pytest-xdist")
    person.type(FROM_GIT.replace("ADDRESS-OF-THIS-REPOSITORY", f"file://localhost{person.clone}"))
    assert PASSED in person.type("pytest -n 2")


def test_a_clone_inside_the_project_is_installed_and_its_tests_are_left_alone(
    person: Person,
) -> None:
    inside = person.project / "panel"
    shutil.copytree(person.clone, inside)
    person.type(documented("inside your project's folder"))
    assert PASSED in person.type("pytest")
    assert "1 passed" in person.type("pytest -p no:panel -k settings")
    shutil.rmtree(inside)


def test_who_is_in_the_folder_around_the_clone_leaves_its_tests_alone_too(person: Person) -> None:
    assert PASSED in person.type("pytest", inside=person.project.parent)


def test_in_the_clone_the_folder_of_its_code_is_not_installable_and_the_clone_is(
    person: Person,
) -> None:
    told = person.type("pip install ./panel", inside=person.clone, fails=True)
    assert seen("pip install .") in told
    person.type(documented("the folder that you are in"), inside=person.clone)
    assert PASSED in person.type("pytest")


def test_the_panels_own_tests_say_what_they_need(person: Person) -> None:
    for line, folder in (("pytest", person.clone), ("pytest ../panel/tests", person.project)):
        told = person.type(line, inside=folder, fails=True)
        assert seen("Go to your project's folder") in told
        assert "Traceback" not in told


def test_what_is_seen_without_the_plugin_or_without_xdist(person: Person) -> None:
    assert seen("Install it as above") in person.type("pytest -p no:panel", fails=True)
    assert seen("Install the plugin with") in person.type("pytest -p no:xdist -n 2", fails=True)


def documented(where: str) -> str:
    """The command that installs from a clone that is there."""
    rows = dict(table(PAGES[GUIDE], "the clone is", "install"))
    return rows[where].strip("`")


def seen(remedy: str) -> str:
    """What is seen of that which the guide tells to mend so."""
    rows = table(PAGES[GUIDE], "what you see", "why", "what to do")
    (text,) = [text for text, _, what in rows if what.strip("`").startswith(remedy)]
    return text.strip("`")
