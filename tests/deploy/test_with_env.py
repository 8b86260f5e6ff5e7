"""deploy/with-env reads /etc/panel.env as systemd does, and runs nothing that stands in it."""

import json
import os
import re
import runpy
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.apps import ROOT
from support.documents import PAGES

WITH_ENV = ROOT / "deploy" / "with-env"
parse: Callable[[str], dict[str, str]] = runpy.run_path(str(WITH_ENV))["parse"]

DOCUMENTED = re.findall(r"^\| .* \| `(\w+://.*)` \|$", PAGES["docs/operate.md"], re.M)
"""The addresses of PANEL_NOTIFY as the document has them."""

LITERAL = [
    *DOCUMENTED,
    "s3://BUCKET/panel?region=eu-central-1&endpoint=https://s3.example.com",
    "a$HOME b", "`touch /tmp/x`", "$(id)", "a;b", "a#b", "a # b", "(a)", "a'b", 'a"b', "a=b",
    "two words", "!x *",
]  # fmt: skip


@pytest.mark.parametrize("value", LITERAL)
def test_a_value_without_quotes_is_taken_as_it_is(value: str) -> None:
    assert parse(f"BEFORE=1\nNAME={value}\nAFTER=2\n") == {
        "BEFORE": "1", "NAME": value, "AFTER": "2",
    }  # fmt: skip


def test_the_documented_mail_address_is_one_of_them() -> None:
    assert [value for value in LITERAL if value.startswith("mailtos://") and "&to=" in value]


RULES = [
    ("A=1", {"A": "1"}),
    ("A=", {"A": ""}),
    ("A=1\nA=2", {"A": "2"}),
    ("# A=1\n; B=2\n\n   \nC=3", {"C": "3"}),
    ("no sign\nA=1", {"A": "1"}),
    ("  A = 1 \t\nB=2", {"A": "1", "B": "2"}),
    ("1A=1\nA-B=2\nexport C=3\n=4\nD=5", {"D": "5"}),
    ("A='a $b \"c\" \\'", {"A": 'a $b "c" \\'}),
    ("A=\"a 'b' # c\"", {"A": "a 'b' # c"}),
    (r'A="a\"b\$c\`d\\e\f"', {"A": r'a"b$c`d\e\f'}),
    ("A='two\nlines'", {"A": "two\nlines"}),
    ("A='a'b\nB='a' \"b\"", {"A": "ab", "B": "ab"}),
    (r"A=a\b\\c\ ", {"A": r"ab\c "}),
    ("A=a\\\nb\nB=1", {"A": "ab", "B": "1"}),
    ("# a comment \\\nA=1\nB=2", {"B": "2"}),
]


@pytest.mark.parametrize(("text", "variables"), RULES)
def test_a_file_is_read_by_systemds_rules(text: str, variables: dict[str, str]) -> None:
    # Compared with systemd 252 on random texts when it was written.
    assert parse(text) == variables


def run(file: Path, *program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", WITH_ENV, file, *program],
        capture_output=True, text=True, check=False, env={**os.environ, "KEPT": "yes"},
    )  # fmt: skip


@pytest.mark.server
def test_the_program_has_the_files_variables_and_makes_private_files(tmp_path: Path) -> None:
    file, made = tmp_path / "panel.env", tmp_path / "made"
    secret = f"mailtos://u:p@example.com?a=$(touch {tmp_path}/run)&to=`touch {tmp_path}/run`"
    file.write_text(f"PANEL_NOTIFY={secret}\n")
    script = (
        "import json, os, pathlib, sys; pathlib.Path(sys.argv[1]).touch();"
        "print(json.dumps([os.environ['PANEL_NOTIFY'], os.environ['KEPT'],"
        " pathlib.Path('/proc/self/cmdline').read_text()]))"
    )
    done = run(file, sys.executable, "-c", script, str(made))
    value, kept, command_line = json.loads(done.stdout)
    assert (value, kept) == (secret, "yes")
    assert "example.com" not in command_line
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert not tmp_path.joinpath("run").exists()


@pytest.mark.server
@pytest.mark.parametrize("program", [["sh", "-c", "exit 7"], ["/nowhere/litestream"], []])
def test_what_goes_wrong_is_one_line_without_the_files_values(
    tmp_path: Path, program: list[str]
) -> None:
    file = tmp_path / "panel.env"
    file.write_text("A=secret\n")
    done = run(file, *program)
    if program[:1] == ["sh"]:
        assert (done.returncode, done.stderr) == (7, "")
    else:
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
    missing = run(tmp_path / "none.env", "true")
    assert missing.returncode == 1
    assert missing.stderr == f"cannot read {tmp_path}/none.env: No such file or directory\n"
    assert "secret" not in done.stderr + missing.stderr


def test_nothing_that_is_shipped_or_pasted_has_a_shell_read_such_a_file() -> None:
    sources = [path.read_text() for path in (ROOT / "deploy").iterdir()]
    for text in [*sources, *PAGES.values()]:
        assert not re.search(r"(?m)(?:^|[;&'\s])(?:\.|source) +/etc/\S+\.env", text)
    assert "with-env /etc/panel-litestream.env " in PAGES["docs/operate.md"]
    assert os.access(WITH_ENV, os.X_OK)
