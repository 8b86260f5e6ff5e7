"""flask service: the catalogue."""

import json
from typing import Any

import click

from api.context import current_settings
from cli.common import (
    AMOUNT,
    COMMAND_LINE,
    MARKUP,
    NUMBER,
    ROUND_HELP,
    WHOLE,
    Group,
    as_json,
    as_list,
    ask_catalogue,
    show_changes,
    show_one,
    show_rows,
    sync_policy,
    when,
)
from models import Service
from panel import services
from panel.money import format_exact, format_percent
from panel.operations import services as operations
from panel.operations.services import SourceChange
from panel.providers import pending, registry, sources
from panel.providers.changes import names_kept
from panel.providers.explain import commands_for, describe_pending, why_held
from panel.providers.pending import Pending

DESCRIPTION_HELP = "What customers read of it on the reference page; lines may be broken."


@click.group("service", cls=Group)
def group() -> None:
    """Services: the catalogue that customers order from."""


def _row(service: Service, cost: int | None, waiting: list[Pending]) -> dict[str, Any]:
    return {
        "id": service.id,
        "name": service.name,
        "category": service.category,
        "type": service.type,
        "rate": format_exact(service.rate_micros),
        "min": service.min,
        "max": service.max,
        "refill": service.refill,
        "cancel": service.cancel,
        "dripfeed": service.dripfeed,
        "one_per_link": service.one_per_link,
        "active": service.active,
        "cost": format_exact(cost) if cost is not None else None,
        "note": _note(service, cost, waiting),
    }


def _note(service: Service, cost: int | None, waiting: list[Pending]) -> str:
    """Why a service is not sold, or what else is wrong with it."""
    notes = ["held"] if service.held else []
    if not service.active:
        notes.append(service.inactive_because)
    elif cost and not service.rate_micros:
        notes.append("not sold at 0")
    elif cost is not None and service.rate_micros < cost:
        notes.append("below cost")
    notes += [describe_pending(item) for item in waiting]
    return "; ".join(note for note in notes if note)


def _waiting() -> dict[int, list[Pending]]:
    """What waits for the operator, by service."""
    found: dict[int, list[Pending]] = {}
    for item in pending.listing():
        if item.service_id is not None:
            found.setdefault(item.service_id, []).append(item)
    return found


@group.command("add")
@click.option("--name", required=True, help="The name that customers see.")
@click.option("--category", required=True, help="The category in the catalogue.")
@click.option("--rate", type=AMOUNT, required=True, help="The price per 1000, or per package.")
@click.option("--min", type=WHOLE, required=True, help="The smallest quantity of an order.")
@click.option("--max", type=WHOLE, required=True, help="The largest quantity of an order.")
@click.option(
    "--type",
    default="Default",
    show_default=True,
    help="The type, which decides what an order needs.",
)
@click.option("--refill", is_flag=True, help="Completed orders can be refilled.")
@click.option("--cancel", is_flag=True, help="Open orders can be canceled.")
@click.option("--dripfeed", is_flag=True, help="Orders can be delivered in runs.")
@click.option("--one-per-link", is_flag=True, help="Only one open order per link.")
@click.option("--description", default="", help=DESCRIPTION_HELP)
@click.option(
    "--source",
    nargs=2,
    metavar="PROVIDER NUMBER",
    help="Where it is bought, with the provider's number of it; without it, by hand.",
)
@click.option(
    "--second-source",
    nargs=2,
    metavar="PROVIDER NUMBER",
    help="Where it is bought after the first source clearly refuses.",
)
@as_json
def add(
    rate: int,
    source: tuple[str, str] | None,
    second_source: tuple[str, str] | None,
    as_json: bool,
    **fields: Any,
) -> None:
    """Add a service and print its number.

    Its providers are asked for the costs; if one does not answer, nothing is added.

    Example: flask service add --name "Channel members" --category Telegram
    --rate 1.20 --min 10 --max 50000 --refill --cancel
    """
    chosen = ((1, source), (2, second_source))
    bought_from = [SourceChange(rank, *place) for rank, place in chosen if place is not None]
    number = operations.add(
        COMMAND_LINE, bought_from=bought_from, ask=ask_catalogue, rate_micros=rate, **fields
    )
    if as_json:
        show_one(_row(services.get(number), sources.costs().get(number), []), True)
    else:
        click.echo(number)
    _warn_of_loss(number)


