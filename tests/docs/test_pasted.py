"""What the documents show to be pasted works as pasted, and prints what they show."""

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.apps import ROOT, Server, free_port
from support.documents import PAGES, blocks, section, shell

MARK = "--- end of block ---"
NOT_HERE = re.compile(
    r"^(\w+=\S+ )*(apt-get|cd /opt|make|pip|systemctl|\.venv/bin/pytest)\b", re.M
)
"""Blocks that need root, the network, or that serve until they are stopped."""

SESSIONS = [
    ("docs/install.md",),
    ("docs/deploy.md", "docs/operate.md"),
    ("docs/api.md",),
    ("docs/service-types.md",),
    ("docs/commands.md",),
    ("docs/test-your-client.md",),
]
"""What is pasted into one terminal beside a panel that was just started."""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder like the project's own, in which files can be left lying."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for path in ROOT.iterdir():
        if not path.name.startswith((".git", "panel.db")):
            (clone / path.name).symlink_to(path)
    return clone


def paste(
    script: str, server: Server, folder: Path, typed: str = "", ports: dict[str, int] | None = None
) -> str:
    """Paste lines into bash, beside this server; what they print.

    `panel` is `flask` here, and its state is the folder.

    :param typed: what is answered to each command's prompt.
    :param ports: what the ports of the documents are, beside 8000.
    """
    state = server.folder / "state"
    (state / "backups").mkdir(parents=True, exist_ok=True)
    script = script.replace("/var/lib/panel", str(state))
    for port, real in {"8000": server.port, **(ports or {})}.items():
        script = re.sub(rf"\b{port}\b", str(real), script)
    environ = {
        **server.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(server.folder),
        "TYPED": typed,
    }
    answered = 'flask() { command flask "$@" <<< "$TYPED"; }\n' if typed else ""
    before = f'{answered}panel() {{ flask "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", before + script],
        cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def steps(text: str) -> list[tuple[str, str | None]]:
    """The shell blocks that can be run here, each with what it is shown to print."""
    shown = [*blocks(text), ("", "")]
    found = []
    for (language, block), (following, printed) in itertools.pairwise(shown):
        if language == "sh" and not NOT_HERE.search(block):
            found.append((block, printed if following in ("text", "json") else None))
    return found


def compare(
    text: str,
    server: Server,
    folder: Path,
    before: str = "",
    typed: str = "",
    ports: dict[str, int] | None = None,
) -> int:
    """Run a text's steps in one shell, and compare what is shown; tell how many it were.

    :param before: run first, and not compared.
    """
    wanted = steps(text)
    script = f"{before}\n" + "".join(f"echo '{MARK}'\n{block}" for block, _ in wanted)
    _, *printed = paste(script, server, folder, typed, ports).split(f"{MARK}\n")
    for (block, shown), real in zip(wanted, printed, strict=True):
        assert shown is None or real == shown, block
    return len(wanted)


# A first order.


def test_the_demo_prints_what_the_readme_shows_and_its_order_works(
    make_server: Callable[..., Server], clone: Path
) -> None:
    server = make_server()
    printed = server.flask("demo").stdout
    (_, shown), (_, answer), *_ = blocks(section("README.md", "A first order"))
    assert as_shown(printed, server).strip() == shown.strip()

    assert paste(curl(printed), server, clone) == answer
    again = server.flask("demo")
    assert (again.returncode, again.stdout.count("\n")) == (0, 1)
    assert "there are customers or services already" in again.stdout


def test_the_first_order_works_as_pasted(make_server: Callable[..., Server], clone: Path) -> None:
    server = make_server()
    pasted = curl(server.flask("demo").stdout)
    text = section("README.md", "A first order")
    assert all(shown for _, shown in steps(text))
    assert compare(text, server, clone, before=pasted) >= 3


def curl(printed: str) -> str:
    """The line to paste among those that the demo prints."""
    (line,) = [line for line in printed.splitlines() if line.lstrip().startswith("curl")]
    return line.strip()


def as_shown(text: str, server: Server) -> str:
    """A print with the README's port, and with its key cut off."""
    text = re.sub(r"\b[0-9a-f]{48}\b", "1f6d…", text)
    return text.replace(f":{server.port}/", ":8000/")


