"""The logs of a real server and a real worker, as text and as JSON."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from support.apps import ROOT, Server
from support.servers import operate, wait_until

pytestmark = pytest.mark.server

MakeServer = Callable[..., Server]


def used(make_server: MakeServer, **environ: str) -> tuple[Server, str]:
    """A server and its worker after some requests, and their customer's key."""
    server = make_server(PANEL_TYPO="1", **environ)
    key = operate(server, "user", "add", "alice", "--balance", "5").strip()
    operate(server, "service", "add", "--name", "S", "--category", "C", "--rate", "5", "--min",
            "10", "--max", "100")  # fmt: skip
    form = {"Content-Type": "application/x-www-form-urlencoded", "X-Request-Id": "request-1842"}
    server.request("POST", "/api/v2", f"key={key}&action=balance", form)
    server.request("GET", f"/api/v2?key={key}&action=balance")
    forged = {"X-Request-Id": 'x" 200 forged'}
    server.request("GET", "/nowhere", headers=forged)
    server.request("BAD METHOD", f"/api/v2?key={key}")
    encoded = "".join(f"%{ord(letter):02x}" for letter in key)
    for path in (f"/api/v2/{key}", f"/{encoded}", f"/{encoded.replace('%', '%25')}"):
        server.request("GET", path, headers={"X-Request-Id": key})
    with pytest.raises(subprocess.CalledProcessError):
        server.flask("provider", "show", "nobody")
    worker = server.worker()
    wait_until(lambda: "the worker is ready" in server.worker_log(worker), server)
    os.kill(worker.pid, signal.SIGTERM)
    worker.wait()
    server.stop()
    log = server.log.read_text() + server.worker_log(worker)
    assert key not in log
    assert encoded not in log
    return server, key


def test_a_line_of_the_access_log_ends_with_the_request_and_the_account(
    make_server: MakeServer,
) -> None:
    server, _ = used(make_server)
    log = server.log.read_text()
    assert re.search(r'"POST /api/v2" 200 \d+ [\d.]+s request-1842 1$', log, re.M)
    assert re.search(r'"GET /api/v2" 200 \d+ [\d.]+s [0-9a-f]{24} 1$', log, re.M)
    assert re.search(r'"GET /nowhere" 404 \d+ [\d.]+s [0-9a-f]{24} -$', log, re.M)
    assert "forged" not in log
    for path in ("/api/v2/...", "/..."):
        assert re.search(rf'"GET {re.escape(path)}" 404 \d+ [\d.]+s [0-9a-f]{{24}} -$', log, re.M)
    assert "panel: PANEL_TYPO is not a setting of the panel, ignored" in log


def records(text: str) -> list[dict[str, Any]]:
    """The lines of a log, each of which is a JSON object with the four fields of all."""
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        assert {"time", "level", "logger", "message"} <= line.keys()
        assert datetime.fromisoformat(line["time"]).utcoffset() is not None
    return lines


def test_each_line_of_server_and_worker_is_a_json_object(make_server: MakeServer) -> None:
    server, _ = used(make_server, PANEL_LOG_FORMAT="json")
    lines = records(server.log.read_text())
    told = {line["message"] for line in lines}
    assert "PANEL_TYPO is not a setting of the panel, ignored" in told
    assert any(message.startswith("created the database ") for message in told)
    assert any(message.startswith("Starting gunicorn ") for message in told)
    assert any(message.startswith("Invalid request from ip=127.0.0.1") for message in told)
    worker = records(server.worker_log(server.workers[0]))
    assert {line["logger"] for line in worker} == {"panel", "panel.worker"}
    assert worker[-1]["message"] == "the worker has stopped"

    requests = [line for line in lines if line["logger"] == "gunicorn.access"]
    (posted,) = [line for line in requests if line["method"] == "POST"]
    assert posted.pop("duration_s") >= 0
    del posted["time"]
    assert posted == {
        "level": "INFO", "logger": "gunicorn.access", "message": "POST /api/v2 200",
        "method": "POST", "path": "/api/v2", "status": 200, "bytes": 38,
        "request_id": "request-1842", "account": 1, "address": "127.0.0.1",
    }  # fmt: skip
    (nowhere,) = [line for line in requests if line["path"] == "/nowhere"]
    assert (nowhere["status"], nowhere["account"]) == (404, None)
    assert re.fullmatch("[0-9a-f]{24}", nowhere["request_id"])


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"PANEL_CURRENCY": "nothing"}, "PANEL_CURRENCY is 'nothing': write a currency code"),
        ({"PANEL_DATABASE": "sqlite:////nowhere/panel.db"}, "cannot use the database"),
    ],
)
@pytest.mark.parametrize("command", [["gunicorn", "-c", "gunicorn.conf.py"], ["flask", "worker"]])
def test_what_cannot_start_says_so_in_json_too(
    tmp_path: Path, command: list[str], environ: dict[str, str], told: str
) -> None:
    usual = {
        "PANEL_DATABASE": f"sqlite:///{tmp_path / 'panel.db'}",
        "PANEL_LOG_FORMAT": "json",
        "BIND": "127.0.0.1:0",
    }
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=60,
        env={**os.environ, **usual, **environ},
    )  # fmt: skip
    assert done.returncode != 0
    assert any(line["message"].startswith(told) for line in records(done.stdout + done.stderr))
