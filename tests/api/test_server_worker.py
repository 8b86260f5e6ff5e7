"""What the panel changes in gunicorn; tests/test_server.py has what a running server does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.apps import ROOT


@pytest.mark.server
def test_the_server_can_be_started_from_another_folder(tmp_path: Path) -> None:
    environ = {"PORT": "0", "PANEL_DATABASE": f"sqlite:///{tmp_path / 'panel.db'}"}
    with subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--chdir", ROOT, "-c", ROOT / "gunicorn.conf.py"],
        cwd=tmp_path, env={**os.environ, **environ}, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "Booting worker" in line:
                break
        process.terminate()
        said += list(process.stderr)
    assert process.returncode == 0, "".join(said)
    assert "Using worker: api.server.worker.PanelWorker" in "".join(said)
