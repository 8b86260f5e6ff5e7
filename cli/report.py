"""flask report: revenue, cost and profit."""

import csv
import sys
from datetime import datetime
from typing import Any

import click

from cli.common import Command, as_list, beginning, end, range_of_days, show_rows
from command_line import OneOf
from panel import reports
from panel.money import format_exact

SUMS = ("revenue", "refunds", "cost", "profit")


@click.command("report", cls=Command)
@range_of_days
@click.option(
    "--by",
    type=OneOf(reports.REPORT_GROUPS),
    default="service",
    show_default=True,
    help="What to group the rows by.",
)
@as_list
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
def command(
    since: datetime | None, until: datetime | None, by: str, as_json: bool, as_csv: bool
) -> None:
    """Report orders, revenue, refunds, cost and profit.

    Example: flask report --since 2026-01-01 --by day
    """
    if as_json and as_csv:
        raise click.UsageError("Give --json or --csv, not both.")
    last = end(until)
    sums = reports.earnings(by, beginning(since) or 0, reports.NEVER if last is None else last)
    rows = [_row(by, row) for row in sums]
    if as_csv:
        writer = csv.DictWriter(sys.stdout, [by, "orders", *SUMS])
        writer.writeheader()
        writer.writerows({**row, by: reports.escape_formula(row[by])} for row in rows)
        return
    if not as_json and rows:
        rows.append(_row(by, {by: "total", **reports.totals(sums)}))
    show_rows(rows, as_json, "No orders in that time.")


def _row(by: str, row: dict[str, Any]) -> dict[str, Any]:
    amounts = {name: format_exact(row[name]) for name in SUMS}
    return {by: row[by], "orders": row["orders"], **amounts}
