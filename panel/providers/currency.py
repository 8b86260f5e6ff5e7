"""The currencies that providers count in, and what their amounts are in ours."""

import re
from typing import Any, NamedTuple

from database.clock import now
from models import Provider
from panel.errors import OperatorError
from panel.money import ONE_PPT
from panel.providers import pending
from panel.providers.pending import PendingKind

SANDBOX_URL = "sandbox:"
"""The address of the provider that needs no network; its prices are always in our currency."""

DAY_S = 86400
MAX_CODE_LENGTH = 16

_SIGNS = {
    "€": "EUR", "₹": "INR", "₽": "RUB", "₺": "TRY", "₦": "NGN", "৳": "BDT", "₱": "PHP",
    "₫": "VND", "₴": "UAH", "R$": "BRL", "US$": "USD",
}  # fmt: skip
"""The signs that stand for one currency. "$" and "£" do not."""
_NO_NAMES = ("", "NULL", "NONE", "UNDEFINED", "N/A", "-")


_LOOSE_SIGNS = {
    "$": ("USD", "AUD", "CAD", "NZD", "SGD", "HKD", "MXN"),
    "£": ("GBP", "EGP", "LBP"),
    "¥": ("CNY", "JPY"),
    "RS": ("INR", "PKR", "LKR", "NPR"),
    "RS.": ("INR", "PKR", "LKR", "NPR"),
}
"""Signs of several currencies: they name none, but rule others out."""


def may_mean(sign: str, code: str) -> bool:
    """Whether a sign of several currencies can stand for this one: "$" for USD."""
    return code in _LOOSE_SIGNS.get(sign, ())


def currency_code(text: str) -> str:
    """A currency as it is compared: in capitals, and by its code where a sign stands for it.

    :returns: "" where the text names none.
    """
    name = "".join(c for c in text if c.isprintable()).strip().upper()[:MAX_CODE_LENGTH].strip()
    return "" if name in _NO_NAMES else _SIGNS.get(name, name)


_MEANINGS = {
    "$": ("USD", "AUD", "CAD", "HKD", "NZD", "SGD", "TWD", "MXN", "ARS", "CLP", "COP"),
    "£": ("GBP", "EGP", "LBP", "SYP"),
    "¥": ("JPY", "CNY"),
    "KR": ("SEK", "NOK", "DKK", "ISK"),
    "RS": ("INR", "PKR", "LKR", "NPR"),
}
"""The currencies that a name may stand for that is no code; any, where it is not listed."""
_BALANCE = re.compile(r"\s*([^\d\s.,+-]*)\s*-?[\d.,]+\s*(\D*)")


def last_named(provider: Provider) -> str:
    """The currency that a provider named last, as it stands beside the balance that we keep.

    :returns: "" where it named none, or where that is not clear.
    """
    match = _BALANCE.fullmatch(provider.balance)
    if match is None:
        return ""
    before, after = match.groups()
    if after and currency_code(after) == provider.currency:
        return provider.currency  # a name of several words
    names = {currency_code(word) for word in after.split() or [before]}
    return names.pop() if len(names) == 1 else ""


def may_be(named: str, code: str) -> bool:
    """Whether a provider's name of its currency is no code, and may stand for this one."""
    is_code = re.fullmatch("[A-Z]{3}", named) is not None
    return not is_code and code in _MEANINGS.get(named, (code,))


class Exchange(NamedTuple):
    """How a provider's amounts become ours.

    theirs: its currency; "" is not known.
    ratio_ppt: units of ours for one of theirs, in parts per trillion; None was not given.
    """

    ours: str
    theirs: str = ""
    ratio_ppt: int | None = None

    def ratio(self, named: str = "") -> int | None:
        """The ratio in parts per trillion for an amount; None where it cannot be converted.

        :param named: the currency that stands beside the amount; "" for the provider's.
        """
        currency = named or self.theirs
        if currency == self.ours:
            return ONE_PPT
        return self.ratio_ppt if currency and currency == self.theirs else None

    def required_ratio(self, name: str = "NAME") -> int:
        """The ratio in parts per trillion for the provider's prices.

        :param name: the provider's name, for the command that the error tells.
        :raises OperatorError: where they cannot be converted, naming both currencies.
        """
        ratio_ppt = self.ratio()
        if ratio_ppt is not None:
            return ratio_ppt
        if not self.theirs:
            raise OperatorError(
                f"the provider does not name its currency, and ours is {self.ours}: say which "
                f"it is with: flask provider currency {name} CODE"
            )
        raise OperatorError(
            f"the provider's prices are in {self.theirs} and ours in {self.ours}: "
            f"{what_to_do(name, self.theirs, self.ours)}"
        )


