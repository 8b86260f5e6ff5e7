"""README and docs/ as a whole: their size, their links, and the files that they name."""

import re
import tomllib
from pathlib import PurePosixPath
from posixpath import normpath

import pytest
from support.apps import ROOT
from support.documents import PAGES, anchors, prose, section, shell, spans

from panel import __version__

MAKEFILE = (ROOT / "Makefile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MAX_SCREENSHOT_BYTES = 150_000

each_page = pytest.mark.parametrize("page", PAGES)


def links(text: str) -> list[str]:
    """The targets of a text's relative links and images."""
    targets = re.findall(r"\]\(([^()\s]+)\)", text)
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def dead(page: str, text: str) -> list[str]:
    """The links of a page's text that lead nowhere."""
    wrong = []
    for target in links(text):
        path, _, anchor = target.partition("#")
        found = normpath(PurePosixPath(page).parent / path) if path else page
        if not (ROOT / found).exists() or (anchor and anchor not in anchors(found)):
            wrong.append(target)
    return wrong


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 150


@each_page
def test_every_link_leads_to_a_file_or_heading_that_exists(page: str) -> None:
    assert dead(page, prose(page)) == []


@pytest.mark.parametrize(
    "target", ["docs/nothing.md", "docs/api.md#nothing", "#nothing", "../README.md"]
)
def test_a_dead_link_would_be_seen(target: str) -> None:
    assert dead("README.md", f"[text]({target}) [alive](docs/api.md#errors)") == [target]


def test_the_readme_leads_to_every_document() -> None:
    documents = {page for page in PAGES if page != "README.md"}
    linked = {target.partition("#")[0] for target in links(PAGES["README.md"])}
    assert documents | {"CHANGELOG.md", "LICENSE"} <= linked


def test_the_screenshots_are_small_and_all_are_shown() -> None:
    shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", PAGES["README.md"])
    assert sorted(shown) == sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.png"))
    assert len(shown) == 4
    for image in shown:
        picture = (ROOT / image).read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) <= MAX_SCREENSHOT_BYTES, image


# What is named exists.


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", MAKEFILE, re.M))
    lines = shell() + "".join(f"\n{span}" for _, span in spans())
    named = set(re.findall(r"^(?:\w+=\S+ )*make (?:\w+=\S+ )*([a-z-]+)", lines, re.M))
    assert {"run", "test", "setup", "check", "format", "clean", "bench"} <= named <= targets
    assert {"run", "test", "setup"} <= set(
        re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.M)[0].split()
    )


def test_every_file_that_is_named_exists() -> None:
    named = {
        span
        for _, span in spans()
        if re.fullmatch(r"([\w.-]+/)+|([\w-]+/)*[\w.-]+\.(py|sql|toml|md)", span)
        if not re.search(r"NAME|NNN", span)  # stands for any
    }
    text = "".join(PAGES.values())
    named |= set(re.findall(r"\b(?:deploy|tests)/[\w./@-]*\w", text)) | {"Procfile"}
    assert len(named) >= 40
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_folder_of_the_product_is_on_the_map() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/*.py")} | {"deploy"}
    floors = section("docs/architecture.md", "The floors")
    assert [name for name in sorted(folders) if not re.search(rf"\b{name}/", floors)] == []


def test_the_documents_the_makefile_and_the_project_ask_for_the_same_python() -> None:
    version = PROJECT["requires-python"].removeprefix(">=")
    assert f"Python {version} or newer" in PAGES["README.md"]
    assert f"Python {version} or newer" in PAGES["docs/install.md"]
    assert f"Python {version} or newer" in MAKEFILE
    assert f"({version.replace('.', ', ')})" in MAKEFILE


def test_the_changelog_begins_with_the_projects_version() -> None:
    headings = re.findall(r"^## (.+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", head) for head in headings)
    assert headings[0].split()[0] == __version__
    versions = [[int(part) for part in head.split()[0].split(".")] for head in headings]
    assert versions == sorted(versions, reverse=True)


def test_the_license_is_the_one_that_the_readme_names() -> None:
    assert (ROOT / "LICENSE").read_text().startswith("MIT License\n")
    assert "[MIT](LICENSE)" in PAGES["README.md"]
