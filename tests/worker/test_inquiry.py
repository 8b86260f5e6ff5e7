"""Asking for many things: what one odd thing, or a provider that knows no lists, leaves of it."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upstream.provider import (
    OutcomeUnknown,
    ProviderMoved,
    ProviderRejected,
    ProviderUnreachable,
    RedirectedUnclear,
)
from worker.inquiry import FOR_NOW_ALIVE, MAX_REQUESTS, SILENCE, Inquiry

MANY = [str(number) for number in range(100)]

Fail = Callable[[], Exception]
CRASHES: Fail = lambda: OutcomeUnknown("HTTP 500")  # noqa: E731
REFUSES: Fail = lambda: ProviderRejected("Incorrect order ID")  # noqa: E731
REFUSES_NOW: Fail = lambda: ProviderRejected("Order 37 is temporarily unavailable")  # noqa: E731
REDIRECTS: Fail = lambda: RedirectedUnclear("HTTP 302")  # noqa: E731
FAILS: dict[str, Fail | None] = {
    "crashes": CRASHES,
    "refuses": REFUSES,
    "refuses for now": REFUSES_NOW,
    "redirects": REDIRECTS,
    "is silent": None,
}
"""How a provider may answer a request that names an odd number; None leaves that number out."""


class Theirs:
    """A provider: what is odd there, and in which forms it answers."""

    def __init__(
        self,
        odd: dict[str, Fail | None] | None = None,
        lists: bool = True,
        alone: bool = True,
        at_most: int = 100,
        longest: int = 100,
    ) -> None:
        self.odd = odd or {}
        self.forms = {False: lists, True: alone}
        self.at_most = at_most
        self.longest = longest
        self.requests: list[tuple[str, ...]] = []

    def __call__(self, numbers: list[str], alone: bool) -> dict[str, str]:
        self.requests.append(tuple(numbers))
        if not self.forms[alone]:
            raise ProviderRejected("Incorrect request")
        if len(numbers) > self.longest:
            raise ProviderRejected(f"API limit: {self.longest} orders per request")
        for fail in [self.odd[number] for number in numbers if number in self.odd]:
            if fail is not None:
                raise fail()
        return {n: f"status of {n}" for n in numbers[: self.at_most] if n not in self.odd}


def inquire(
    theirs: Theirs, numbers: list[str] = MANY, singly: bool = False, odd: tuple[str, ...] = ()
) -> Inquiry[str]:
    inquiry = Inquiry(theirs, lambda: True)
    inquiry.run(numbers, singly, odd)
    return inquiry


def test_a_list_that_is_answered_takes_one_request() -> None:
    theirs = Theirs()
    inquiry = inquire(theirs)
    assert sorted(inquiry.found) == sorted(MANY)
    assert (inquiry.lists, inquiry.failure, len(theirs.requests)) == (True, None, 1)


@pytest.mark.parametrize("fail", FAILS.values(), ids=FAILS)
@pytest.mark.parametrize("odd", [["0"], ["99"], ["50"], ["37"], ["0", "99"], ["3", "40", "41"]])
def test_what_is_odd_stops_only_itself(odd: list[str], fail: Fail | None) -> None:
    theirs = Theirs(dict.fromkeys(odd, fail))
    inquiry = inquire(theirs)
    assert sorted(inquiry.found) == sorted(set(MANY) - set(odd))
    expected = SILENCE if fail is None else str(fail())
    told = inquiry.refused if fail is REFUSES else inquiry.unclear
    assert told == dict.fromkeys(odd, expected)
    assert inquiry.odd >= set(odd)
    assert (inquiry.failure, inquiry.lists) == (None, True)


def test_what_was_odd_before_is_asked_for_alone_and_spoils_nothing() -> None:
    theirs = Theirs({"37": CRASHES})
    inquiry = inquire(theirs, odd=("37",))
    assert theirs.requests == [tuple(n for n in MANY if n != "37"), ("37",), ("37",)]
    assert len(inquiry.found) == 99


@pytest.mark.parametrize("count", [2, 3, 8, 30])
def test_a_provider_without_lists_is_found_out_and_asked_for_one_after_the_other(
    count: int,
) -> None:
    theirs = Theirs(lists=False)
    inquiry = inquire(theirs, MANY[:count])
    assert sorted(inquiry.found) == sorted(MANY[:count])
    assert inquiry.lists is False
    assert len(theirs.requests) <= count + 3

    again = Theirs(lists=False)
    inquire(again, MANY[:count], singly=True)
    assert again.requests == [(number,) for number in MANY[:count]]


def test_one_answer_alone_tells_nothing_of_all_lists() -> None:
    theirs = Theirs(lists=False)
    inquiry = inquire(theirs, ["5"])
    assert (inquiry.found, inquiry.lists) == ({"5": "status of 5"}, None)


def test_a_provider_that_knows_lists_only_is_never_left_by_what_is_odd() -> None:
    theirs = Theirs({"37": REFUSES}, alone=False)
    inquiry = inquire(theirs)
    assert len(inquiry.found) == 99
    assert inquiry.refused == {"37": "Incorrect order ID"}


def test_a_provider_that_learned_lists_since_is_found_out() -> None:
    theirs = Theirs(alone=False)
    inquiry = inquire(theirs, MANY[:5], singly=True)
    assert len(inquiry.found) == 5
    assert inquiry.lists is True


def test_a_provider_that_answers_only_the_first_of_a_list_is_asked_on() -> None:
    inquiry = inquire(Theirs(at_most=1), MANY[:10])
    assert len(inquiry.found) == 10


@pytest.mark.parametrize("singly", [False, True])
def test_a_provider_that_is_down_is_soon_left_alone(singly: bool) -> None:
    theirs = Theirs(dict.fromkeys(MANY, CRASHES))
    inquiry = inquire(theirs, singly=singly)
    assert str(inquiry.failure) == "HTTP 500"
    assert inquiry.gave_up
    assert inquiry.found == {}
    assert len(theirs.requests) <= 4


@pytest.mark.parametrize("count", [1, 2])
def test_a_provider_that_is_down_makes_no_order_odd(count: int) -> None:
    inquiry = inquire(Theirs(dict.fromkeys(MANY, CRASHES)), MANY[:count])
    assert str(inquiry.failure) == "HTTP 500"
    assert (inquiry.unclear, inquiry.odd) == ({}, set())


def test_a_provider_that_refuses_everything_is_left_alone_with_what_it_says() -> None:
    theirs = Theirs(lists=False, alone=False)
    inquiry = inquire(theirs)
    assert isinstance(inquiry.failure, ProviderRejected)
    assert set(inquiry.refused.values()) == {"Incorrect request"}
    assert len(theirs.requests) <= 7


@pytest.mark.parametrize(
    "error",
    [
        ProviderUnreachable("down"),
        ProviderMoved("https://new.example/"),
    ],
    ids=repr,
)
def test_what_concerns_everything_is_not_asked_for_again(error: Exception) -> None:
    theirs = Theirs({"37": lambda: error})
    inquiry = inquire(theirs)
    assert inquiry.failure is error
    assert len(theirs.requests) == 1


@pytest.mark.parametrize("why", ["Invalid API key", "Too many requests", "Maintenance"])
@pytest.mark.parametrize("singly", [False, True])
@pytest.mark.parametrize("count", [1, 2, 100])
def test_a_provider_that_refuses_everything_for_now_is_left_alone_at_once(
    count: int, singly: bool, why: str
) -> None:
    theirs = Theirs(dict.fromkeys(MANY, lambda: ProviderRejected(why)))
    inquiry = inquire(theirs, MANY[:count], singly)
    assert str(inquiry.failure) == why
    assert (inquiry.refused, inquiry.unclear, inquiry.odd) == ({}, {}, set())
    assert len(theirs.requests) <= 4


def test_a_rate_limit_that_is_met_on_the_way_ends_the_inquiry() -> None:
    theirs = Theirs(dict.fromkeys(MANY[10:], lambda: ProviderRejected("Too many requests")))
    inquiry = inquire(theirs, MANY[:50], singly=True)
    assert sorted(inquiry.found) == sorted(MANY[:10])
    assert str(inquiry.failure) == "Too many requests"
    assert (inquiry.unclear, len(theirs.requests)) == ({}, 10 + FOR_NOW_ALIVE)


def test_many_things_in_a_row_that_are_refused_for_now_are_known_the_next_time() -> None:
    theirs = Theirs(dict.fromkeys(MANY[40:45], REFUSES_NOW))
    inquiry = inquire(theirs)
    assert inquiry.gave_up
    theirs.requests.clear()
    again = inquire(theirs, odd=tuple(inquiry.odd))
    assert sorted(again.found) == sorted(set(MANY) - set(MANY[40:45]))
    assert again.failure is None


@pytest.mark.parametrize("longest", [2, 10, 40])
def test_a_provider_that_refuses_long_lists_is_asked_with_short_ones(longest: int) -> None:
    theirs = Theirs(longest=longest)
    inquiry = inquire(theirs)
    assert len(inquiry.found) >= min(100, 10 * longest)
    assert (inquiry.failure, inquiry.refused, inquiry.unclear) == (None, {}, {})
    assert len(theirs.requests) <= MAX_REQUESTS


def test_what_was_odd_before_and_still_is_tells_nothing_of_the_provider() -> None:
    theirs = Theirs(dict.fromkeys(MANY, CRASHES))
    inquiry = inquire(theirs, MANY[:20], odd=tuple(MANY))
    assert inquiry.failure is None
    assert inquiry.gave_up
    assert len(theirs.requests) <= 4


def test_nothing_is_asked_once_the_worker_stops() -> None:
    theirs = Theirs()
    inquiry = Inquiry(theirs, lambda: False)
    inquiry.run(MANY, False, ())
    assert (theirs.requests, inquiry.found, inquiry.failure) == ([], {}, None)


@given(
    odd=st.dictionaries(st.sampled_from(MANY), st.sampled_from(list(FAILS.values()))),
    count=st.integers(1, 100),
    lists=st.booleans(),
    alone=st.booleans(),
    singly=st.booleans(),
    at_most=st.sampled_from([1, 3, 100]),
    known=st.sets(st.sampled_from(MANY)),
)
def test_whatever_is_odd_an_inquiry_ends_and_tells_the_truth(
    odd: dict[str, Fail | None],
    count: int,
    lists: bool,
    alone: bool,
    singly: bool,
    at_most: int,
    known: set[str],
) -> None:
    theirs = Theirs(odd, lists, alone, at_most)
    inquiry = inquire(theirs, MANY[:count], singly, tuple(known))
    assert len(theirs.requests) <= MAX_REQUESTS
    assert inquiry.found == {number: f"status of {number}" for number in inquiry.found}
    assert not inquiry.found.keys() & (inquiry.refused.keys() | inquiry.unclear.keys())
    assert inquiry.failure is None or inquiry.gave_up
    if not inquiry.gave_up and len(theirs.requests) < MAX_REQUESTS:
        assert all(inquiry.is_settled(number) for number in MANY[:count])
    if alone and count <= 3:
        assert inquiry.found.keys() >= set(MANY[:count]) - odd.keys() or inquiry.gave_up