def exchange(provider: Provider, ours: str) -> Exchange:
    """How a provider's amounts become ours, as far as we know."""
    theirs = ours if provider.url == SANDBOX_URL else provider.currency
    return Exchange(ours, theirs, provider.exchange_ppt)


def require(provider_id: int, ours: str) -> Provider:
    """The provider, if its prices can be told in our currency without a doubt.

    :returns: its row as it stands now.
    :raises OperatorError: if not, naming both currencies and the command to give.
    """
    provider = Provider.get_by_id(provider_id)
    changed = pending.find(provider_id, PendingKind.CURRENCY)
    if changed is not None and changed.before:
        raise OperatorError(
            f"the provider's prices were in {changed.before} and are in {changed.after} now, ours "
            f"are in {ours}: {what_to_do(provider.name, changed.after, ours)}"
        )
    exchange(provider, ours).required_ratio(provider.name)
    return provider


def what_to_do(name: str, theirs: str, ours: str) -> str:
    """How an operator settles that a provider names another currency than before."""
    if theirs == ours:
        return f"confirm it with: flask provider currency {name} {theirs}"
    if may_be(theirs, ours):
        same = f"if its {theirs} is {ours}: flask provider exchange {name} 1; if not, "
        return same + _give_a_rate(name, theirs, ours)
    return _give_a_rate(name, theirs, ours)


def _give_a_rate(name: str, theirs: str, ours: str) -> str:
    return (
        f"give the rate of exchange, {ours} for 1 {theirs}, with: "
        f"flask provider exchange {name} RATE"
    )


def record(provider: Provider, named: str, ours: str) -> None:
    """Record the currency that a provider names; to be called inside immediate().

    The first one is taken. Where another one follows, nothing is sold from there until an
    operator has confirmed it; nor is it while the prices cannot be converted.

    :param named: "" where it names none; then nothing is known that was not before.
    """
    if provider.url == SANDBOX_URL:
        named = ours
    if named and (not provider.currency or provider.url == SANDBOX_URL):
        _set(provider, named, ours)
    judge(provider, named, ours)


def _set(provider: Provider, currency: str, ours: str) -> None:
    """Its prices are to be read at once: before they could not be."""
    if provider.currency == currency:
        return
    values: dict[str, Any] = {
        "currency": currency,
        "sync_wanted": pending.is_anything_bought(provider.id),
    }
    if currency == ours:
        values |= {"exchange_ppt": None, "exchange_at": None}
    Provider.update(**values).where(Provider.id == provider.id).execute()
    provider.currency = currency


def judge(provider: Provider, named: str, ours: str) -> None:
    """Hold what is bought at a provider while its currency is in doubt, or hold it no longer.

    To be called inside immediate().

    :param named: the currency that the provider named just now; "" for none.
    """
    known = pending.find(provider.id, PendingKind.CURRENCY)
    if named and named != provider.currency:
        pending.add(provider.id, PendingKind.CURRENCY, provider.currency, named)
    elif known is not None and known.before and not named:
        return  # what was said last is in doubt still
    elif (
        provider.currency
        and exchange(provider, ours).ratio() is None
        and pending.is_anything_bought(provider.id)
    ):
        pending.add(provider.id, PendingKind.CURRENCY, "", provider.currency)
    else:
        pending.remove(provider.id, (PendingKind.CURRENCY,))


def is_old(provider: Provider, ours: str, days: int) -> bool:
    """Whether a provider's rate of exchange is in use and older than so many days; 0 for never.

    A rate of 1 says that both are the same currency, and does not grow old.
    """
    in_use = exchange(provider, ours).theirs not in ("", ours) and provider.exchange_ppt != ONE_PPT
    if not days or not in_use or provider.exchange_at is None:
        return False
    return provider.exchange_at < now() - days * DAY_S
