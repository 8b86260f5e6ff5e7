"""What operators taught us of a provider's words: what a status means, what to do on a refusal."""

import re
from typing import NamedTuple

from database.clock import now
from database.compiled_query import CompiledQuery, param, rows
from database.transactions import immediate
from models import ProviderWord
from panel.errors import OperatorError
from panel.orders import state
from panel.orders.refusal import Refusal
from panel.providers import registry

MAX_LENGTH = 300

REFUSALS = {"wait": Refusal.TEMPORARY, "cancel": Refusal.FINAL}
"""What to do with an order that was refused: send it again later, or cancel and pay it back."""

_MEANINGS = {meaning.casefold(): meaning for meaning in (*state.FOLLOWS, *REFUSALS)}


class TaughtWord(NamedTuple):
    """A word as it is compared, and what it means; kind is "status" or "refusal"."""

    kind: str
    word: str
    meaning: str
    created_at: int


_OF_KIND = CompiledQuery(
    lambda: ProviderWord.select(ProviderWord.word, ProviderWord.meaning).where(
        ProviderWord.provider == param("provider_id"), ProviderWord.kind == param("kind")
    )
)
_MEANING = CompiledQuery(
    lambda: ProviderWord.select(ProviderWord.meaning).where(
        ProviderWord.provider == param("provider_id"),
        ProviderWord.kind == param("kind"),
        ProviderWord.word == param("word"),
    )
)


def plain(word: str) -> str:
    """A status word as it is compared: without regard to case and spacing."""
    return " ".join(word.casefold().split())[:MAX_LENGTH].rstrip()


def plain_refusal(why: str) -> str:
    """A refusal as it is compared: also without regard to the numbers in it."""
    return re.sub(r"[0-9]+", "#", plain(why))


def teach(provider_name: str, word: str, meaning: str) -> TaughtWord:
    """Keep what a provider's word means, in place of what was taught before.

    :param meaning: one of our statuses, or for a refusal `wait` or `cancel`; in any case.
    :raises OperatorError: for no such provider, an empty word, one with control characters, or
        no such meaning.
    """
    known = _MEANINGS.get(meaning.strip().casefold())
    if known is None:
        raise OperatorError(
            f"there is no meaning {meaning!r}; there are: {', '.join(_MEANINGS.values())}"
        )
    kind, text = "status", plain(word)
    if known in REFUSALS:
        kind, text = "refusal", plain_refusal(word)
    if not text:
        raise OperatorError("the word is empty", "word")
    if not text.isprintable():
        # Providers' words are compared without what cannot be printed: it would never be met.
        raise OperatorError("the word must be printable characters", "word")
    taught = TaughtWord(kind, text, known, now())
    with immediate():
        provider = registry.get(provider_name)
        ProviderWord.replace(provider=provider.id, **taught._asdict()).execute()
    return taught


def forget(provider_name: str, word: str) -> None:
    """Forget what a provider's word means.

    :raises OperatorError: for no such provider, or a word that was not taught.
    """
    with immediate():
        provider = registry.get(provider_name)
        texts = (plain(word), plain_refusal(word))
        known = ProviderWord.delete().where(
            ProviderWord.provider == provider.id, ProviderWord.word.in_(texts)
        )
        if not known.execute():
            raise OperatorError(f"nothing was taught of {word!r} at {provider_name}")


def listing(provider_name: str) -> list[TaughtWord]:
    """What was taught of a provider's words, by kind and word.

    :raises OperatorError: if there is no such provider.
    """
    query = (
        ProviderWord.select(
            ProviderWord.kind, ProviderWord.word, ProviderWord.meaning, ProviderWord.created_at
        )
        .where(ProviderWord.provider == registry.get(provider_name).id)
        .order_by(ProviderWord.kind, ProviderWord.word)
    )
    return [TaughtWord(*row) for row in rows(query.tuples())]


def status_meanings(provider_id: int) -> dict[str, str]:
    """Our statuses for a provider's words, as plain() gives them."""
    return dict(_OF_KIND.run(provider_id=provider_id, kind="status").fetchall())


def refusal_meaning(provider_id: int | None, why: str) -> Refusal | None:
    """What an operator said to do on a refusal; None where nothing was taught of it."""
    word = plain_refusal(why)
    row = _MEANING.row(provider_id=provider_id, kind="refusal", word=word)
    return REFUSALS[row[0]] if row else None
