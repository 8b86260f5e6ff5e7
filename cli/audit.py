"""flask audit: who did what, and what came of it."""

from datetime import datetime
from typing import Any

import click

from cli.common import Group, as_list, beginning, end, limit, range_of_days, show_rows, when
from command_line import OneOf
from panel import audit_queries
from panel.audit_queries import AuditFilter
from panel.operations.audit import Kind


@click.group("audit", cls=Group)
def group() -> None:
    """The audit: what operators did, by page and by command."""


def _row(line: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": line["id"],
        "time": when(line["created_at"]),
        "operator": line["operator"],
        "address": line["address"],
        "action": line["act"],
        "outcome": line["outcome"],
    }


@group.command("list")
@click.option("--operator", default="", help="Only what this operator did.")
@click.option("--about", type=OneOf([str(kind) for kind in Kind]), help="Only acts about these.")
@click.option("--text", default="", help="Only lines with this text in the act or its outcome.")
@range_of_days
@limit()
@as_list
def list_(
    operator: str,
    about: str | None,
    text: str,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List the newest lines of the audit.

    Example: flask audit list --about customer --since 2026-01-01
    """
    wanted = AuditFilter(operator, about or "", beginning(since), end(until), text)
    rows = [_row(line) for line in audit_queries.newest(wanted, limit)]
    show_rows(rows, as_json, "No lines found.")
