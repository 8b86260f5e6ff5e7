"""What an operator teaches of a provider's words."""

from typing import NamedTuple

from panel.operations.audit import Actor, audited
from panel.orders import dispatch, status_sync
from panel.providers import registry, words
from panel.providers.words import TaughtWord


class Taught(NamedTuple):
    """A word that was taught, and how many orders it concerned that waited with it.

    Those held for a status are asked for at once; those held for a refusal are settled.
    """

    word: TaughtWord
    orders: int


def teach(actor: Actor, provider_name: str, word: str, meaning: str) -> Taught:
    """Say what a provider's word means, for all orders that wait with it and all later ones.

    :param meaning: one of our statuses, or for a refusal `wait` (send it again later) or
        `cancel` (cancel it and pay it back).
    :raises OperatorError: for no such provider, an empty word, one with control characters, or
        no such meaning.
    """
    with audited(actor, f"provider {provider_name}: word {word!r} means {meaning}"):
        taught = words.teach(provider_name, word, meaning)
        provider_id = registry.get(provider_name).id
        settle = status_sync.poll_taught if taught.kind == "status" else dispatch.settle_refused
        return Taught(taught, settle(provider_id))


def forget(actor: Actor, provider_name: str, word: str) -> None:
    """Forget what a provider's word means; orders that it moved stay as they are.

    :raises OperatorError: for no such provider, or a word that was not taught.
    """
    with audited(actor, f"provider {provider_name}: forget the word {word!r}"):
        words.forget(provider_name, word)
