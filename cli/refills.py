"""flask refill and flask cancel: what customers asked for after ordering."""

from typing import Any

import click

from cli.common import NUMBER, Group, as_json, limit, show_rows, when
from models import Cancel, Refill
from panel import queries
from panel.orders import cancels, refills


@click.group("refill", cls=Group)
def refill_group() -> None:
    """Refill requests."""


@click.group("cancel", cls=Group)
def cancel_group() -> None:
    """Cancel requests that wait for an answer."""


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


@refill_group.command("list")
@click.option(
    "--status", type=click.Choice(list(refills.REFILL_FOLLOWS)), help="Only of this status."
)
@limit()
@as_json
def refill_list(status: str | None, limit: int, as_json: bool) -> None:
    """The newest refills."""
    rows = [_row(refill) for refill in queries.request_listing(Refill, status, limit)]
    show_rows(rows, as_json, "No such refills.")


@refill_group.command("set")
@click.argument("id", type=NUMBER)
@click.option("--status", required=True, help="in progress, completed, rejected or error.")
def refill_set(id: int, status: str) -> None:
    """Move a refill on."""
    refills.set_status(id, status)
    click.echo(f"Refill {id} is {status}.")


@cancel_group.command("list")
@click.option(
    "--status",
    type=click.Choice(["pending", "accepted", "rejected"]),
    help="Only of this status.",
)
@limit()
@as_json
def cancel_list(status: str | None, limit: int, as_json: bool) -> None:
    """The newest cancel requests."""
    rows = [_row(cancel) for cancel in queries.request_listing(Cancel, status, limit)]
    show_rows(rows, as_json, "No such cancel requests.")


@cancel_group.command("accept")
@click.argument("id", type=NUMBER)
def accept(id: int) -> None:
    """Cancel the order and pay back what remains of it."""
    cancels.accept(id)
    click.echo(f"Cancel request {id} is accepted; the order is Canceled.")


@cancel_group.command("reject")
@click.argument("id", type=NUMBER)
def reject(id: int) -> None:
    """Let the order go on."""
    cancels.reject(id)
    click.echo(f"Cancel request {id} is rejected; the order goes on.")
