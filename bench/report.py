"""The tables that are printed."""

from collections.abc import Iterable
from typing import Any

Figures = dict[str, Any]

TARGETS = {
    "balance": 0.65,
    "status": 0.60,
    "status of 100": 0.30,
    "services": 0.90,
    "services, gzip": None,
    "services, 304": 0.65,
    "add": 0.30,
}


def table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A Markdown table; numbers are to be given as text."""
    lines = [list(head), *(list(map(str, row)) for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        f"| {' | '.join(cell.ljust(w) for cell, w in zip(line, widths, strict=True))} |"
        for line in lines
    )


def _spread(ratio: Figures) -> list[str]:
    return [f"{ratio[name]:.2f}" for name in ("median", "min", "max")]


def _speed(figures: Figures) -> list[str]:
    times = [f"{figures[name]:.1f}" for name in ("p50_ms", "p99_ms", "max_ms")]
    return [f"{figures['rps']:.0f}", *times, str(figures["errors"])]


SPEED = ("rps", "p50 ms", "p99 ms", "max ms", "errors")


def actions(rows: list[Figures]) -> str:
    """The panel against bare Flask."""
    lines = []
    for row in rows:
        target = TARGETS.get(row["work"])
        wanted = "" if target is None else f"≥ {target:.2f}"
        lines.append([row["work"], "bare", *_speed(row["bare"]), "", "", "", ""])
        lines.append([row["work"], "panel", *_speed(row["panel"]), *_spread(row["ratio"]), wanted])
    head = ("work", "server", *SPEED, "ratio", "min", "max", "wanted")
    return table(head, lines)


def busy(figures: Figures) -> str:
    """`balance` alone and while another client adds."""
    rows = [
        ["balance alone", *_speed(figures["alone"]), "", "", "", ""],
        ["balance while adding", *_speed(figures["while_adding"]),
         *_spread(figures["p99_ratio"]), "≤ 3.00"],
        ["the adding client", *_speed(figures["adding"]), "", "", "", ""],
    ]  # fmt: skip
    return table(("load", *SPEED, "p99 ratio", "min", "max", "wanted"), rows)


def growth(rows: list[Figures]) -> str:
    """Each action on the small and on the large database."""
    lines = [
        [row["work"], f"{row['small']['rps']:.0f}", f"{row['large']['rps']:.0f}",
         str(row["small"]["errors"] + row["large"]["errors"]), *_spread(row["ratio"]), "≤ 1.15"]
        for row in rows
    ]  # fmt: skip
    head = ("work", "rps small", "rps large", "errors", "time ratio", "min", "max", "wanted")
    return table(head, lines)


def rest(figures: Figures) -> str:
    """Start-up, memory and SQLite's own rate, as far as they were measured."""
    rows = []
    if "start_up_s" in figures:
        spread = figures["start_up_s"]
        rows.append(["start-up, s", *_spread(spread), "≤ 1.5"])
    if "pss_mb" in figures:
        sizes = sorted(figures["pss_mb"])
        rows.append(["memory of a worker (PSS), MB", f"{sizes[len(sizes) // 2]:.1f}",
                     f"{sizes[0]:.1f}", f"{sizes[-1]:.1f}", "≤ 60"])  # fmt: skip
    if "raw_adds_per_s" in figures:
        spread = figures["raw_adds_per_s"]
        shown = [f"{spread[name]:.0f}" for name in ("median", "min", "max")]
        rows.append(["SQLite alone, one connection: orders a second", *shown, ""])
    return table(("what", "median", "min", "max", "wanted"), rows)


def pages(figures: list[Any]) -> str:
    """The pages of the dashboard, and which take too long."""
    lines = [
        [figure.address, figure.status, _kilobytes(figure.bytes),
         *(f"{ms:.1f}" for ms in (figure.cold, figure.least, figure.median, figure.most,
                                  figure.cpu)),
         f"≤ {figure.limit}", "" if figure.is_good else "OVER"]
        for figure in figures
    ]  # fmt: skip
    head = ("page", "status", "kB", "cold ms", "min ms", "median ms", "max ms", "cpu ms", "wanted")
    return table((*head, ""), lines)


def _kilobytes(count: int) -> str:
    return f"{count / 1000:.1f}"
