"""Which changes of a provider are followed at once, and which wait for an operator."""

from typing import NamedTuple

from panel.providers.pending import PendingKind
from settings import Settings


class SyncPolicy(NamedTuple):
    """What the settings say of following a provider's prices and catalogue.

    disable_below_cost: whether a service whose rate is below its cost is disabled.
    fall_percent, rise_percent: by how much a cost may fall and rise at once.
    loss_percent: how many of our services may vanish there at once.
    """

    disable_below_cost: bool = False
    fall_percent: int = 50
    rise_percent: int = 100
    loss_percent: int = 30


USUAL = SyncPolicy()
"""What the settings say where nothing is set."""

LEAST_LOSS = 5
"""Fewer services than this may vanish at once whatever share they are."""


def from_settings(settings: Settings) -> SyncPolicy:
    """The policy that the settings give."""
    return SyncPolicy(
        settings.below_cost == "disable",
        settings.cost_fall,
        settings.cost_rise,
        settings.catalogue_loss,
    )


def judge_cost(before: int, after: int, policy: SyncPolicy) -> PendingKind | None:
    """Why a changed cost is not followed at once; None where it is.

    :param before: the cost as we know it, and `after` as it is listed, both in micros.
    """
    if after < before:
        too_far = after == 0 or (before - after) * 100 > before * policy.fall_percent
        return PendingKind.FALL if too_far else None
    too_far = (after - before) * 100 > before * policy.rise_percent
    return PendingKind.RISE if too_far else None


def is_loss(offered: int, missing: int, policy: SyncPolicy) -> bool:
    """Whether so many of our services that vanished at once are more likely a fault.

    :param offered: how many it offered before, the missing ones among them.
    """
    return missing >= LEAST_LOSS and missing * 100 > offered * policy.loss_percent
