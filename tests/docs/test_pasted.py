"""What the documents show to be pasted works as pasted, and prints what they show.

A new user is played: all of README and docs/, in the order of reading, in one folder and one
terminal, beside the panels that the text has started in terminals of their own. Then each
document alone, on a panel that was just started, and once more.
"""

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.apps import ROOT, Server, free_port
from support.documents import PAGES, blocks, section
from support.terminal import ServingTerminal, Terminal

pytestmark = pytest.mark.server

NOT_HERE = {
    "it changes the machine: its packages, its services, its release": {
        "docs/install.md": ["apt-get install -y python3-venv make curl"],
        "docs/deploy.md": [
            "apt-get install -y git make curl python3-venv",
            "systemctl edit panel.socket",
            "apt-get install -y caddy",
            "apt-get install -y nginx certbot",
            "python3 -m venv /opt/litestream",
            "systemctl enable --now panel-litestream.service panel-replica-check.timer",
        ],
        "docs/operate.md": [
            "cd /opt/panel\n.venv/bin/pip install -r requirements-notify.txt",
            "systemctl start panel-replica-check.service",
            "systemctl stop panel.socket panel panel-worker\n",  # test_the_restore_works_as_pasted
            "systemctl stop panel.socket panel panel-worker panel-litestream\n```",
            "panel moved\nsystemctl start",
            "systemctl stop panel.socket panel panel-worker panel-litestream\ninstall -d",
            "systemctl stop panel.socket panel panel-worker panel-litestream\npanel restore",
            "systemctl enable --now panel.socket panel.service",
            "cd /opt/panel\ngit pull",
        ],
    },
    "it is for an environment of its own: tests/test_server/test_installation.py": {
        "docs/test-your-client.md": ["python3 -m venv .venv", "pip install requests"],
    },
    "it runs these tests, or what they are made of": {
        "README.md": ["make test"],
        "CONTRIBUTING.md": [
            "make check",
            "make test",
            "make PYTHON",
            ".venv/bin/pytest",
            "PANEL_SCREENSHOTS=",
            "PYTHONPATH=.:tests",
        ],
    },
}
"""Blocks that are not run: by the reason and the page, how they begin."""

SAYS_WHY = dict(
    zip(
        NOT_HERE,
        (r"apt-get|systemctl|git pull", r"pip install", r"test|check|-m support"),
        strict=True,
    )
)
"""What such a block has in it: without it, it could be run."""

ONCE = {
    "docs/install.md": ["flask provider remove sandbox"],
    "docs/deploy.md": ["panel version\npanel user add", "panel operator add maria"],
    "docs/operate.md": ["panel operator add olga"],
    "docs/resell.md": ["export THEIR_KEY=$(PANEL_DATABASE=sqlite:///upstream.db flask user add"],
}
"""Blocks that say a second time that it is done already, and do no harm."""

TYPED = {"PASSWORD": "a good password", "THEIR_KEY": "0" * 48}
"""What is typed into a line that waits for a secret."""

PORTS = ("8000", "8001", "8002", "8080")
STATE = "/var/lib/panel"
QUICK = {"PANEL_SANDBOX_SECONDS": "1", "PANEL_STATUS_SECONDS": "1"}
WRAPPER = re.findall(r"`(alias panel=\S+)`", PAGES["docs/operate.md"])[0]


class Step(NamedTuple):
    """A shell block, and what the document shows that it prints."""

    text: str
    shown: str | None


def order_of_reading() -> list[str]:
    """The README, and what its table of documents names, from the top."""
    links = re.findall(r"\]\(([\w./-]+\.md)\)", section("README.md", "Documentation"))
    return ["README.md", *(link for link in dict.fromkeys(links) if link in PAGES)]


def steps(page: str) -> list[Step]:
    """All shell blocks of a page."""
    shown = [*blocks(PAGES[page]), ("", "")]
    return [
        Step(text, printed if following in ("text", "json") else None)
        for (language, text), (following, printed) in itertools.pairwise(shown)
        if language == "sh"
    ]


def listed(text: str, beginnings: list[str]) -> bool:
    """Whether a block begins like one of these; ``` is its end."""
    return f"{text}```".startswith(tuple(beginnings))


