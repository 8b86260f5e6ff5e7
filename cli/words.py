"""flask provider word, flask provider words: what a provider's words mean."""

import click

from cli.common import (
    COMMAND_LINE,
    Command,
    as_list,
    show_rows,
    when,
)
from panel.operations import words as operations
from panel.providers import words


@click.command("word", cls=Command)
@click.argument("name")
@click.argument("word")
@click.argument("meaning", required=False)
@click.option("--forget", is_flag=True, help="Forget what the word was taught to mean.")
def word(name: str, word: str, meaning: str | None, forget: bool) -> None:
    """Say what a word of a provider means, once for all orders.

    A status means one of ours, such as Completed; a refusal means `wait` (send the order again
    later) or `cancel` (cancel it and pay it back). Orders that wait with the word are settled.

    Example: flask provider word upstream "Success" Completed
    """
    if forget == (meaning is not None):
        raise click.UsageError("Give the word's meaning, or --forget.")
    if meaning is None:
        operations.forget(COMMAND_LINE, name, word)
        click.echo(f"{word!r} of {name} has no meaning any more.")
        return
    taught, orders = operations.teach(COMMAND_LINE, name, word, meaning)
    then = "asked for again" if taught.kind == "status" else "settled"
    click.echo(
        f"{word!r} of {name} means {taught.meaning}; orders that waited are {then}: {orders}"
    )


@click.command("words", cls=Command)
@click.argument("name")
@as_list
def listing(name: str, as_json: bool) -> None:
    """List what was taught of a provider's words."""
    rows = [
        {
            "word": item.word,
            "kind": item.kind,
            "meaning": item.meaning,
            "taught": when(item.created_at),
        }
        for item in words.listing(name)
    ]
    show_rows(rows, as_json, "No words were taught.")
