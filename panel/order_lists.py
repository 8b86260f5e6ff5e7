"""The list of orders: filtered, searched, cut into pages, summed up, and read to its end.

No list is counted. A page looks at the newest SCAN orders that meet one of its conditions, or at
the newest BLOCKS of the index of links, however many orders there are; what they do not fill is
continued from there.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from peewee import SQL, NodeList, fn

from database import link_index
from database.clock import now
from database.compiled_query import literal, rows
from models import Cancel, Order, OrderHour, Provider, Refill
from panel import paging
from panel.attention.of_orders import WARNINGS_S
from panel.orders import state, waiting
from panel.orders.link_index import first_unindexed
from panel.paging import Page
from panel.queries import with_names

SCAN = 10_000
"""How many candidates a page looks at before it offers to continue the search."""
BLOCKS = 256
"""How many blocks of the index of links a page looks through."""
FOUND = 50
"""The most orders that are found by their provider's number."""
PART = 1000
"""How many orders of an export are read at once."""
PARTS = 20
"""How many pages are looked through for the orders of a bulk act."""
HOUR_S = 3600

ALL = 2**62
"""A number that no order reaches."""

ONLY = ("review", "requests", "held", "warned", "warning")
"""What a filter can ask for besides values of columns, the fewest orders first: those in review,
with a waiting cancel or refill request, held, with a warning to look at as the overview counts
them, and with any warning."""


class OrderFilter(NamedTuple):
    """Which orders to list; None, "" and () narrow nothing.

    Times are seconds since 1970; `until` is the first that is no longer wanted. `text` is an
    order's number, its provider's number, or a part of its link. `only`: some of ONLY, all of
    which must be so.
    """

    status: str = ""
    account_id: int | None = None
    service_id: int | None = None
    provider_id: int | None = None
    since: int | None = None
    until: int | None = None
    text: str = ""
    only: tuple[str, ...] = ()


class Totals(NamedTuple):
    """Sums of what a filter finds, in micros.

    orders: without the runs of drip-feeds, whose costs are in the sums.
    first: where not all is summed up, the lowest number down to which it is.
    runs: the runs of drip-feeds, which are listed beside the orders; None where they are too
        many orders to look through.
    """

    orders: int
    charge_micros: int
    refunded_micros: int
    cost_micros: int
    first: int | None = None
    runs: int | None = 0

    @property
    def profit_micros(self) -> int:
        """What customers paid and were not paid back, less what the providers keep."""
        return self.charge_micros - self.refunded_micros - self.cost_micros


class _Scope(NamedTuple):
    """The orders that a page looks at: conditions, which its orders meet.

    first: the lowest number that it looks at, where lower ones may meet the filter, too.
    """

    conditions: list[Any]
    first: int | None = None


class _Condition(NamedTuple):
    """A condition in two forms: one for which an index finds orders, and one that checks them.

    The second one is such that SQLite does not use an index for it: where several conditions
    must be met, the panel chooses the one whose orders are looked at.
    """

    find: Any
    check: Any


def order_page(wanted: OrderFilter, before: int | None = None, size: int | None = None) -> Page:
    """Orders, newest first; those whose own or provider's number was searched for come first.

    :param before: only orders before this one.
    :param size: the most of them, paging.PAGE if None.
    """
    size = size or paging.PAGE
    exact = _with_number(wanted)
    scope = _scope(wanted, before)
    conditions = [*scope.conditions, *_others_than(exact)]
    found = _orders_where(conditions, size + 1)
    first = _orders_where([Order.id.in_(exact)], FOUND) if exact and before is None else []
    if len(found) > size:
        return Page(first + found[:size], found[size - 1]["id"])
    return Page(first + found, scope.first)


def every(wanted: OrderFilter) -> Iterator[dict[str, Any]]:
    """All orders that a filter finds, read in parts: they may not fit into memory."""
    before: int | None = None
    while True:
        page = order_page(wanted, before, PART)
        yield from page.rows
        before = page.next
        if before is None:
            return


def numbers(wanted: OrderFilter, limit: int) -> tuple[list[int], bool]:
    """The newest orders that a filter finds, and whether these are all.

    No more than PARTS pages are looked through for them.
    """
    found: list[int] = []
    before: int | None = None
    for _ in range(PARTS):
        page = order_page(wanted, before, limit)
        found += [row["id"] for row in page.rows]
        before = page.next
        if before is None or len(found) > limit:
            break
    return found[:limit], before is None and len(found) <= limit


