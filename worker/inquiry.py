"""Asking a provider for many things at once, and getting every answer that it has.

A list that fails is split until what is odd stands alone. Some providers know no lists: then
everything is asked for alone.
"""

from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Generic, TypeVar

from upstream import vocabulary
from upstream.provider import OutcomeUnknown, ProviderRejected, ProviderUnreachable

T = TypeVar("T")

MAX_FAULTS = 7
MAX_FAULTS_ALIVE = 20
"""After so many faults in a row the provider is left alone for a while: more where it answered
something before, for odd things may stand together."""
REFUSED, UNCLEAR = 1, 2
"""How many faults each kind of failure is: a provider that refuses is not down."""
MAX_REQUESTS = 40
"""For one inquiry: what is left then stays due."""
FOR_NOW, FOR_NOW_ALIVE = 2, 5
"""So many things in a row that are refused for now tell that everything is: more where the
provider answered something before."""
PROBES_WITHOUT_LISTS = 2
"""So many numbers must be answered alone, and not as a list of one, to tell of all lists."""

SILENCE = "the provider says nothing of it"

Failure = ProviderUnreachable | ProviderRejected | OutcomeUnknown


Ask = Callable[[list[str], bool], dict[str, T]]
"""A request for a list, or in the form for one thing alone: the answers; it raises a Failure."""


class _EnoughError(Exception):
    """No more is asked for now."""


