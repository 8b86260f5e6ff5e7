"""flask order: looking at orders and moving them on by hand."""

import json
from typing import Any

import click

from cli.common import NUMBER, Group, as_json, limit, show_one, show_rows, when
from panel import accounts, queries
from panel.money import format_exact
from panel.orders import dispatch, events, state, subscriptions, transition


@click.group("order", cls=Group)
def group() -> None:
    """Orders: look at them, move them on by hand."""


def _row(order: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": order["id"],
        "user": order["account_name"],
        "service": order["service"],
        "service_name": order["service_name"],
        "link": order["link"],
        "quantity": order["quantity"],
        "charge": format_exact(order["charge_micros"]),
        "refunded": format_exact(order["refunded_micros"]),
        "status": order["status"],
        "start_count": order["start_count"],
        "remains": order["remains"],
        "forward": order["dispatch_state"],
        "provider_order": order["provider_order"],
        "cost": format_exact(order["cost_micros"]),
        "warning": order["warning"],
        "parameters": json.loads(order["parameters"]),
        "runs": order["runs"],
        "interval": order["interval"],
        "part_of": order["parent"],
        "created": when(order["created_at"]),
        "updated": when(order["updated_at"]),
    }


SHOWN = (
    "id", "user", "service", "link", "quantity", "charge", "refunded", "status", "remains",
    "forward", "warning", "created",
)  # fmt: skip
"""What fits a table; --json has everything."""


def _show(rows: list[dict[str, Any]], as_json: bool, nothing: str) -> None:
    shown = rows if as_json else [{name: row[name] for name in SHOWN} for row in rows]
    show_rows(shown, as_json, nothing)


@group.command("list")
@click.option("--user", help="Only this customer's.")
@click.option("--status", type=click.Choice(list(state.FOLLOWS)), help="Only of this status.")
@limit()
@as_json
def list_(user: str | None, status: str | None, limit: int, as_json: bool) -> None:
    """The newest orders."""
    account_id = accounts.get(user).id if user is not None else None
    rows = [_row(order) for order in queries.order_listing(account_id, status, limit)]
    _show(rows, as_json, "No such orders.")


@group.command("show")
@click.argument("id", type=NUMBER)
@as_json
def show(id: int, as_json: bool) -> None:
    """One order, and what happened on its way to the provider and back."""
    story = [
        {"at": when(event["created_at"]), "what": event["kind"], "text": event["text"]}
        for event in events.events(id)
    ]
    row = _row(queries.order_details(id))
    if as_json:
        show_one({**row, "events": story}, as_json)
        return
    show_one(row, as_json)
    if story:
        click.echo()
        show_rows(story, as_json, "")


@group.command("set")
@click.argument("id", type=NUMBER)
@click.option("--status", help="Pending, Processing, In progress, Completed, Partial, Canceled.")
@click.option("--start-count", type=int, help="The count before delivery began.")
@click.option("--remains", type=int, help="How many are not delivered.")
def set_(id: int, status: str | None, start_count: int | None, remains: int | None) -> None:
    """Change an order; Partial and Canceled pay back what remains, once.

    Example: flask order set 17 --status Partial --remains 200
    """
    if status is None and start_count is None and remains is None:
        raise click.UsageError("Give --status, --start-count or --remains.")
    transition.change(id, status=status, start_count=start_count, remains=remains)
    row = queries.order_details(id)
    refunded = format_exact(row["refunded_micros"])
    click.echo(f"Order {id} is {row['status']}, {row['remains']} remain, {refunded} refunded.")


@group.command("post")
@click.argument("id", type=NUMBER)
@click.argument("quantity", type=click.IntRange(1))
def post(id: int, quantity: int) -> None:
    """Charge a post of a subscription that is fulfilled by hand, and print its order's number."""
    click.echo(subscriptions.add_post(id, quantity))


@group.command("review")
@as_json
def review(as_json: bool) -> None:
    """Orders of which nobody knows whether the provider has them.

    Look each one up at its provider, then: attach it if the provider has it, resend it or fail
    it if not.
    """
    rows = [_row(order) for order in queries.orders_in_review()]
    _show(rows, as_json, "No order needs review.")


@group.command("resend")
@click.argument("id", type=NUMBER)
def resend(id: int) -> None:
    """Send an order in review again: the provider does not have it."""
    dispatch.resend(id)
    click.echo(f"Order {id} will be sent again.")


@group.command("attach")
@click.argument("id", type=NUMBER)
@click.argument("provider_order")
def attach(id: int, provider_order: str) -> None:
    """Follow an order in review: the provider has it under PROVIDER_ORDER."""
    dispatch.attach(id, provider_order)
    click.echo(f"Order {id} is the provider's order {provider_order}.")


@group.command("fail")
@click.argument("id", type=NUMBER)
def fail(id: int) -> None:
    """Give an order in review up: it is canceled and paid back."""
    dispatch.fail(id)
    refunded = format_exact(queries.order_details(id)["refunded_micros"])
    click.echo(f"Order {id} is Canceled, {refunded} refunded.")
