"""A provider as the worker asks it, with what it learned of its answers."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from panel.providers import abilities
from upstream.provider import Provider
from worker.inquiry import Ask, Inquiry
from worker.outages import Record, at_once

T = TypeVar("T")


class Contact(NamedTuple):
    """A provider and how to ask it.

    wait: waits until its rate limit lets a request through; False once the worker stops.
    record: runs a write that records what was answered.
    odd: by action, the numbers that spoiled a list, and are asked for alone from then on: those
        that were refused only for now, until they are answered.
    """

    provider_id: int
    provider: Provider
    wait: Callable[[], bool]
    odd: dict[str, dict[str, bool]]
    record: Record = at_once


def inquire(contact: Contact, action: str, ask: Ask[T], numbers: Sequence[str]) -> Inquiry[T]:
    """Ask for up to 100 numbers, and remember what the answers tell of the provider."""
    odd = contact.odd.setdefault(action, {})
    singly = abilities.asked_singly(contact.provider_id, action)
    inquiry = Inquiry(ask, contact.wait)
    inquiry.run(numbers, singly, odd)
    if inquiry.lists is False:
        if not singly:
            learn = partial(abilities.learn, contact.provider_id, action)
            contact.record(learn, f"{action}: asked for singly")
        return inquiry
    if singly:
        forget = partial(abilities.forget, contact.provider_id, action)
        contact.record(forget, f"{action}: not asked for singly")
    odd |= {number: number in inquiry.for_now for number in inquiry.odd}
    for number in inquiry.found:
        if odd.get(number):
            odd.pop(number, None)
    return inquiry
