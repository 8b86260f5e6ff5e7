"""Customers: their keys, funds, discounts, own rates and ledgers."""

from typing import Any

from flask import redirect, render_template, request, url_for

from api.context import current_settings
from panel import account_queries, accounts, ledger_queries, pricing, services
from panel.errors import OperatorError
from panel.ledger_queries import KINDS, LedgerFilter
from panel.money import format_exact, format_percent, with_currency
from panel.operations import customers
from panel.operations.customers import Loss
from panel.paging import Page
from web.dashboard import forms
from web.dashboard.common import (
    Outcome,
    back_to,
    bp,
    explain_form,
    form_token,
    number,
    page_form,
    perform,
    show_again,
    tell,
)
from web.dashboard.ledger import narrowed

SORTS = {
    "newest": "newest first",
    "last": "last order",
    "orders": "orders",
    "spent": "spent",
    "balance": "balance",
}
"""What the list can be sorted by, in words."""

LOSSES = 5
"""The most services below their cost that are named one by one."""


@bp.get("/customers")
def customer_list() -> str:
    """All customers, or those whose name has a text in it."""
    text = request.args.get("q", "").strip()
    sort = request.args.get("sort", "")
    sort = sort if sort in SORTS else "newest"
    return render_template(
        "dashboard/customers.html",
        page=account_queries.account_page(text, number("before"), sort),
        form=page_form(forms.AddCustomer),
        sort=sort,
        sorts=SORTS,
    )


@bp.post("/customers")
def customer_add() -> Any:
    """Add a customer and show its key, in this answer and never again."""
    form = forms.AddCustomer()
    if not form.validate():
        explain_form(form)
        return show_again("admin.customer_list", form)
    name, balance = form.name.data.strip(), form.balance.data or 0
    if _asks_first(balance):
        return _ask_first(url_for("admin.customer_add"), name, balance, None, "")
    added = perform(customers.add, name, balance, form_token(), form=form)
    if added.repeated:
        account = accounts.by_id(added.repeated)
        return redirect(url_for("admin.customer_page", name=account.name))
    if not added.done:
        return show_again("admin.customer_list", form)
    return _show_key(name, added.value)


def _asks_first(amount_micros: int) -> bool:
    """Whether an amount is so large that the page asks once more, and has not yet."""
    if request.form.get("sure") == format_exact(amount_micros):
        return False
    return customers.asks_first(amount_micros, current_settings().deposit_ask)


def _ask_first(action: str, name: str, amount_micros: int, before: int | None, note: str) -> str:
    """The page that asks whether a large amount is meant, with what comes of it.

    :param action: where its form goes.
    :param before: the balance; None for a customer who is added.
    """
    return render_template(
        "dashboard/ask_first.html",
        action=action,
        is_new=before is None,
        name=name,
        amount=amount_micros,
        before=before or 0,
        note=note,
        limit=current_settings().deposit_ask,
    )


def _show_key(name: str, key: str) -> str:
    return render_template("dashboard/key.html", name=name, key=key)


@bp.get("/customers/<name>")
def customer_page(name: str) -> str:
    """One customer with its ledger."""
    account = accounts.get(name)
    try:
        page = ledger_queries.page(narrowed(LedgerFilter(account.id)), number("before"))
    except OperatorError as error:
        tell(str(error), "error")
        page = Page([], None)
    return render_template(
        "dashboard/customer.html",
        account=account,
        page=page,
        kinds=KINDS,
        rates=_own_rates(account.id),
        fund=page_form(forms.Fund),
        discount=page_form(forms.Discount, data={"percent": account.discount_ppm}),
        dialect=page_form(forms.DialectChoice, data={"dialect": account.dialect or "default"}),
        own_rate=page_form(forms.OwnRate),
    )


def _own_rates(account_id: int) -> list[tuple[Any, int]]:
    own = pricing.account_rates(account_id)
    return [(service, own[service.id]) for service in services.of_numbers(own)]