def totals(wanted: OrderFilter, first_page: Page | None = None, size: int = 0) -> Totals:
    """Sums of what a filter finds: of all of it, or of as much as can be looked at quickly.

    :param first_page: its first page of at most `size` orders, if that was read: nothing is
        looked at twice.
    """
    if wanted == OrderFilter(status=wanted.status, since=wanted.since, until=wanted.until):
        return _totals_by_the_hour(wanted)
    if first_page is not None and len(first_page.rows) < size:
        return _totals_of_rows(first_page)
    exact = _with_number(wanted)
    scope = _scope(wanted, None)
    summed = _sums([*scope.conditions, *_others_than(exact)])
    if exact:
        summed = [a + b for a, b in zip(summed, _sums([Order.id.in_(exact)]), strict=True)]
    orders, charge, refunded, cost, runs = summed
    return Totals(orders, charge, refunded, cost, scope.first, runs)


def _totals_of_rows(page: Page) -> Totals:
    """The same of a page that is not full: it has all that was looked at."""
    names = ("charge_micros", "refunded_micros", "cost_micros")
    charge, refunded, cost = (sum(row[name] for row in page.rows) for name in names)
    orders = sum(row["part"] is None for row in page.rows)
    return Totals(orders, charge, refunded, cost, page.next, len(page.rows) - orders)


def is_too_short(text: str) -> bool:
    """Whether a text is searched for among numbers alone, because links need a longer one."""
    return 0 < len(text) < link_index.SHORTEST