def _warn_of_loss(id: int) -> None:
    if loss := sources.told_loss(id):
        click.echo(loss, err=True)


@group.command("list")
@click.option("--provider", help="Only services that are bought at this provider.")
@click.option("--their-id", help="With --provider: only what has this number there.")
@click.option("--ids", "ids_alone", is_flag=True, help="Print the numbers alone, one a line.")
@as_list
def list_(provider: str | None, their_id: str | None, ids_alone: bool, as_json: bool) -> None:
    """List all services, disabled ones too.

    Example: flask service list --provider upstream --their-id 1204 --ids
    """
    if their_id is not None and provider is None:
        raise click.UsageError("--their-id goes with --provider.")
    if ids_alone and as_json:
        raise click.UsageError("Give --ids or --json, not both.")
    found = services.listing()
    if provider is not None:
        bought = sources.bought_at(registry.get(provider).id, their_id)
        found = [service for service in found if service.id in bought]
    if ids_alone:
        for service in found:
            click.echo(service.id)
        return
    costs, waiting = sources.costs(), _waiting()
    rows = [_row(service, costs.get(service.id), waiting.get(service.id, [])) for service in found]
    nothing = "No services yet." if provider is None else "No such services."
    columns = ("id", "name", "category", "rate", "min", "max", "cost", "active", "note")
    show_rows(rows, as_json, nothing, columns)


@group.command("show")
@click.argument("id", type=NUMBER)
@as_json
def show(id: int, as_json: bool) -> None:
    """Show one service, and where it is bought."""
    service = services.get(id)
    bought_from = [
        f"{s['provider_name']} {s['provider_service']} at {format_exact(s['cost_micros'])}"
        for s in sources.sources(id)
    ]
    waiting = pending.of_service(id)
    row = _row(service, sources.costs().get(id), waiting)
    ours = current_settings().currency
    todo = list(dict.fromkeys(c for item in waiting for c in commands_for(item, ours)))
    shown = bought_from if as_json else ", then ".join(bought_from)
    more = {
        "description": service.description,
        "markup": None if service.markup_ppm is None else format_percent(service.markup_ppm),
        "bought_from": shown,
        "created": when(service.created_at),
        "to_settle": todo if as_json else " or ".join(todo),
    }
    show_one({**row, **more}, as_json)


@group.command("source")
@click.argument("id", type=NUMBER)
@click.argument("provider", required=False)
@click.argument("their_service", required=False)
@click.option("--second", is_flag=True, help="The source to use after the first clearly refuses.")
@click.option("--remove", is_flag=True, help="Buy it there no longer.")
def source(
    id: int, provider: str | None, their_service: str | None, second: bool, remove: bool
) -> None:
    """Choose where a service is bought, or remove a source.

    THEIR_SERVICE is the provider's number of the service; its catalogue tells the cost. A rate
    with a markup follows the cost. Where the first source is removed, the second takes its place;
    a service without any is fulfilled by hand.

    Example: flask service source 3 upstream 1204 --second
    """
    rank = 2 if second else 1
    if remove:
        if provider is not None:
            raise click.UsageError("--remove needs no provider: give --second for the second one.")
        operations.remove_source(COMMAND_LINE, id, rank)
        click.echo(f"Service {id} is {_bought_from(id)} now.")
        return
    if provider is None or their_service is None:
        missing = "PROVIDER" if provider is None else "THEIR_SERVICE"
        raise click.UsageError(f"the argument {missing} is missing")
    found = operations.set_source(
        COMMAND_LINE, id, provider, their_service, ask_catalogue, source_rank=rank
    )
    cost = format_exact(found.rate_micros)
    click.echo(f"Service {id} is bought from {provider}, service {their_service}, at {cost}.")
    _warn_of_loss(id)


def _bought_from(id: int) -> str:
    """Where a service is bought first, as a part of a sentence."""
    for item in sources.sources(id):
        return f"bought from {item['provider_name']}, service {item['provider_service']},"
    return "fulfilled by hand"


