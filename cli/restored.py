"""flask restored: what is in doubt since the database was restored from a copy."""

from typing import Any

import click

from cli.common import (
    COMMAND_LINE,
    NUMBER,
    FailedError,
    Group,
    as_list,
    show_rows,
    when,
)
from panel import queries
from panel.operations import orders
from panel.operations import restored as operations
from panel.orders import restored
from panel.orders.restored import Waiting


@click.group("restored", cls=Group)
def group() -> None:
    """What waits since the database was restored from a copy."""


def _row(waiting: Waiting, providers: dict[int, str]) -> dict[str, Any]:
    order = waiting.order
    return {
        "kind": waiting.kind,
        "id": waiting.id,
        "order": order.id,
        "provider": providers.get(order.provider_id or 0, ""),
        "provider_order": order.provider_order,
        "link": order.link,
        "quantity": order.quantity,
        "created": when(order.created_at),
        "warning": waiting.warning,
    }


@group.command("list")
@as_list
def list_(as_json: bool) -> None:
    """List what nothing is done about since a restore.

    Orders, refills and cancel requests. Each may have been sent after the copy was made. Look
    it up at the provider.
    """
    names = queries.provider_names()
    rows = [_row(waiting, names) for waiting in restored.listing()]
    columns = ("kind", "order", "provider", "provider_order", "link", "quantity", "warning")
    show_rows(rows, as_json, "Nothing waits since a restore.", columns)


@group.command("release")
@click.argument("ids", type=NUMBER, nargs=-1, metavar="[ORDER]...")
@click.option("--all", "everything", is_flag=True, help="All that flask restored list shows.")
def release(ids: tuple[int, ...], everything: bool) -> None:
    """Let orders go on, with their refills and cancel requests.

    Only after you have looked at the provider: an order that it has already is bought again.
    """
    if bool(ids) == everything:
        raise click.UsageError("Give the orders' numbers, or --all.")
    chosen = restored.orders_to_release() if everything else orders.chosen(ids)

    def let_go(order_id: int) -> str:
        operations.release(COMMAND_LINE, order_id)
        return f"Order {order_id} goes on."

    refused = 0
    for done in orders.each(chosen, let_go):
        refused += done.refused
        click.echo(f"Error: {done.text}" if done.refused else done.text, err=done.refused)
    if refused:
        raise FailedError(f"{refused} of {len(chosen)} orders were refused")
    if not chosen:
        click.echo("Nothing waits since a restore.")