# The documents.


@pytest.mark.parametrize("pages", SESSIONS, ids=lambda pages: pages[-1])
def test_a_document_works_as_pasted(
    make_server: Callable[..., Server], clone: Path, pages: tuple[str, ...]
) -> None:
    server = make_server()
    if "docs/install.md" in pages:  # it takes the demo away
        server.flask("demo")
    text = "".join(PAGES[page] for page in pages)
    ports = {"8123": free_port()}
    typed = "a good password" if "operator add" in text else ""
    assert compare(text, server, clone, typed=typed, ports=ports) >= 1


def test_every_document_with_something_to_paste_is_run() -> None:
    run = {page for pages in SESSIONS for page in pages} | {"README.md", "docs/resell.md"}
    assert {page for page, text in PAGES.items() if steps(text)} == run


def test_a_first_resold_order_works_as_pasted(
    make_server: Callable[..., Server], clone: Path
) -> None:
    starts = re.findall(r"^PANEL_DATABASE=sqlite:///(\S+) make run PORT=(\d+)$", shell(), re.M)
    (theirs, their_port), (ours, our_port) = starts
    quick = {"PANEL_SANDBOX_SECONDS": "1", "PANEL_STATUS_SECONDS": "1"}
    panels = [
        make_server(name, PANEL_DATABASE=f"sqlite:///{clone / name}", **quick)
        for name in (theirs, ours)
    ]
    upstream, shop = panels
    printed = upstream.flask("demo").stdout
    shop.flask("demo")
    for panel in panels:
        panel.worker()
    (key,) = set(re.findall(r"\b[0-9a-f]{48}\b", printed))

    text = PAGES["docs/resell.md"]
    assert "\nsleep 90\n" in text  # long enough for an order of 40 seconds
    wait = f"until {STATUS} | grep -q Completed; do sleep 0.1; done"
    ports = {their_port: upstream.port, our_port: shop.port}
    text = text.replace("sleep 90", wait)
    assert compare(text, shop, clone, typed=key, ports=ports) >= 3
    assert shop.flask("ledger", "check").returncode == 0
    assert (clone / "days.csv").read_text().startswith("day,orders,")


STATUS = "curl -s $api -d key=$key -d action=status -d order=1"


def test_the_restore_works_as_pasted(make_server: Callable[..., Server], clone: Path) -> None:
    server = make_server()
    folder = server.folder / "state"
    (folder / "backups").mkdir(parents=True)
    server.stop()
    for path in server.folder.glob("panel.db*"):
        path.rename(folder / path.name)
    server.environ["PANEL_DATABASE"] = f"sqlite:///{folder / 'panel.db'}"
    server.start()
    key = server.flask("user", "add", "alice", "--balance", "25").stdout.strip()
    (backup,) = re.findall(r"^panel (backup \S+)$", PAGES["docs/operate.md"], re.M)
    paste(f"flask {backup}", server, clone)
    server.flask("user", "fund", "alice", "10")
    assert server.call(key, "balance")[1]["balance"] == "35.0000"
    server.stop()

    (restore,) = [
        text
        for _, text in blocks(section("docs/operate.md", "Restoring"))
        if "THE-ONE-YOU-WANT" in text
    ]
    copy = Path(backup.split()[1]).name
    stubs = "systemctl() { :; }\n"  # only systemd can stop a service
    printed = paste(stubs + restore.replace("THE-ONE-YOU-WANT", copy), server, clone)
    assert "Lost, deposits: 1" in printed
    assert printed.endswith("Nothing waits since a restore.\n")
    server.start()
    assert server.call(key, "balance")[1]["balance"] == "25.0000"
    assert len(list(folder.glob("panel.db.before-restore-*"))) == 1
    server.flask("ledger", "check")


def test_a_wait_is_long_enough_for_what_is_waited_for() -> None:
    (seconds,) = re.findall(
        r"takes (\d+) seconds\n\(`PANEL_SANDBOX_SECONDS`\)", PAGES["docs/resell.md"]
    )
    (waited,) = re.findall(r"^sleep (\d+)$", shell("docs/resell.md"), re.M)
    assert int(waited) > 2 * int(seconds)  # an upstream order, and the look at its status
