"""What the product imports is pinned, with everything that it needs in turn."""

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder

import pytest
from packaging.requirements import Requirement
from support.apps import ROOT


def requirements(name: str) -> list[Requirement]:
    """The lines of a file of requirements that hold on this machine."""
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    wanted = [Requirement(line) for line in lines if line and not line.startswith("-r")]
    return [line for line in wanted if line.marker is None or line.marker.evaluate()]


def pins(name: str) -> dict[str, str]:
    wanted = requirements(name)
    assert [line for line in wanted if not re.fullmatch(r"==[\w.]+", str(line.specifier))] == []
    return {normal(line.name): str(line.specifier).removeprefix("==") for line in wanted}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-dev.txt", "requirements-notify.txt"]
)
def test_every_requirement_is_pinned_to_what_is_installed(name: str) -> None:
    for requirement, version in pins(name).items():
        assert importlib.metadata.version(requirement) == version


def test_what_the_requirements_require_is_pinned_too() -> None:
    pinned = pins("requirements.txt") | pins("requirements-notify.txt")
    for name in pinned:
        for line in importlib.metadata.requires(name) or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert normal(needed.name) in pinned, f"{name} needs {needed.name}"


def test_everything_that_the_product_imports_is_pinned() -> None:
    foreign = {module for module in imported() if module not in sys.stdlib_module_names}
    foreign = {module for module in foreign if not PathFinder.find_spec(module, [str(ROOT)])}
    sources = importlib.metadata.packages_distributions()
    assert {"flask", "peewee", "limits"} <= foreign
    for module in foreign:
        # The pytest plugin runs where pytest is, and alerts are sent where apprise is; the panel
        # itself does without.
        extra = {"pytest": "requirements-dev.txt", "apprise": "requirements-notify.txt"}
        file = extra.get(module, "requirements.txt")
        assert {normal(name) for name in sources[module]} & set(pins(file)), module


def imported() -> Iterator[str]:
    """The top-level module of each import of the product."""
    for path in ROOT.rglob("*.py"):
        if path.relative_to(ROOT).parts[0].startswith(("tests", ".")):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (name.name.split(".")[0] for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module.split(".")[0]
