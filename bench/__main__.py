"""make bench: measure the panel against bare Flask and print the tables (see README.md)."""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import database, measure, report, servers
from bench.database import Size
from bench.load import Loader
from database.driver import sqlite3

PARTS = ("actions", "busy", "memory", "start", "raw", "growth")
SMALL = Size(accounts=10, orders=1_000)
LARGE_ACCOUNTS, LARGE_ORDERS = 100_000, 5_000_000

Figures = dict[str, Any]


def main() -> None:
    """Measure the parts that were asked for, print each one's table, write the JSON file."""
    args = _arguments()
    if shutil.which("wrk") is None:
        sys.exit("bench: wrk is missing, which sends the load: apt-get install wrk")
    folder = Path(tempfile.mkdtemp(prefix="panel-bench-", dir=args.folder))
    try:
        figures = _run(args, folder)
    finally:
        shutil.rmtree(folder)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    parser.add_argument("--only", default=",".join(PARTS), help="parts: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="of each load (%(default)s)")
    parser.add_argument("--seconds", type=int, default=4, help="of each round (%(default)s)")
    parser.add_argument("--connections", type=int, default=16, help="kept alive (%(default)s)")
    parser.add_argument("--orders", type=int, default=LARGE_ORDERS,
                        help="in the large database (%(default)s)")  # fmt: skip
    parser.add_argument("--folder", type=Path, default="/var/tmp",  # noqa: S108
                        help="for the databases; on the disk that is to be measured")  # fmt: skip
    args = parser.parse_args()
    args.only = args.only.split(",")
    if unknown := set(args.only) - set(PARTS):
        parser.error(f"there is no part {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    return args


def _machine(folder: Path) -> Figures:
    """The machine and the versions, as far as they matter."""
    kind = subprocess.run(
        ["stat", "--file-system", "--format=%T", str(folder)],
        capture_output=True, text=True, check=False,
    ).stdout.strip()  # fmt: skip
    if kind == "tmpfs":
        print("bench: the folder is in memory, where a commit costs nothing; see --folder")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg()[0],
        "file_system": kind,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "began": time.strftime("%Y-%m-%d %H:%M"),
    }


def _run(args: argparse.Namespace, folder: Path) -> Figures:
    figures: Figures = {"machine": _machine(folder)}
    print(", ".join(f"{name} {value}" for name, value in figures["machine"].items()), flush=True)
    small = folder / "small.db"
    database.make(small, SMALL)
    loader = Loader(folder, args.seconds, args.connections)
    if {"actions", "busy", "memory"} & set(args.only):
        with servers.panel(folder, small) as panel:
            _served(args, panel, loader, figures)
    if "start" in args.only:
        figures["start_up_s"] = measure.start_up(folder, small, args.rounds)
    if "raw" in args.only:
        rates = [database.raw_rate(small, SMALL, args.seconds) for _ in range(args.rounds)]
        figures["raw_adds_per_s"] = measure.ratio(rates)
    if {"memory", "start", "raw"} & set(args.only):
        _show(report.rest(figures))
    if "growth" in args.only:
        _growth(args, folder, loader, figures)
    return figures


def _served(
    args: argparse.Namespace, panel: servers.Server, loader: Loader, figures: Figures
) -> None:
    """The parts that load one panel."""
    if "actions" in args.only:
        figures["actions"] = [
            measure.against_bare(panel, work, loader, args.rounds)
            for name, work in measure.works(SMALL).items()
            if name in report.TARGETS
        ]
        _show(report.actions(figures["actions"]))
    if "busy" in args.only:
        figures["busy"] = measure.while_adding(panel, SMALL, loader, args.rounds)
        _show(report.busy(figures["busy"]))
    if "memory" in args.only:
        figures["pss_mb"] = measure.memory(panel, SMALL, loader)


def _growth(args: argparse.Namespace, folder: Path, loader: Loader, figures: Figures) -> None:
    """Two panels side by side, on a small database and on a large one."""
    size = Size(LARGE_ACCOUNTS, args.orders)
    small, large = folder / "few.db", folder / "many.db"
    database.make(small, SMALL)
    begun = time.monotonic()
    database.make(large, size)
    made = database.rows(large)
    print(f"made {made} in {time.monotonic() - begun:.0f} s", flush=True)
    figures["large_rows"] = made
    few, many = measure.works(SMALL), measure.works(size)
    (folder / "few").mkdir()
    with servers.panel(folder / "few", small) as a, servers.panel(folder, large) as b:
        figures["growth"] = [
            measure.grown((a, few[name]), (b, many[name]), loader, args.rounds) for name in few
        ]
    _show(report.growth(figures["growth"]))


def _show(text: str) -> None:
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    main()
