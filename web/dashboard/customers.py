"""Customers: their keys, funds, discounts, own rates and ledgers."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from flask import Response, render_template, request

from panel import account_queries, accounts, pricing, services
from panel.money import format_exact, format_percent
from panel.operations import customers
from panel.operations.customers import Loss
from panel.reports import escape_formula
from web.dashboard import forms
from web.dashboard.common import back_to, bp, explain_form, number, perform, tell, when

LOSSES = 5
"""The most services below their cost that are named one by one."""


@bp.get("/customers")
def customer_list() -> str:
    """All customers, newest first, or those whose name begins with a text."""
    text = request.args.get("q", "").strip()
    page = account_queries.account_page(text, number("before"))
    return render_template("dashboard/customers.html", page=page, form=forms.AddCustomer())


@bp.post("/customers")
def customer_add() -> Any:
    """Add a customer and show its key, in this answer and never again."""
    form = forms.AddCustomer()
    if not form.validate():
        explain_form(form)
        return back_to("admin.customer_list")
    name, balance = form.name.data, form.balance.data or 0
    added = perform(customers.add, name, balance)
    if not added.done:
        return back_to("admin.customer_list")
    return _show_key(name, added.value)


def _show_key(name: str, key: str) -> str:
    return render_template("dashboard/key.html", name=name, key=key)


@bp.get("/customers/<name>")
def customer_page(name: str) -> str:
    """One customer with its ledger."""
    account = accounts.get(name)
    return render_template(
        "dashboard/customer.html",
        account=account,
        page=account_queries.ledger_page(account.id, number("before")),
        rates=_own_rates(account.id),
        fund=forms.Fund(),
        discount=forms.Discount(data={"percent": account.discount_ppm}),
        dialect=forms.DialectChoice(data={"dialect": account.dialect or "default"}),
        own_rate=forms.OwnRate(),
    )


def _own_rates(account_id: int) -> list[tuple[Any, int]]:
    own = pricing.account_rates(account_id)
    return [(services.get(service_id), rate) for service_id, rate in sorted(own.items())]


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
    rotated = perform(customers.rotate_key, name)
    if not rotated.done:
        return back_to("admin.customer_page", name=name)
    return _show_key(name, rotated.value)


@bp.post("/customers/<name>/fund")
def customer_fund(name: str) -> Any:
    """Deposit or withdraw."""
    form = _valid(name, forms.Fund())
    if form is not None:
        amount, note = form.amount.data, (form.note.data or "").strip()
        entered = f"{name}: {format_exact(amount)} entered."
        perform(customers.fund, name, amount, note, said=entered)
    return back_to("admin.customer_page", name=name)


@bp.post("/customers/<name>/discount")
def customer_discount(name: str) -> Any:
    """Give a discount on every rate."""
    form = _valid(name, forms.Discount())
    if form is not None:
        discount = form.percent.data
        now_gets = f"{name} now gets {format_percent(discount)} off."
        _warn_of_losses(perform(customers.set_discount, name, discount, said=now_gets).value)
    return back_to("admin.customer_page", name=name)


@bp.post("/customers/<name>/dialect")
def customer_dialect(name: str) -> Any:
    """Choose the dialect of a customer's answers."""
    form = _valid(name, forms.DialectChoice())
    if form is not None:
        chosen = form.dialect.data
        dialect = None if chosen == "default" else chosen
        answered = f"{name} is answered in the dialect {chosen}."
        perform(customers.set_dialect, name, dialect, said=answered)
    return back_to("admin.customer_page", name=name)


@bp.post("/customers/<name>/rate")
def customer_rate(name: str) -> Any:
    """Give a customer its own rate for a service, or remove it."""
    form = _valid(name, forms.OwnRate())
    if form is not None:
        service, rate = form.service.data, form.rate.data
        shown = "the usual rate" if rate is None else format_exact(rate)
        now_pays = f"{name} now pays {shown} for service {service}."
        _warn_of_losses(perform(customers.set_rate, name, service, rate, said=now_pays).value)
    return back_to("admin.customer_page", name=name)


def _valid(name: str, form: Any) -> Any:
    """The form of a customer that exists, or None after telling what is wrong with it."""
    accounts.get(name)
    if form.validate():
        return form
    explain_form(form)
    return None


def _warn_of_losses(losses: list[Loss] | None) -> None:
    """Warn of the services that are now sold below their cost: the first ones, and how many."""
    losses = losses or []
    for loss in losses[:LOSSES]:
        rate, cost = format_exact(loss.rate_micros), format_exact(loss.cost_micros)
        tell(f"Service {loss.service_id}: {rate} is below its cost {cost}.", "warning")
    if len(losses) > LOSSES:
        tell(f"{len(losses) - LOSSES} more services are below their cost.", "warning")


@bp.get("/customers/<name>/ledger.csv")
def customer_csv(name: str) -> Response:
    """The whole ledger of a customer, oldest entry first."""
    account = accounts.get(name)
    response = Response(_csv(account.id), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="ledger-{name}.csv"'
    return response


def _csv(account_id: int) -> Iterator[str]:
    """The lines one by one: a ledger may not fit into memory."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["entry", "time (UTC)", "kind", "order", "amount", "balance", "note"])
    for entry in account_queries.entries(account_id):
        amounts = [format_exact(entry[name]) for name in ("amount_micros", "balance_micros")]
        writer.writerow(
            [
                entry["id"],
                when(entry["created_at"]),
                entry["kind"],
                entry["order"] or "",
                *amounts,
                escape_formula(entry["note"]),
            ]
        )
        yield out.getvalue()
        out.seek(0)
        out.truncate()
