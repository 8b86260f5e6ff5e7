"""What a provider cannot do, as far as its answers showed it: asked again after a day."""

from database.clock import now
from database.compiled_query import CompiledQuery, param
from database.transactions import immediate
from models import AskedSingly

RELEARN_S = 24 * 3600
"""A provider may be replaced by a better one: then lists are tried again."""

_LEARNED_AT = CompiledQuery(
    lambda: AskedSingly.select(AskedSingly.learned_at).where(
        AskedSingly.provider == param("provider_id"), AskedSingly.action == param("action")
    )
)


def asked_singly(provider_id: int, action: str) -> bool:
    """Whether a provider answers an action for one thing at a time only."""
    row = _LEARNED_AT.row(provider_id=provider_id, action=action)
    return row is not None and now() - row[0] < RELEARN_S


def learn(provider_id: int, action: str) -> None:
    """Remember that a provider answers an action for one thing at a time only."""
    with immediate():
        AskedSingly.replace(provider=provider_id, action=action, learned_at=now()).execute()


def forget(provider_id: int, action: str) -> None:
    """The provider answers lists, too."""
    with immediate():
        AskedSingly.delete().where(
            AskedSingly.provider == provider_id, AskedSingly.action == action
        ).execute()
