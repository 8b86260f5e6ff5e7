"""flask order: list orders, change them by hand, settle the ones in review."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from cli.common import (
    COMMAND_LINE,
    NUMBER,
    WHOLE,
    FailedError,
    Group,
    as_json,
    as_list,
    limit,
    show_one,
    show_rows,
    when,
)
from command_line import OneOf, Whole
from panel import accounts, queries
from panel.money import format_exact
from panel.operations import orders as operations
from panel.orders import history, state
from panel.orders.history import Line


@click.group("order", cls=Group)
def group() -> None:
    """Orders: list them, change them, settle the ones in review."""


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
        "held": order["held_because"],
        "held_text": order["held_text"],
        "parameters": json.loads(order["parameters"]),
        "runs": order["runs"],
        "interval": order["interval"],
        "part_of": order["parent"],
        "created": when(order["created_at"]),
        "updated": when(order["updated_at"]),
    }


SHOWN = (
    "id", "user", "service", "link", "quantity", "charge", "status", "remains", "warning",
)  # fmt: skip
"""The columns of a table; --wide and --json have everything."""


HEADINGS = {"forward": "dispatch"}
"""Where a column's heading is not its JSON key, which stays as it was in version 0.1."""


def _show(rows: list[dict[str, Any]], as_json: bool, nothing: str) -> None:
    shown = rows if as_json else [_headed(row) for row in rows]
    show_rows(shown, as_json, nothing, SHOWN)


def _headed(row: dict[str, Any]) -> dict[str, Any]:
    return {HEADINGS.get(name, name): value for name, value in row.items()}


STATUSES = f"{', '.join(state.FOLLOWS)}."


@group.command("list")
@click.option("--user", help="Only orders of this customer.")
@click.option(
    "--status", type=OneOf(state.FOLLOWS), help="Only orders with this status: " + STATUSES
)
@click.option("--warnings", is_flag=True, help="Only orders with a warning.")
@click.option("--held", is_flag=True, help="Only orders that wait for you, or for funds.")
@limit()
@as_list
def list_(
    user: str | None, status: str | None, warnings: bool, held: bool, limit: int, as_json: bool
) -> None:
    """List the newest orders."""
    account_id = accounts.get(user).id if user is not None else None
    orders = queries.order_listing(account_id, status, limit, with_warning=warnings, held=held)
    _show([_row(order) for order in orders], as_json, "No such orders.")


@group.command("show")
@click.argument("id", type=NUMBER)
@as_json
def show(id: int, as_json: bool) -> None:
    """Show one order, and what happened to it.

    Requests of its customer, and what its provider said.
    """
    row = _row(queries.order_details(id))
    story = history.history(id)
    if as_json:
        show_one({**row, "events": [_line(line) for line in story.lines]}, as_json)
        return
    show_one(_headed(row), as_json)
    if story.lines:
        click.echo()
        show_rows([_short(line) for line in story.lines], as_json, "", is_whole=True)


def _short(line: Line) -> dict[str, Any]:
    """A line of an order's story; what was sent and answered word for word is in --json."""
    return {
        "at": when(line.created_at), "what": line.kind, "who": line.who, "text": line.text,
    }  # fmt: skip


def _line(line: Line) -> dict[str, Any]:
    exchange = line.exchange
    if exchange is None:
        return _short(line)
    return {
        **_short(line),
        "provider": exchange["provider_name"],
        "action": exchange["action"],
        "sent": exchange["sent"],
        "http_status": exchange["http_status"],
        "answer": exchange["answer"],
    }


Command = TypeVar("Command", bound=Callable[..., Any])


def _of_orders(command: Command) -> Command:
    """The arguments of a command that acts on orders: their numbers, or the word they wait for."""
    for option in (
        click.option("--provider", help="With --with-word: only orders at this provider."),
        click.option("--with-word", help="All orders that are held for this word of a provider."),
        click.argument("ids", type=NUMBER, nargs=-1),
    ):
        command = option(command)
    return command


