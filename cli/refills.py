"""flask refill and flask cancel: the requests that customers make after ordering."""

from typing import Any

import click

from cli.common import (
    COMMAND_LINE,
    NUMBER,
    Group,
    as_list,
    limit,
    show_rows,
    when,
)
from command_line import OneOf
from models import Cancel, Refill
from panel import queries
from panel.operations import requests
from panel.orders.refills import REFILL_FOLLOWS


@click.group("refill", cls=Group)
def refill_group() -> None:
    """Refill requests."""


@click.group("cancel", cls=Group)
def cancel_group() -> None:
    """Cancel requests."""


def _row(request: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": request["id"],
        "order": request["order"],
        "user": request["account_name"],
        "service": request["service_id"],
        "link": request["link"],
        "status": request["status"],
        "created": when(request["created_at"]),
        "updated": when(request["updated_at"]),
    }


COLUMNS = ("id", "order", "user", "service", "link", "status", "created")


@refill_group.command("list")
@click.option("--status", type=OneOf(REFILL_FOLLOWS), help="Only refills with this status.")
@limit()
@as_list
def refill_list(status: str | None, limit: int, as_json: bool) -> None:
    """List the newest refill requests."""
    rows = [_row(refill) for refill in queries.request_listing(Refill, status, limit)]
    show_rows(rows, as_json, "No such refills.", COLUMNS)


@refill_group.command("set")
@click.argument("id", type=NUMBER)
@click.option("--status", required=True, help="One of: in progress, completed, rejected, error.")
def refill_set(id: int, status: str) -> None:
    """Set the status of a refill."""
    requests.set_refill(COMMAND_LINE, id, status)
    click.echo(f"Refill {id} is {status}.")


@cancel_group.command("list")
@click.option(
    "--status",
    type=OneOf(["pending", "accepted", "rejected"]),
    help="Only requests with this status.",
)
@limit()
@as_list
def cancel_list(status: str | None, limit: int, as_json: bool) -> None:
    """List the newest cancel requests."""
    rows = [_row(cancel) for cancel in queries.request_listing(Cancel, status, limit)]
    show_rows(rows, as_json, "No such cancel requests.", COLUMNS)


@cancel_group.command("accept")
@click.argument("id", type=NUMBER)
def accept(id: int) -> None:
    """Accept a cancel request: cancel the order and refund what remains."""
    requests.accept_cancel(COMMAND_LINE, id)
    click.echo(f"Cancel request {id} is accepted; the order is Canceled.")


@cancel_group.command("reject")
@click.argument("id", type=NUMBER)
def reject(id: int) -> None:
    """Reject a cancel request: the order goes on."""
    requests.reject_cancel(COMMAND_LINE, id)
    click.echo(f"Cancel request {id} is rejected; the order goes on.")
