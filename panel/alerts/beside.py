"""The alerts that stand beside what waits for an operator (panel.attention): both are one list."""

from collections.abc import Iterable

from database.clock import now
from panel import attention, health
from panel.alerts import conditions, record
from panel.alerts.kinds import Kind
from panel.alerts.record import Standing
from panel.attention import Item

_FAILING = (Kind.UNREACHABLE, Kind.PRICES_OLD, Kind.WAITING)
"""What attention tells as failing, mostly sooner."""


def beside(items: Iterable[Item]) -> list[Standing]:
    """The alerts that stand and are none of these items, what stops the most first.

    They are what was found a minute ago; but whether the worker runs is looked at now, for it is
    the one that looks.
    """
    failing = {item.provider for item in items if item.kind is attention.Kind.FAILING}
    of_kind: dict[str, list[Standing]] = {kind: [] for kind in Kind}
    for alert in record.standing():
        is_item = alert.kind not in of_kind or (
            alert.kind in _FAILING and alert.subject in failing
        )
        if not is_item:
            of_kind[alert.kind].append(alert)
    late = conditions.late_worker(0)
    if late is not None and not of_kind[Kind.WORKER]:
        since = now() - (health.worker_late_s() or 0)
        of_kind[Kind.WORKER] = [Standing(late.kind, late.subject, late.text, since, None)]
    return [alert for alerts in of_kind.values() for alert in alerts]
