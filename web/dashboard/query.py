"""What pages read from their address: days, and the lines of a CSV file."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

from flask import Response, request

from panel.errors import OperatorError
from panel.reports import DAY_S


def day(name: str) -> int | None:
    """The beginning of a day of the query, in UTC; None where none is given.

    :raises OperatorError: for a text that is no day.
    """
    text = request.args.get(name, "").strip()
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise OperatorError(f"{text!r} is not a day such as 2026-01-31") from None
    return int(datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp())


def days() -> tuple[int | None, int | None]:
    """The range of the query: its first moment, and the first after its last day."""
    since, last = day("from"), day("to")
    return since, None if last is None else last + DAY_S


def csv_file(name: str, head: list[str], rows: Iterable[list[object]]) -> Response:
    """A CSV file for download, sent as its rows are read: they may not fit into memory."""
    response = Response(_lines(head, rows), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _lines(head: list[str], rows: Iterable[list[object]]) -> Iterator[str]:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    for number, row in enumerate(rows, 1):
        writer.writerow(row)
        if number % 200 == 0:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()