def _act(
    ids: tuple[int, ...],
    with_word: str | None,
    provider: str | None,
    act: Callable[[int], str],
) -> None:
    """Act on each order, and tell what came of each; on one alone as a plain command does.

    :raises FailedError: if any of several was refused.
    """
    if bool(ids) == (with_word is not None):
        raise click.UsageError("Give the orders' numbers, or --with-word.")
    if provider is not None and with_word is None:
        raise click.UsageError("--provider goes with --with-word.")
    orders = operations.chosen(ids, with_word, provider)
    if len(orders) == 1:
        click.echo(act(orders[0]))
        return
    refused = 0
    for done in operations.each(orders, act):
        refused += done.refused
        click.echo(f"Error: {done.text}" if done.refused else done.text, err=done.refused)
    if refused:
        raise FailedError(f"{refused} of {len(orders)} orders were refused")


@group.command("set")
@_of_orders
@click.option("--status", help="Such as Processing, In progress, Completed, Partial, Canceled.")
@click.option("--start-count", type=WHOLE, help="The count when delivery began.")
@click.option("--remains", type=WHOLE, help="How many are still to be delivered.")
def set_(
    ids: tuple[int, ...],
    with_word: str | None,
    provider: str | None,
    status: str | None,
    start_count: int | None,
    remains: int | None,
) -> None:
    """Change orders; Partial and Canceled refund what remains, once.

    Example: flask order set 17 18 --status Partial --remains 200
    """
    if status is None and start_count is None and remains is None:
        raise click.UsageError("Give --status, --start-count or --remains.")

    def change(order_id: int) -> str:
        operations.change(
            COMMAND_LINE, order_id, status=status, start_count=start_count, remains=remains
        )
        order = queries.order_details(order_id)
        refunded = format_exact(order["refunded_micros"])
        return (
            f"Order {order_id} is {order['status']}, {order['remains']} remain, "
            f"{refunded} refunded."
        )

    _act(ids, with_word, provider, change)


@group.command("post")
@click.argument("id", type=NUMBER)
@click.argument("quantity", type=Whole(1, 10**9))
@click.option("--theirs", help="The provider's number of a post that could not be charged.")
@as_json
def post(id: int, quantity: int, theirs: str | None, as_json: bool) -> None:
    """Charge one post of a subscription that is fulfilled by hand.

    With --theirs, one at its provider. Prints the number of the post's own order.
    """
    number = operations.add_post(COMMAND_LINE, id, quantity, theirs)
    if as_json:
        show_one(_row(queries.order_details(number)), True)
    else:
        click.echo(number)


@group.command("review")
@as_list
def review(as_json: bool) -> None:
    """List the orders that may or may not be at a provider.

    Look each one up there. If the provider has it, attach it; if not, resend it or
    fail it.
    """
    rows = [_row(order) for order in queries.orders_in_review()]
    _show(rows, as_json, "No order needs review.")


@group.command("resend")
@_of_orders
def resend(ids: tuple[int, ...], with_word: str | None, provider: str | None) -> None:
    """Send orders again that are in review, or held for a refusal."""

    def send(order_id: int) -> str:
        operations.resend(COMMAND_LINE, order_id)
        return f"Order {order_id} will be sent again."

    _act(ids, with_word, provider, send)


# A provider's number may begin with a minus.
@group.command("attach", context_settings={"ignore_unknown_options": True})
@click.argument("id", type=NUMBER)
@click.argument("provider_order")
@click.option("--part", type=NUMBER, help="Since a restore: it is this part of a drip-feed.")
def attach(id: int, provider_order: str, part: int | None) -> None:
    """Link an order in review to the provider's order PROVIDER_ORDER.

    With --part, link a part of a drip-feed that the restored copy does not know.
    """
    if part is not None:
        number = operations.attach_part(COMMAND_LINE, id, part, provider_order)
        click.echo(
            f"Part {part} of order {id} is the provider's order {provider_order}, and order "
            f"{number} here."
        )
        return
    operations.attach(COMMAND_LINE, id, provider_order)
    click.echo(f"Order {id} is the provider's order {provider_order}.")


@group.command("fail")
@_of_orders
def fail(ids: tuple[int, ...], with_word: str | None, provider: str | None) -> None:
    """Give up orders in review, or held for a refusal, and refund them."""

    def give_up(order_id: int) -> str:
        operations.fail(COMMAND_LINE, order_id)
        order = queries.order_details(order_id)
        refunded = format_exact(order["refunded_micros"])
        return f"Order {order_id} is {order['status']}, {refunded} refunded."

    _act(ids, with_word, provider, give_up)
