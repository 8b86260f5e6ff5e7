"""What an operator does with customers: keys, funds, discounts, rates, dialects."""

from typing import NamedTuple

from panel import accounts, pricing
from panel.money import format_exact, format_percent, with_currency
from panel.operations.audit import Actor, audited
from panel.providers import sources


class Loss(NamedTuple):
    """A service that a customer would pay less for than it costs; micros per 1000."""

    service_id: int
    rate_micros: int
    cost_micros: int


def asks_first(amount_micros: int, limit_micros: int) -> bool:
    """Whether a deposit or withdrawal is so large that it is asked for once more.

    :param limit_micros: the setting PANEL_DEPOSIT_ASK; 0 for never.
    """
    return 0 < limit_micros < abs(amount_micros)


def money_act(amount_micros: int) -> str:
    """What an amount does to a balance: "deposit 25.00 USD", or "withdraw 25.00 USD"."""
    verb = "withdraw" if amount_micros < 0 else "deposit"
    return f"{verb} {with_currency(abs(amount_micros))}"


def add(actor: Actor, name: str, balance_micros: int = 0, form_token: str = "") -> str:
    """Add a customer, with a first deposit where one is given.

    :param form_token: of the form that asks for it, which adds one however often it is sent;
        "" without a form.
    :returns: the key, which cannot be shown again.
    :raises OperatorError: for a name that cannot be used or is taken, or a negative balance.
    """
    first = f", {money_act(balance_micros)}" if balance_micros > 0 else ""
    with audited(actor, f"customer {name}: add{first}"):
        return accounts.add(name, balance_micros, actor.name, form_token)


def suspend(actor: Actor, name: str) -> None:
    """Refuse every request of a customer, from the next one on.

    :raises OperatorError: if there is no such customer.
    """
    with audited(actor, f"customer {name}: suspend"):
        accounts.set_status(name, "suspended")


def activate(actor: Actor, name: str) -> None:
    """Accept a suspended customer's requests again.

    :raises OperatorError: if there is no such customer.
    """
    with audited(actor, f"customer {name}: activate"):
        accounts.set_status(name, "active")


def rotate_key(actor: Actor, name: str, form_token: str = "") -> str:
    """Give a customer a new key; the old one is unknown from the next request on.

    :param form_token: of the form that asks for it, which does so once; "" without a form.
    :returns: the new key, which cannot be shown again.
    :raises OperatorError: if there is no such customer.
    """
    with audited(actor, f"customer {name}: rotate the key"):
        return accounts.rotate_key(name, form_token)


def fund(actor: Actor, name: str, amount_micros: int, note: str = "", form_token: str = "") -> int:
    """Deposit an amount, or withdraw it where it is negative.

    :param form_token: of the form that asks for it, which is entered once however often it is
        sent; "" without a form.
    :returns: the new balance, in micros.
    :raises OperatorError: for no such customer, a zero amount, or one or a note that cannot be
        entered.
    """
    because = f" ({note})" if note else ""
    with audited(actor, f"customer {name}: {money_act(amount_micros)}{because}"):
        return accounts.fund(name, amount_micros, note, actor.name, form_token)


def set_discount(actor: Actor, name: str, discount_ppm: int) -> list[Loss]:
    """Give a customer a discount on every rate.

    :returns: the services that this customer now pays less for than they cost.
    :raises OperatorError: for no such customer, or a discount below 0 or above 100 %.
    """
    with audited(actor, f"customer {name}: discount {format_percent(discount_ppm)}"):
        accounts.set_discount(name, discount_ppm)
    return _losses(pricing.rates_for(accounts.get(name)))


def set_rate(actor: Actor, name: str, service_id: int, rate_micros: int | None) -> list[Loss]:
    """Give a customer its own rate for a service, or with None the usual one again.

    :returns: the service, if this customer now pays less for it than it costs.
    :raises OperatorError: for no such customer or service, or a rate that cannot be.
    """
    shown = "the usual rate" if rate_micros is None else format_exact(rate_micros)
    with audited(actor, f"customer {name}: service {service_id} at {shown}"):
        pricing.set_account_rate(accounts.get(name).id, service_id, rate_micros)
    return [] if rate_micros is None else _losses({service_id: rate_micros})


def set_dialect(actor: Actor, name: str, dialect: str | None) -> None:
    """Choose the dialect of a customer's answers; None for the panel's default.

    :raises OperatorError: if there is no such customer.
    """
    with audited(actor, f"customer {name}: dialect {dialect or 'default'}"):
        accounts.set_dialect(name, dialect)


def _losses(rates: dict[int, int]) -> list[Loss]:
    return [
        Loss(service_id, rates[service_id], cost_micros)
        for service_id, cost_micros in sources.losses(rates).items()
    ]