@bp.post("/customers/<name>/<any(suspend,activate):act>")
def customer_status(name: str, act: str) -> Any:
    """Suspend or activate a customer."""
    if act == "suspend":
        perform(customers.suspend, name, said=f"{name} is suspended.")
    else:
        perform(customers.activate, name, said=f"{name} is active.")
    return back_to("admin.customer_page", name=name)


@bp.post("/customers/<name>/rotate-key")
def customer_rotate(name: str) -> Any:
    """Give a customer a new key and show it, in this answer and never again."""
    accounts.get(name)
    rotated = perform(customers.rotate_key, name, form_token())
    if not rotated.done:
        return back_to("admin.customer_page", name=name)
    return _show_key(name, rotated.value)


@bp.post("/customers/<name>/fund")
def customer_fund(name: str) -> Any:
    """Deposit or withdraw; a large amount is asked for once more."""
    account = accounts.get(name)
    form = forms.Fund()
    if not form.validate():
        explain_form(form)
        return show_again("admin.customer_page", form, name=name)
    amount, note = form.amount.data, (form.note.data or "").strip()
    if _asks_first(amount) and account.balance_micros + amount >= 0:
        action = url_for("admin.customer_fund", name=name)
        return _ask_first(action, name, amount, account.balance_micros, note)
    verb = "withdrawn" if amount < 0 else "deposited"
    said = f"{with_currency(abs(amount))} {verb}."
    entered = perform(customers.fund, name, amount, note, form_token(), said=said, form=form)
    if not entered.done and not entered.repeated:
        return show_again("admin.customer_page", form, name=name)
    anchor = f"entry-{entered.repeated}" if entered.repeated else None
    return redirect(url_for("admin.customer_page", name=name, _anchor=anchor))


@bp.post("/customers/<name>/discount")
def customer_discount(name: str) -> Any:
    """Give a discount on every rate."""
    accounts.get(name)
    form = forms.Discount()
    if not form.validate():
        explain_form(form)
        return show_again("admin.customer_page", form, name=name)
    discount = form.percent.data
    now_gets = f"{name} now gets {format_percent(discount)} off."
    done = perform(customers.set_discount, name, discount, said=now_gets)
    return _after(done, form, name)


@bp.post("/customers/<name>/dialect")
def customer_dialect(name: str) -> Any:
    """Choose the dialect of a customer's answers."""
    accounts.get(name)
    form = forms.DialectChoice()
    if not form.validate():
        explain_form(form)
        return show_again("admin.customer_page", form, name=name)
    chosen = form.dialect.data
    dialect = None if chosen == "default" else chosen
    answered = f"{name} is answered in the dialect {chosen}."
    done = perform(customers.set_dialect, name, dialect, said=answered)
    return _after(done, form, name)


@bp.post("/customers/<name>/rate")
def customer_rate(name: str) -> Any:
    """Give a customer its own rate for a service, or remove it."""
    accounts.get(name)
    form = forms.OwnRate()
    if not form.validate():
        explain_form(form)
        return show_again("admin.customer_page", form, name=name)
    service, rate = form.service.data, form.rate.data
    shown = "the usual rate" if rate is None else with_currency(rate)
    now_pays = f"{name} now pays {shown} for service {service}."
    done = perform(customers.set_rate, name, service, rate, said=now_pays)
    return _after(done, form, name)


def _after(done: Outcome, form: Any, name: str) -> Any:
    """The customer's page after an act, with what was typed where it was refused."""
    if not done.done:
        return show_again("admin.customer_page", form, name=name)
    _warn_of_losses(done.value)
    return back_to("admin.customer_page", name=name)


def _warn_of_losses(losses: list[Loss] | None) -> None:
    """Warn of the services that are now sold below their cost: the first ones, and how many."""
    losses = losses or []
    for loss in losses[:LOSSES]:
        rate, cost = format_exact(loss.rate_micros), format_exact(loss.cost_micros)
        tell(f"Service {loss.service_id}: {rate} is below its cost {cost}.", "warning")
    if len(losses) > LOSSES:
        tell(f"{len(losses) - LOSSES} more services are below their cost.", "warning")