def runs_here(page: str, step: Step) -> bool:
    return not any(listed(step.text, pages.get(page, [])) for pages in NOT_HERE.values())


RUN = {page: [step for step in steps(page) if runs_here(page, step)] for page in PAGES}
EACH = [page for page in PAGES if RUN[page]]


class Reader:
    """Somebody who reads and pastes, in the project's folder: into one terminal, as a rule."""

    def __init__(self, folder: Path) -> None:
        self.ports: dict[str, str] = {}
        self.state = folder / "state"
        (self.state / "backups").mkdir(parents=True)
        self.clone = folder / "clone"
        self.clone.mkdir()
        for path in ROOT.iterdir():
            if not path.name.startswith((".git", ".venv", "panel.db", "panel-session")):
                (self.clone / path.name).symlink_to(path)
        (self.clone / ".venv").symlink_to(Path(sys.executable).parent.parent)
        bare = [part for part in os.environ["PATH"].split(":") if "venv" not in part]
        self.environ = {"PATH": ":".join(bare), "HOME": str(folder), "LANG": "C.UTF-8", **QUICK}
        (folder / ".curlrc").write_text("no-progress-meter\n")  # as where it prints to a terminal
        self.serving: dict[int, ServingTerminal] = {}
        self.terminal = Terminal(self.clone, self.environ)
        self.terminal.paste(WRAPPER)  # on a server, deploy/panel

    def close(self) -> None:
        """Close all terminals."""
        self.terminal.close()
        for serving in self.serving.values():
            serving.interrupt()
        for serving in self.serving.values():
            serving.close()

    def here(self, text: str) -> str:
        """A text with ports that are free here, and a folder that may be written to."""
        text = re.sub(rf"\b({'|'.join(PORTS)})\b", lambda port: self.port(port[1]), text)
        return text.replace(STATE, str(self.state))

    def port(self, documented: str) -> str:
        """The port here for a documented one, which is found when it is first needed."""
        if documented not in self.ports:
            self.ports[documented] = str(free_port())
        return self.ports[documented]

    def read(self, page: str, again: bool = False) -> None:
        """Paste a page's blocks, and compare what is shown, if it is read for the first time."""
        for step in RUN[page]:
            if re.search(r"^(\w+=\S+ )*make run", step.text):
                self.serve(step.text)
                continue
            once = again and listed(step.text, ONCE.get(page, []))
            waits = re.match(r"read -rs (\w+)", step.text)
            typed = f"{TYPED[waits[1]]}\n" if waits else ""
            printed = self.terminal.paste(self.here(step.text), typed, may_fail=once)
            if not again and step.shown is not None:
                assert printed == self.expand(self.here(step.shown)), step.text
            shown = (step.shown or "").count('"error"')
            assert again or printed.count('"error"') == shown, printed

    def expand(self, shown: str) -> str:
        """What a document shows, with the numbers that stand in variables."""
        return re.sub(r"\$(\w+)", lambda name: self.terminal.value(name[1]), shown)

    def serve(self, lines: str) -> ServingTerminal:
        """Paste `make run` into a terminal of its own, or find the one where it runs already."""
        lines = self.here(lines if "PORT=" in lines else f"{lines.strip()} PORT=8000")
        port = int(re.findall(r"PORT=(\d+)", lines)[0])
        if port not in self.serving:
            log = self.state / f"make-run-{port}.log"
            self.serving[port] = ServingTerminal(lines, self.clone, self.environ, log)
        return self.serving[port]

    def make_the_first_order(self) -> None:
        """Read what `make run` prints, and paste the line that it gives."""
        printed = self.serve("make run").printed()
        (_, shown), (_, answer), *_ = blocks(section("README.md", "A first order"))
        as_shown = re.sub(r"\b[0-9a-f]{48}\b", "1f6d…", printed)
        assert self.here(shown).strip() in as_shown
        (line,) = re.findall(r"^ +(curl .*)$", printed, re.M)
        assert self.terminal.paste(line) == answer


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    yield reader
    reader.close()


