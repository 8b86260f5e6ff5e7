"""Customers: their keys, funds, discounts, own rates and ledgers."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response, render_template, request

from panel import accounts, pricing, queries, services
from panel.money import format_exact, format_percent
from panel.providers import sources
from panel.reports import escape_formula
from web.dashboard import forms
from web.dashboard.common import back_to, bp, explain_form, number, perform, tell, when


@bp.get("/customers")
def customer_list() -> str:
    """All customers, newest first, or those whose name begins so."""
    text = request.args.get("q", "").strip()
    page = queries.account_page(text, number("before"))
    return render_template("dashboard/customers.html", page=page, form=forms.AddCustomer())


@bp.post("/customers")
def customer_add() -> Any:
    """Add a customer and show its key, in this answer and never again."""
    form = forms.AddCustomer()
    if not form.validate():
        explain_form(form)
        return back_to("admin.customer_list")
    name, balance = form.name.data, form.balance.data or 0
    added = perform(
        f"customer {name}: add with {format_exact(balance)}", lambda: accounts.add(name, balance)
    )
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
        page=queries.ledger_page(account.id, number("before")),
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
    """Lock a customer out, or let it in again."""
    status = "suspended" if act == "suspend" else "active"
    perform(
        f"customer {name}: {act}",
        lambda: accounts.set_status(name, status),
        f"{name} is {status}.",
    )
    return back_to("admin.customer_page", name=name)


@bp.post("/customers/<name>/rotate-key")
def customer_rotate(name: str) -> Any:
    """Give a customer a new key and show it, in this answer and never again."""
    accounts.get(name)
    rotated = perform(f"customer {name}: rotate the key", lambda: accounts.rotate_key(name))
    if not rotated.done:
        return back_to("admin.customer_page", name=name)
    return _show_key(name, rotated.value)


@bp.post("/customers/<name>/fund")
def customer_fund(name: str) -> Any:
    """Deposit or withdraw."""
    form = forms.Fund()

    def do() -> None:
        amount = form.amount.data
        note = (form.note.data or "").strip()
        perform(
            f"customer {name}: fund {format_exact(amount)}" + (f" ({note})" if note else ""),
            lambda: accounts.fund(name, amount, note),
            f"{name}: {format_exact(amount)} entered.",
        )

    return _with_form(name, form, do)


@bp.post("/customers/<name>/discount")
def customer_discount(name: str) -> Any:
    """Give a discount on every rate."""
    form = forms.Discount()

    def do() -> None:
        percent = form.percent.data
        shown = format_percent(percent)
        done = perform(
            f"customer {name}: discount {shown}",
            lambda: accounts.set_discount(name, percent),
            f"{name} now gets {shown} off.",
        ).done
        if done:
            _warn_of_losses(pricing.rates_for(accounts.get(name)))

    return _with_form(name, form, do)


@bp.post("/customers/<name>/dialect")
def customer_dialect(name: str) -> Any:
    """Say how answers are shaped for a customer."""
    form = forms.DialectChoice()

    def do() -> None:
        chosen = form.dialect.data
        perform(
            f"customer {name}: dialect {chosen}",
            lambda: accounts.set_dialect(name, None if chosen == "default" else chosen),
            f"{name} is answered in the dialect {chosen}.",
        )

    return _with_form(name, form, do)


@bp.post("/customers/<name>/rate")
def customer_rate(name: str) -> Any:
    """Give a customer its own rate for a service, or take it away."""
    form = forms.OwnRate()

    def do() -> None:
        service, rate = form.service.data, form.rate.data
        shown = "the usual rate" if rate is None else format_exact(rate)
        done = perform(
            f"customer {name}: service {service} at {shown}",
            lambda: pricing.set_account_rate(accounts.get(name).id, service, rate),
            f"{name} now pays {shown} for service {service}.",
        ).done
        if done and rate is not None:
            _warn_of_losses({service: rate})

    return _with_form(name, form, do)


def _with_form(name: str, form: Any, do: Callable[[], None]) -> Any:
    """Do what a good form asks for, then back to its customer."""
    accounts.get(name)
    if form.validate():
        do()
    else:
        explain_form(form)
    return back_to("admin.customer_page", name=name)


def _warn_of_losses(rates: dict[int, int]) -> None:
    losses = sources.losses(rates)
    for service, cost in list(losses.items())[:5]:
        text = f"Service {service}: {format_exact(rates[service])} is below its cost"
        tell(f"{text} {format_exact(cost)}.", "warning")
    if len(losses) > 5:
        tell(f"{len(losses) - 5} more services are below their cost.", "warning")


@bp.get("/customers/<name>/ledger.csv")
def customer_csv(name: str) -> Response:
    """The whole ledger of a customer, oldest entry first."""
    account = accounts.get(name)
    response = Response(_csv(account.id), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="ledger-{name}.csv"'
    return response


def _csv(account_id: int) -> Iterator[str]:
    """Line by line: a ledger may be longer than the memory is large."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["entry", "time (UTC)", "kind", "order", "amount", "balance", "note"])
    for entry in queries.entries(account_id):
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
