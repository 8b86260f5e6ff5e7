"""Bringing a service to another cost, range or state, and telling what that changed."""

from collections.abc import Iterable
from typing import Any

from models import Service, Source
from panel import money, services
from panel.providers import pending
from panel.providers.changes import BELOW_COST, CatalogueChange, Finding, Kind, differences
from panel.providers.explain import describe
from panel.providers.pending import Pending, PendingKind
from panel.providers.policy import SyncPolicy

Waiting = dict[str, Pending]
"""The pending changes of one source, by kind."""

_FOLLOWED = ("rate_micros", "min", "max", "refill", "cancel", "active", "inactive_because")
"""The columns that follow the provider, or what becomes of the service by that."""


def waiting_of(items: Iterable[Pending]) -> dict[int, Waiting]:
    """Pending changes of sources, by source and kind."""
    found: dict[int, Waiting] = {}
    for item in items:
        if item.source_id is not None:
            found.setdefault(item.source_id, {})[item.kind] = item
    return found


def as_changes(source: Source, findings: list[Finding]) -> list[CatalogueChange]:
    """What was found of a source, as changes of its service."""
    if not findings:
        return []
    name = services.get(source.service_id).name
    return [
        CatalogueChange(source.service_id, source.provider_service, name, *finding)
        for finding in findings
    ]


def follow(
    service: Service,
    source: Source,
    cost_micros: int,
    taken: dict[str, Any],
    policy: SyncPolicy,
    waiting: Waiting,
) -> list[Finding]:
    """Give a source a cost and its service what it takes over; to be called inside immediate().

    A service whose rate is below its cost is told of, and disabled where the policy says so.

    :param service: as it stands, read in the same transaction.
    :param taken: the service's columns that change; its rate follows the cost besides, where it
        has a markup and this is its first source.
    :param waiting: what is pending for the source.
    """
    before = {name: getattr(service, name) for name in _FOLLOWED}
    after = before | taken
    if source.source_rank == 1:
        after["rate_micros"] = rate_at(service, cost_micros)
    dearest = max(_charged_cost(cost_micros, waiting), _cost_elsewhere(source))
    below = after["rate_micros"] < dearest
    after |= _judge_below_cost(after, below, policy.disable_below_cost)
    if cost_micros != source.cost_micros:
        Source.update(cost_micros=cost_micros).where(Source.id == source.id).execute()
    if after != before:
        Service.update(**after).where(Service.id == service.id).execute()
    found = _differences(source.cost_micros, cost_micros, before, after)
    if below:
        found.append((Kind.BELOW_COST, after["rate_micros"], dearest))
    return found


def rate_at(service: Service, cost_micros: int) -> int:
    """The rate of a service at a cost: by its markup, where it has one.

    No markup makes a service free: at a cost of 0 it keeps its rate.
    """
    if service.markup_ppm is None:
        return service.rate_micros
    rate = money.marked_up(cost_micros, service.markup_ppm, service.round_micros)
    return min(rate, services.MAX_RATE_MICROS) or service.rate_micros


def wait(source: Source, kind: PendingKind, before: str, after: str) -> Finding:
    """Have a change of a source wait for an operator."""
    pending.add(source.provider_id, kind, before, after, source.id)
    return Kind.PENDING, None, describe(kind, before, after)


def settle(source: Source, kinds: tuple[PendingKind, ...], waiting: Waiting) -> list[Finding]:
    """End those pending changes of a source that are none any more."""
    ended = [waiting.pop(kind) for kind in kinds if kind in waiting]
    if ended:
        pending.remove(source.provider_id, kinds, source.id)
    return [(Kind.SETTLED, describe(i.kind, i.before, i.after), None) for i in ended]


def settle_charge(source: Source, cost_micros: int, waiting: Waiting) -> list[Finding]:
    """End the warning of a charge that was too high, where a new cost explains it."""
    item = waiting.get(PendingKind.CHARGE)
    if item is None or cost_micros <= source.cost_micros:
        return []
    expected, charged = int(item.before), int(item.after)
    if 101 * expected * cost_micros < 100 * charged * source.cost_micros:
        return []
    return settle(source, (PendingKind.CHARGE,), waiting)


def _charged_cost(cost_micros: int, waiting: Waiting) -> int:
    """The cost as the last charge says it, where that was more than expected."""
    item = waiting.get(PendingKind.CHARGE)
    if item is None or int(item.before) <= 0:
        return cost_micros
    return max(cost_micros, money.rescaled(cost_micros, int(item.before), int(item.after)))


def _cost_elsewhere(source: Source) -> int:
    """The cost at the other source of a service, 0 where it has none."""
    other = Source.get_or_none(Source.service == source.service_id, Source.id != source.id)
    return other.cost_micros if other is not None else 0


def _judge_below_cost(after: dict[str, Any], below: bool, disable: bool) -> dict[str, Any]:
    """Whether a service stops or starts being sold for its cost."""
    if after["active"] and below and disable:
        return {"active": False, "inactive_because": BELOW_COST}
    if after["inactive_because"] == BELOW_COST and not below:
        return {"active": True, "inactive_because": ""}
    return {}


def _differences(
    cost_before: int, cost: int, before: dict[str, Any], after: dict[str, Any]
) -> list[Finding]:
    found: list[Finding] = [] if cost == cost_before else [(Kind.COST, cost_before, cost)]
    found += differences(before, after)
    reasons = before["inactive_because"], after["inactive_because"]
    if before["active"] != after["active"]:
        found.append((Kind.ENABLED if after["active"] else Kind.DISABLED, *reasons))
    elif reasons[0] != reasons[1]:
        found.append((Kind.STAYS_DISABLED, *reasons))
    return found