def _totals_by_the_hour(wanted: OrderFilter) -> Totals:
    """The same from the sums that the database keeps by the hour; days are whole hours."""
    columns = (
        OrderHour.orders,
        OrderHour.charge_micros,
        OrderHour.refunded_micros,
        OrderHour.cost_micros,
    )
    query = OrderHour.select(*(fn.COALESCE(fn.SUM(column), 0) for column in columns))
    if wanted.status:
        query = query.where(OrderHour.status == wanted.status)
    if wanted.since is not None:
        query = query.where(OrderHour.hour >= wanted.since // HOUR_S)
    if wanted.until is not None:
        query = query.where(OrderHour.hour < wanted.until // HOUR_S)
    (summed,) = rows(query.tuples())
    orders, charge, refunded, cost = summed
    return Totals(orders, charge, refunded, cost, runs=_runs(wanted) if orders <= SCAN else None)


def _runs(wanted: OrderFilter) -> int | None:
    """How many runs of drip-feeds a filter finds; None where that is not all looked at."""
    scope = _scope(wanted, None)
    return _sums(scope.conditions)[4] if scope.first is None else None


def _sums(conditions: list[Any]) -> list[int]:
    columns = (
        Order.part.is_null(),
        Order.charge_micros,
        Order.refunded_micros,
        Order.cost_micros,
        Order.part.is_null(False),
    )
    query = Order.select(*(fn.COALESCE(fn.SUM(column), 0) for column in columns))
    (summed,) = rows(query.where(*conditions).tuples())
    return list(summed)


def _orders_where(conditions: list[Any], limit: int) -> list[dict[str, Any]]:
    query = with_names().where(*conditions).order_by(Order.id.desc()).limit(limit)
    return rows(query.dicts())


def _scope(wanted: OrderFilter, before: int | None) -> _Scope:
    """The orders that a page looks at, of those with a lower number than `before`."""
    first, end = _range(wanted)
    end = end if before is None else min(end, before)
    conditions = _conditions(wanted)
    if not wanted.text:
        return _bounded(conditions, first, end)
    if is_too_short(wanted.text):
        return _Scope([SQL("0")])
    part = link_index.has_part(Order.link, wanted.text)
    searched = _searched(wanted.text, first, end)
    checked = _Scope([*searched.conditions, *(c.check for c in conditions), part], searched.first)
    if searched.first is None or not conditions:
        return checked
    # Of two ways that both end early, the one that comes further.
    other = _bounded(conditions, first, end)
    if other.first is None or other.first < searched.first:
        return _Scope([*other.conditions, part], other.first)
    return checked


def _bounded(conditions: list[_Condition], first: int, end: int) -> _Scope:
    """The newest SCAN orders that meet the first condition, checked against the others."""
    finds = [Order.id < end, *(c.find for c in conditions[:1])]
    query = Order.select(Order.id).where(Order.id >= first, *finds)
    last = rows(query.order_by(Order.id.desc()).offset(SCAN - 1).limit(1).tuples())
    checks = [c.check for c in conditions[1:]]
    # One lower bound, and not two: of two SQLite might take the wrong one for the index.
    lowest = last[0][0] if last else first
    return _Scope([Order.id >= lowest, *finds, *checks], last[0][0] if last else None)


def _searched(text: str, first: int, end: int) -> _Scope:
    """The orders whose links may have a text: the newest of them in a range of numbers.

    What the index does not have yet is looked through as a whole.
    """
    indexed = first_unindexed()
    newest = rows(
        Order.select(Order.id)
        .where(Order.id >= max(first, indexed), Order.id < end)
        .order_by(Order.id.desc())
        .limit(SCAN)
        .tuples()
    )
    blocks = list(dict.fromkeys(number // link_index.BLOCK for (number,) in newest))
    last = newest[-1][0] if len(newest) == SCAN else None
    if last is None:
        wanted = max(BLOCKS - len(blocks), 1)
        bounds = first // link_index.BLOCK, (min(end, indexed) - 1) // link_index.BLOCK
        found = link_index.blocks_with(text, *bounds, wanted)
        blocks += found
        last = found[-1] * link_index.BLOCK if len(found) == wanted else None
    lowest = max(first, last or 0)
    number = _unindexed(Order.id)
    return _Scope(
        [Order.id.in_(link_index.numbers_in(blocks)), number >= lowest, number < end], last
    )


def _conditions(wanted: OrderFilter) -> list[_Condition]:
    """The conditions of a filter but for time and text, the one that leaves the fewest first."""
    is_open = wanted.status in state.OPEN
    columns = [
        (Order.status, wanted.status if is_open else ""),
        (Order.account, wanted.account_id),
        (Order.service, wanted.service_id),
        (Order.provider, wanted.provider_id),
        (Order.status, "" if is_open else wanted.status),
    ]
    return [_only(name) for name in ONLY if name in wanted.only] + [
        _Condition(_indexed(column) == value, _unindexed(column) == value)
        for column, value in columns
        if value not in (None, "")
    ]


def _only(name: str) -> _Condition:
    if name == "review":
        in_review = Order.dispatch_state == literal(state.IN_REVIEW)
        find = state.orders_in_doubt() & in_review & Order.status.in_(state.OPEN)
        plain = _unindexed(Order.dispatch_state) == state.IN_REVIEW
        return _Condition(find, plain & _unindexed(Order.status).in_(state.OPEN))
    if name == "requests":
        pending = literal("pending")
        cancels = Cancel.select(Cancel.order).where(Cancel.status == pending)
        asked = cancels.union_all(Refill.select(Refill.order).where(Refill.status == pending))
        return _Condition(Order.id.in_(asked), _unindexed(Order.id).in_(asked))
    if name == "held":
        few = Order.alias()  # by themselves, or SQLite would walk through all orders by number
        held = few.select(few.id).where(few.held_because != literal(""))
        return _Condition(Order.id.in_(held), _unindexed(Order.held_because) != "")
    warning, plain = Order.warning != literal(""), _unindexed(Order.warning) != ""
    if name == "warned":
        rest = waiting.unheld(state.SENT) & waiting.open_or_since(now() - WARNINGS_S)
        return _Condition(warning & rest, plain & rest)
    return _Condition(warning, plain)


def _indexed(column: Any) -> Any:
    """A column as its index has it."""
    return column + SQL("0") if column is Order.provider else column


def _unindexed(column: Any) -> Any:
    """A column that SQLite reads from the row, and looks up in no index."""
    return NodeList((SQL("+"), column), glue="")


def _range(wanted: OrderFilter) -> tuple[int, int]:
    """The numbers that a filter's time leaves: from the first one up to the second, without it.

    Orders are numbered in the order of their time, so a range of time is one of numbers.
    """
    first = 0 if wanted.since is None else _first_from(wanted.since)
    return first, ALL if wanted.until is None else _first_from(wanted.until)


def _first_from(moment: int) -> int:
    """The number of the first order placed at this time or later; ALL if there is none."""
    query = Order.select(Order.id).where(Order.created_at >= moment)
    row = query.order_by(Order.created_at, Order.id).limit(1).tuples().first()
    return row[0] if row else ALL


def _with_number(wanted: OrderFilter) -> list[int]:
    """The orders that a filter finds by their own number, or by their provider's."""
    text = wanted.text
    if not text:
        return []
    first, end = _range(wanted)
    met = [c.check for c in _conditions(wanted)]
    in_range = [_unindexed(Order.id) >= first, _unindexed(Order.id) < end]
    known = Provider.select(Provider.id)
    ways = [(Order.provider_order == text) & Order.provider.in_(known)]
    if text.isascii() and text.isdigit() and len(text) <= 18:
        ways.append(Order.id == int(text))
    found: set[int] = set()
    for way in ways:
        query = Order.select(Order.id).where(way, *in_range, *met).limit(FOUND)
        found |= {number for (number,) in rows(query.tuples())}
    return sorted(found)


def _others_than(numbers: list[int]) -> list[Any]:
    return [_unindexed(Order.id).not_in(numbers)] if numbers else []