def test_all_is_pasted_in_the_order_of_reading_into_one_terminal(reader: Reader) -> None:
    for page in order_of_reading():
        if page == "README.md":
            reader.make_the_first_order()
        reader.read(page)
    assert len(reader.serving) == 4
    check = "flask ledger check; flask order review; flask attention"
    assert reader.terminal.paste(check).splitlines()[0].startswith("The ledger is consistent")


@pytest.mark.parametrize("page", EACH)
def test_a_document_is_pasted_alone_and_once_more(page: str, reader: Reader) -> None:
    reader.serve("make run")
    if page == "README.md":
        reader.make_the_first_order()
    reader.read(page)
    reader.read(page, again=True)


def test_every_document_is_read_after_the_one_before_it_in_the_readme() -> None:
    reading = order_of_reading()
    assert reading[:3] == ["README.md", "docs/install.md", "docs/deploy.md"]
    assert set(reading) == set(PAGES)


def test_what_is_not_run_and_what_is_run_once_is_there_and_is_what_it_is_listed_for() -> None:
    for reason, pages in NOT_HERE.items():
        for page, beginnings in pages.items():
            for beginning in beginnings:
                (step,) = [step for step in steps(page) if listed(step.text, [beginning])]
                assert re.search(SAYS_WHY[reason], step.text), step.text
    for page, beginnings in ONCE.items():
        for beginning in beginnings:
            (step,) = [step for step in RUN[page] if listed(step.text, [beginning])]
            assert step.shown is None or "THEIR_KEY" in step.text


def test_a_line_that_waits_for_a_secret_is_alone_in_its_block() -> None:
    waiting = [step for page in PAGES for step in steps(page) if re.search(r"\bread\b", step.text)]
    assert len(waiting) >= 3
    for step in waiting:
        assert re.fullmatch(r"read -rs (\w+) && export \1\n", step.text)


def test_no_name_is_given_to_two_users_or_operators() -> None:
    added = re.findall(
        r"(?:user|operator) add (\w+)", "".join(s.text for p in RUN for s in RUN[p])
    )
    assert len(added) >= 8
    assert len(set(added)) == len(added)


def test_a_prompt_would_be_seen_to_swallow_what_is_pasted_after_it(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("support.terminal.PATIENCE_S", 5)
    asking = ".venv/bin/flask operator add olga\necho 'this line is gone'"
    with pytest.raises(AssertionError, match="swallowed what followed"):
        reader.terminal.paste(asking)


# The restore, which needs a server that is stopped.


def test_the_restore_works_as_pasted(make_server: Callable[..., Server]) -> None:
    server = make_server()
    folder = server.folder / "state"
    (folder / "backups").mkdir(parents=True)
    server.stop()
    for path in server.folder.glob("panel.db*"):
        path.rename(folder / path.name)
    server.environ["PANEL_DATABASE"] = f"sqlite:///{folder / 'panel.db'}"
    server.start()
    key = server.flask("user", "add", "alice", "--balance", "25").stdout.strip()
    (backup,) = re.findall(r"^panel (backup \S+.*)$", PAGES["docs/operate.md"], re.M)
    paste_as_root(f"panel {backup}", server, folder)
    server.flask("user", "fund", "alice", "10")
    assert server.call(key, "balance")[1]["balance"] == "35.0000"
    server.stop()

    (restore,) = [
        text
        for _, text in blocks(section("docs/operate.md", "Restoring"))
        if "THE-ONE-YOU-WANT" in text
    ]
    (copy,) = (folder / "backups").iterdir()
    printed = paste_as_root(restore.replace("THE-ONE-YOU-WANT", copy.name), server, folder)
    assert "Lost, deposits: 1" in printed
    assert printed.endswith("Nothing waits since a restore.\n")
    server.start()
    assert server.call(key, "balance")[1]["balance"] == "25.0000"
    assert len(list(folder.glob("panel.db.before-restore-*"))) == 1
    server.flask("ledger", "check")


def paste_as_root(lines: str, server: Server, state: Path) -> str:
    """Paste lines on the server, whose services only systemd could stop; what they print."""
    stubs = f'systemctl() {{ :; }}\npanel() {{ "{sys.executable}" -m flask "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", stubs + lines.replace(STATE, str(state))],
        cwd=ROOT, env={**os.environ, **server.environ}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