class Inquiry(Generic[T]):
    """What came of asking for some numbers.

    found: the answers. refused: where the provider clearly says no to one alone, its words.
    unclear: what was seen instead of an answer to one alone, or words that refuse it for now.
    What is in none of the three was not asked for alone.
    odd: what spoils a list; for_now: what of it was refused for now. lists: whether lists are
    answered; None where nothing tells.
    gave_up: whether too little was answered to go on. failure: why nothing at all was.
    """

    def __init__(self, ask: Ask[T], wait: Callable[[], bool]) -> None:
        self.found: dict[str, T] = {}
        self.refused: dict[str, str] = {}
        self.unclear: dict[str, str] = {}
        self.odd: set[str] = set()
        self.for_now: set[str] = set()
        self.lists: bool | None = None
        self.gave_up = False
        self.failure: Failure | None = None
        self._ask = ask
        self._wait = wait
        self._requests = 0
        self._faults = 0
        self._last_fault: Failure | None = None
        self._refused_lists: dict[str, Failure] = {}
        self._without_lists = 0
        self._odd_before: Collection[str] = ()
        self._row_for_now: set[str] = set()

    def run(self, numbers: Sequence[str], singly: bool, odd: Collection[str]) -> None:
        """Ask for all these numbers, as far as the provider answers at all.

        :param singly: whether it is known to answer no lists.
        :param odd: what spoiled a list before, and is asked for alone.
        """
        self.lists = False if singly else None
        self._odd_before = odd
        apart = [number for number in numbers if singly or number in odd]
        try:
            self._ask_list([number for number in numbers if number not in apart])
            for number in apart:
                self._ask_alone(number)
        except _EnoughError:
            pass
        except (ProviderUnreachable, ProviderRejected, OutcomeUnknown) as failure:
            self.gave_up = True
            self.failure = failure
        if self.failure is None or self.failure is self._last_fault:
            self._judge(odd_alone=len(apart) == len(numbers) and not singly)

    def _judge(self, odd_alone: bool) -> None:
        """Tell a provider that is down from numbers that are odd.

        :param odd_alone: whether only what was odd before was asked for: that it still is tells
            nothing of the provider.
        """
        if self.found or odd_alone:
            self.failure = None
        elif self._last_fault and not self.refused and SILENCE not in self.unclear.values():
            # Nothing was answered clearly: then no number is odd.
            self.failure, self.gave_up = self._last_fault, True
            self.unclear.clear()
            self.odd.clear()
            self.for_now.clear()

    def is_settled(self, number: str) -> bool:
        """Whether this number has an answer, or has none though it was asked for alone."""
        return number in self.found or number in self.refused or number in self.unclear

    def _ask_list(self, numbers: list[str]) -> None:
        """Ask for a list; where it fails, find out first whether lists are answered at all."""
        if not numbers:
            return
        self._request(numbers)
        left = [number for number in numbers if number not in self.found]
        for number in _spread(left):
            if self.lists is None:
                self._ask_alone(number)
        self._split([number for number in left if not self.is_settled(number)])

    def _split(self, numbers: list[str]) -> None:
        """Ask for ever shorter lists until what is odd stands alone."""
        parts = deque(_halves(numbers))
        while parts:
            part = parts.popleft()
            if self.lists is False or len(part) == 1:
                for number in part:
                    self._ask_alone(number)
            else:
                self._request(part)
                # A short list next: where only long ones are refused, that is soon found out.
                left = [number for number in part if number not in self.found]
                parts.extendleft(reversed(_halves(left)))

    def _ask_alone(self, number: str) -> None:
        """Ask for one number in both forms, as far as it is not known that one is of no use."""
        error = self._request([number], alone=True)
        other_form = error is not None and vocabulary.refuses_the_form(str(error))
        if self.lists is None or (error is not None and (self.lists or other_form)):
            as_list = self._refused_lists.get(number) or self._request([number])
            if as_list is None:
                return
            self._without_lists += error is None
            if self._without_lists >= PROBES_WITHOUT_LISTS:
                self.lists = False
            error = as_list if other_form else error
        self.odd.add(number)
        if isinstance(error, ProviderRejected) and not vocabulary.is_temporary(str(error)):
            self.refused[number] = str(error)
        elif error is not None:
            self.unclear[number] = str(error)

    def _request(self, numbers: list[str], alone: bool = False) -> Failure | None:
        """Send one request; what is wrong with it, where it brought nothing.

        :raises ProviderUnreachable, ProviderRejected, OutcomeUnknown: if it concerns everything
            that could be asked for, or nothing was answered for too long.
        """
        most = MAX_FAULTS_ALIVE if self.found else MAX_FAULTS
        if self._last_fault is not None and self._faults >= most:
            raise self._last_fault
        if self._requests >= MAX_REQUESTS or not self._wait():
            raise _EnoughError
        self._requests += 1
        error = self._try(numbers, alone)
        if error is None:
            self._faults = 0
            self._row_for_now = set()
            self.lists = self.lists if alone else True
            return None
        if len(numbers) == 1 and numbers[0] not in self._odd_before:
            self._check_passing(numbers[0], error)
        self._last_fault = error
        self._faults += REFUSED if isinstance(error, ProviderRejected) else UNCLEAR
        if not alone and len(numbers) == 1:
            self._refused_lists[numbers[0]] = error
        return error

    def _check_passing(self, number: str, error: Failure) -> None:
        """Tell a thing that is refused for now from a provider that refuses everything for now.

        :raises ProviderRejected: for a provider that refuses everything.
        """
        if not isinstance(error, ProviderRejected) or not vocabulary.is_temporary(str(error)):
            self._row_for_now = set()
            return
        self._row_for_now |= {number}
        self.odd.add(number)
        self.for_now.add(number)
        if len(self._row_for_now) < (FOR_NOW_ALIVE if self.found else FOR_NOW):
            return
        for number in self._row_for_now:
            self.unclear.pop(number, None)
        if not self.found:
            self.odd -= self._row_for_now
            self.for_now -= self._row_for_now
        raise error

    def _try(self, numbers: list[str], alone: bool) -> Failure | None:
        try:
            answers = self._ask(numbers, alone)
        except (ProviderRejected, OutcomeUnknown) as error:
            return error
        self.found.update(answers)
        return None if answers else OutcomeUnknown(SILENCE)


def _spread(numbers: list[str]) -> list[str]:
    """The first, one in the middle and the last, each once."""
    picked = {0, len(numbers) - 1, len(numbers) // 2} if numbers else set()
    return [numbers[index] for index in sorted(picked)]


def _halves(numbers: list[str]) -> list[list[str]]:
    middle = (len(numbers) + 1) // 2
    return [part for part in (numbers[:middle], numbers[middle:]) if part]