@group.command("confirm")
@click.argument("ids", type=NUMBER, nargs=-1)
@click.option("--provider", help="All services of this provider that wait for you.")
@as_list
def confirm(ids: tuple[int, ...], provider: str | None, as_json: bool) -> None:
    """Take over what a provider changed, where that waits for you.

    The new cost is followed by the rate, where the service has a markup. Our own name of the
    service stays as it is. A service that you disabled is confirmed by its number alone.

    Example: flask service confirm 3 7
    """
    chosen = set(ids)
    if provider is not None:
        chosen |= set(pending.to_decide(registry.get(provider).id))
    changes = operations.confirm(COMMAND_LINE, sorted(chosen), sync_policy())
    show_changes(changes, as_json)
    if kept := names_kept(changes):
        click.echo(kept, err=as_json)


@group.command("edit")
@click.argument("id", type=NUMBER)
@click.option("--name", help="The name that customers see.")
@click.option("--category", help="The category in the catalogue.")
@click.option("--rate", "rate_micros", type=AMOUNT, help="The price per 1000, or per package.")
@click.option("--min", type=WHOLE, help="The smallest quantity of an order.")
@click.option("--max", type=WHOLE, help="The largest quantity of an order.")
@click.option("--type", help="The type, which decides what an order needs.")
@click.option("--refill/--no-refill", default=None, help="Completed orders can be refilled.")
@click.option("--cancel/--no-cancel", default=None, help="Open orders can be canceled.")
@click.option("--dripfeed/--no-dripfeed", default=None, help="Orders can be delivered in runs.")
@click.option(
    "--one-per-link/--no-one-per-link",
    default=None,
    help="Only one open order per link.",
)
@click.option("--description", help=f"{DESCRIPTION_HELP} '' takes it away.")
@click.option(
    "--position",
    "sort_order",
    type=WHOLE,
    help="The position in the catalogue; smaller comes first.",
)
def edit(id: int, **fields: Any) -> None:
    """Change a service; orders keep what they were charged."""
    changes = {name: value for name, value in fields.items() if value is not None}
    operations.edit(COMMAND_LINE, id, changes)
    click.echo(f"Service {id} is changed.")
    _warn_of_loss(id)


@group.command("move")
@click.argument("id", type=NUMBER)
@click.option("--before", type=NUMBER, help="The service to move it in front of.")
def move(id: int, before: int | None) -> None:
    """Move a service in front of another one, or to the end."""
    operations.move(COMMAND_LINE, id, before)
    click.echo(f"Service {id} is moved.")


@group.command("markup")
@click.argument("percent", type=MARKUP)
@click.option("--id", "ids", type=NUMBER, multiple=True, help="This service; repeatable.")
@click.option("--category", help="All services of this category.")
@click.option("--round", "step", type=AMOUNT, help=ROUND_HELP)
@as_list
def markup(
    percent: int | None,
    ids: tuple[int, ...],
    category: str | None,
    step: int | None,
    as_json: bool,
) -> None:
    """Set rates to cost plus markup, and let them follow the cost.

    With "none" in place of PERCENT the rates stay as they are now, whatever the costs do.

    Example: flask service markup 25% --category Telegram --round 0.01
    """
    chosen = set(ids)
    if category is not None:
        chosen |= {item.id for item in services.listing() if item.category == category}
    if percent is None:
        operations.fix_rates(COMMAND_LINE, sorted(chosen))
        text = f"Services with a fixed rate now: {len(chosen)}."
        click.echo(json.dumps([]) if as_json else text)
        return
    show_changes(operations.mark_up(COMMAND_LINE, sorted(chosen), percent, step), as_json)


@group.command("disable")
@click.argument("id", type=NUMBER)
def disable(id: int) -> None:
    """Stop selling a service; its orders go on."""
    operations.disable(COMMAND_LINE, id)
    click.echo(f"Service {id} is disabled.")


@group.command("enable")
@click.argument("id", type=NUMBER)
def enable(id: int) -> None:
    """Sell a disabled service again.

    One that is held is not sold before you have settled what waits for you.
    """
    operations.enable(COMMAND_LINE, id)
    why = why_held(id, current_settings().currency)
    click.echo(f"Service {id} is enabled, but {why}." if why else f"Service {id} is enabled.")
