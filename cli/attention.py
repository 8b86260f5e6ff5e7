"""flask attention: everything that waits for the operator."""

import click

from api.context import current_settings
from cli.common import LIMIT, Command, as_list, is_wide, show_rows
from cli.tables import wrapped
from panel import attention
from panel.alerts.beside import beside
from panel.attention import Item
from panel.attention.items import count_of


@click.command("attention", cls=Command)
@click.option(
    "--limit",
    type=LIMIT,
    default=attention.LIMIT,
    show_default=True,
    help="At most so many lines of one kind.",
)
@as_list
def command(limit: int, as_json: bool) -> None:
    """List what waits for you, with the commands that settle it.

    What a provider said, moved or changed and the panel does not follow by itself: orders,
    services, currencies and providers that are held. Each line is followed by the commands that
    settle it; one of them is enough.
    """
    found, cut = attention.everything(current_settings(), limit)
    if as_json:
        show_rows([_row(item) for item in found], True, "")
        return
    for item in found:
        text = f"{item.kind}: {item.text}"
        click.echo(text if is_wide() else wrapped(text, "  "))
        for line in item.commands:
            click.echo(f"    {line}")
    for kind in cut:
        click.echo(f"{kind}: there are more of these; --limit shows more.")
    if not found:
        click.echo("Nothing waits for you.")
    if count := len(beside(found)):
        click.echo(f"And {count_of(count, 'alert', 'alerts')}: flask notify list")


def _row(item: Item) -> dict[str, object]:
    return {
        "kind": item.kind,
        "text": item.text,
        "commands": list(item.commands),
        "orders": item.orders,
        "provider": item.provider or None,
        "service": item.service_id,
        "order": item.order_id,
    }
