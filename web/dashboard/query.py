"""What pages read from their address: days, and the lines of a CSV file."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

from flask import Response, request

from models import Account
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
    """The range of the query: its first moment, and the first after its last day.

    :raises OperatorError: for a text that is no day, or a range that ends before it begins.
    """
    since, last = day("from"), day("to")
    check_range(since, last)
    return since, None if last is None else last + DAY_S


def check_range(first: int | None, last: int | None) -> None:
    """Refuse a range of days that nothing can be in.

    :raises OperatorError: if it ends before it begins.
    """
    if first is not None and last is not None and first > last:
        raise OperatorError("the range ends before it begins")


def customer_id(name: str) -> int | None:
    """The number of the customer with this name; None where none is given.

    :raises OperatorError: if there is none.
    """
    name = name.strip()
    if not name:
        return None
    account = Account.get_or_none(Account.name == name)
    if account is None:
        raise OperatorError(f"there is no customer {name}")
    return account.id


def sentence(error: OperatorError) -> str:
    """Why something is refused, as a sentence of its own."""
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


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
