"""What is measured: each function gives plain numbers, as they go into the JSON file."""

import time
from pathlib import Path
from statistics import median
from typing import Any

from bench import servers
from bench.database import LINK, QUANTITY, SERVICES, Size, key
from bench.load import Loader, Result, Work
from bench.servers import Server

WARM_UP_S = 1

Figures = dict[str, Any]


def works(size: Size) -> dict[str, Work]:
    """The requests of every kind, by name; `add` last, for it makes the database grow."""
    orders = {key(n): size.busy_orders(n) for n in size.busy}
    one = [(k, order) for k, numbers in orders.items() for order in numbers]

    def each(action: str, name: str) -> list[str]:
        return [f"/api/v2 key={k}&action={action}&{name}={order}" for k, order in one]

    services = [f"/api/v2?action=services&key={k}" for k in orders]
    return {
        "balance": Work("balance", [f"/api/v2 key={k}&action=balance" for k in orders]),
        "status": Work("status", each("status", "order")),
        "status of 100": Work("status of 100", [
            f"/api/v2 key={k}&action=status&orders={','.join(map(str, numbers))}"
            for k, numbers in orders.items()
        ]),
        "services": Work("services", services),
        "services, gzip": Work("services, gzip", services, {"Accept-Encoding": "gzip"}),
        "services, 304": Work("services, 304", services, status=304),
        "refill": Work("refill", each("refill", "orders")),
        "refill_status": Work("refill_status", each("refill_status", "refills")),
        "cancel": Work("cancel", each("cancel", "orders")),
        "add": Work("add", [
            f"/api/v2 key={k}&action=add&service={1 + order % SERVICES}&quantity={QUANTITY}"
            f"&link={LINK.format(order).replace('?', '%3F')}"
            for k, order in one
        ]),
    }  # fmt: skip


def _checked(panel: Server, work: Work) -> tuple[Work, servers.Answer]:
    """The work ready to be sent, and what the panel answers to it.

    :raises RuntimeError: if that is not what is to be measured.
    """
    if work.status == 304:
        tag = panel.ask(Work("tag", work.requests)).headers["ETag"]
        work = Work(work.name, work.requests, {"If-None-Match": tag or ""}, 304)
    answer = panel.ask(work)
    if answer.status != work.status:
        raise RuntimeError(f"{work.name}: {answer.status} {answer.body[:200]!r}")
    return work, answer


def summary(results: list[Result]) -> Figures:
    """Several rounds as one: the medians, the worst maximum, all errors."""
    return {
        "rps": median(r.rps for r in results),
        "p50_ms": median(r.p50 for r in results),
        "p99_ms": median(r.p99 for r in results),
        "max_ms": max(r.max for r in results),
        "errors": sum(r.errors for r in results),
        "rounds_rps": [r.rps for r in results],
    }


def ratio(numbers: list[float]) -> Figures:
    """Median, least and greatest."""
    return {"median": median(numbers), "min": min(numbers), "max": max(numbers)}


def against_bare(panel: Server, work: Work, loader: Loader, rounds: int) -> Figures:
    """The panel against bare Flask that answers the same bytes, in turn."""
    work, answer = _checked(panel, work)
    with servers.bare(loader.folder, answer) as bare:
        ours, theirs = _in_turn([(panel, work), (bare, work)], loader, rounds)
    return {
        "work": work.name,
        "bytes": len(answer.body),
        "panel": summary(ours),
        "bare": summary(theirs),
        "ratio": ratio([p.rps / b.rps for p, b in zip(ours, theirs, strict=True)]),
    }


def _in_turn(loads: list[tuple[Server, Work]], loader: Loader, rounds: int) -> list[list[Result]]:
    """Load servers in turn, several rounds; a list of results for each."""
    for server, work in loads:
        loader._replace(seconds=WARM_UP_S).run(server.port, work)
    results: list[list[Result]] = [[] for _ in loads]
    for _ in range(rounds):
        for (server, work), kept in zip(loads, results, strict=True):
            kept.append(loader.run(server.port, work))
    return results


def while_adding(panel: Server, size: Size, loader: Loader, rounds: int) -> Figures:
    """`balance` alone and while another client adds at full speed, in turn."""
    balance, add = works(size)["balance"], works(size)["add"]
    alone, beside, adds = [], [], []
    for _ in range(rounds):
        alone.append(loader.run(panel.port, balance))
        # The other client begins earlier and ends later.
        adding = loader._replace(seconds=loader.seconds + 2).begin(panel.port, add)
        time.sleep(1)
        beside.append(loader.run(panel.port, balance))
        adds.append(loader.finish(adding))
    return {
        "alone": summary(alone),
        "while_adding": summary(beside),
        "adding": summary(adds),
        "p99_ratio": ratio([b.p99 / a.p99 for a, b in zip(alone, beside, strict=True)]),
    }


def grown(
    small: tuple[Server, Work], large: tuple[Server, Work], loader: Loader, rounds: int
) -> Figures:
    """The time of an action on a large database, as a multiple of that on a small one."""
    loads = [(server, _checked(server, work)[0]) for server, work in (small, large)]
    few, many = _in_turn(loads, loader, rounds)
    return {
        "work": small[1].name,
        "small": summary(few),
        "large": summary(many),
        "ratio": ratio([a.rps / b.rps for a, b in zip(few, many, strict=True)]),
    }


def start_up(folder: Path, path: Path, rounds: int) -> Figures:
    """Seconds from calling gunicorn to its first answer."""
    seconds = []
    for _ in range(rounds):
        with servers.panel(folder, path) as server:
            seconds.append(server.first_answer_s)
    return ratio(seconds)


def memory(panel: Server, size: Size, loader: Loader) -> list[float]:
    """The PSS of each worker in MB, after a load of every action."""
    for work in works(size).values():
        loader._replace(seconds=WARM_UP_S).run(panel.port, _checked(panel, work)[0])
    return panel.pss_mb()
