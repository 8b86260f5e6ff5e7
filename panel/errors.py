"""The catalogue of refusals, and the exceptions that carry them.

The order in this file is the order of judging (contract: Errors): what stands higher is told
first when a request is wrong in several ways.
"""

from typing import NamedTuple


class Problem(NamedTuple):
    """One refusal of the contract: the HTTP status and the text of the `error` key.

    `when` is a line for the reference.
    """

    status: int
    text: str
    when: str = ""


TOO_MANY_REQUESTS = Problem(
    429, "Too many requests", "The rate limit is reached; Retry-After says how long to wait."
)
INVALID_API_KEY = Problem(401, "Invalid API key", "The key is missing or unknown.")
ACCOUNT_SUSPENDED = Problem(403, "Account suspended", "The account is locked.")
INCORRECT_REQUEST = Problem(
    422, "Incorrect request", "The action is missing or unknown, or a needed parameter is missing."
)
INCORRECT_LINK = Problem(422, "Incorrect link", "The link is empty, too long, or not one link.")
INCORRECT_QUANTITY = Problem(422, "Incorrect quantity", "The quantity is not a whole number.")
IDEMPOTENCY_KEY_REUSED = Problem(
    422,
    "Idempotency key was used with other parameters",
    "The key stands for an order already, and this request asks for another one.",
)
INCORRECT_SERVICE_ID = Problem(
    404, "Incorrect service ID", "There is no such service, or it is not sold now."
)
INCORRECT_ORDER_ID = Problem(404, "Incorrect order ID", "The account has no such order.")
REFILL_NOT_FOUND = Problem(404, "Refill not found", "The account has no such refill.")
CANNOT_REFILL = Problem(
    422,
    "Cannot refill",
    "The service offers no refill, the order is not completed, or a refill of it is open.",
)
CANNOT_CANCEL = Problem(
    422, "Cannot cancel", "The service offers no cancel, or the order is over."
)
QUANTITY_BELOW = Problem(422, "Quantity less than minimal N", "Below the service's minimum, N.")
QUANTITY_ABOVE = Problem(422, "Quantity more than maximum N", "Above the service's maximum, N.")
ACTIVE_LINK = Problem(
    422,
    "You have active order with this link. Please wait until order being completed.",
    "The service takes one open order a link, and there is one.",
)
NOT_ENOUGH_FUNDS = Problem(
    402, "Not enough funds on balance", "The charge is more than the balance."
)


def incorrect(parameter: str) -> Problem:
    """The refusal of a parameter that a service's type needs, beside link and quantity."""
    return Problem(422, f"Incorrect {parameter}")


def quantity_below(minimum: int) -> Problem:
    """The refusal of a quantity under the service's minimum."""
    return Problem(422, QUANTITY_BELOW.text.replace("N", str(minimum)))


def quantity_above(maximum: int) -> Problem:
    """The refusal of a quantity over the service's maximum."""
    return Problem(422, QUANTITY_ABOVE.text.replace("N", str(maximum)))


def catalogue() -> list[Problem]:
    """All refusals in the order of judging; an N in a text stands for a number."""
    return [value for value in globals().values() if isinstance(value, Problem)]


class RequestRejected(Exception):
    """A client's request is refused, and nothing was changed."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


class OperatorError(Exception):
    """What the operator asked cannot be done, and nothing was changed; the text says why.

    field: the value that is to blame, by the name of the argument that it came as; "" for none.
    """

    def __init__(self, text: str, field: str = "") -> None:
        super().__init__(text)
        self.field = field


class ProviderFailed(OperatorError):
    """A provider did not answer what an operator asked it for.

    Its text names the provider and says why; `why` is the reason alone, and `advice` a sentence
    of what may be tried, or "".
    """

    def __init__(self, provider: str, why: str, advice: str = "") -> None:
        super().__init__(f"{provider}: {why}")
        self.why = why
        self.advice = advice
