"""Load: what is sent, and what wrk measures of it."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

SCRIPT = Path(__file__).with_name("wrk.lua")
FORM = "application/x-www-form-urlencoded"


class Result(NamedTuple):
    """What one run of wrk measured; times in milliseconds."""

    rps: float
    p50: float
    p99: float
    max: float
    errors: int


@dataclass(frozen=True)
class Work:
    """A kind of request, of which several are sent in turn.

    requests: each a path, with a form behind a blank where it is a POST.
    """

    name: str
    requests: list[str]
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200


class Loader(NamedTuple):
    """How to load: from where, for how long, on how many connections kept alive."""

    folder: Path
    seconds: int
    connections: int

    def run(self, port: int, work: Work) -> Result:
        """Load a server and wait for the result."""
        return self.finish(self.begin(port, work))

    def begin(self, port: int, work: Work) -> "subprocess.Popen[str]":
        """Start wrk; finish() waits for it."""
        requests = self.folder / f"{work.name}-{port}.txt".replace(" ", "-")
        requests.write_text("\n".join(work.requests) + "\n")
        headers = {"Content-Type": FORM, **work.headers}
        return subprocess.Popen(
            ["wrk", "-t1", f"-c{self.connections}", f"-d{self.seconds}s", "--timeout=30s",
             f"-s{SCRIPT}", *(f"-H{name}: {value}" for name, value in headers.items()),
             f"http://127.0.0.1:{port}", "--", str(requests)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    @staticmethod
    def finish(wrk: "subprocess.Popen[str]") -> Result:
        """Wait for a wrk that begin() started.

        :raises RuntimeError: if it gave no result.
        """
        output, _ = wrk.communicate()
        _, found, line = output.partition("RESULT ")
        if wrk.returncode or not found:
            raise RuntimeError(f"wrk failed:\n{output}")
        told = json.loads(line)
        return Result(
            rps=told["requests"] / told["duration"] * 1e6,
            p50=told["p50"] / 1e3,
            p99=told["p99"] / 1e3,
            max=told["max"] / 1e3,
            errors=told["errors"],
        )
