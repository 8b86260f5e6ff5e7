"""What can be done with an order by hand; panel/orders/forecast.py says what it would do."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from panel.operations import orders as operations
from panel.operations import restored
from panel.operations.audit import Actor


class Act(NamedTuple):
    """Something that can be done with an order: its label, and the operation that does it."""

    label: str
    operation: Callable[[Actor, int], Any]


ACTS = {
    "processing": Act("Set Processing", partial(operations.change, status="Processing")),
    "in-progress": Act("Set In progress", partial(operations.change, status="In progress")),
    "completed": Act("Set Completed", partial(operations.change, status="Completed")),
    "cancel": Act("Cancel, refund what remains", partial(operations.change, status="Canceled")),
    "refund": Act("Cancel, refund everything", operations.refund),
    "partial": Act(
        "Set Partial, refund what remains", partial(operations.change, status="Partial")
    ),
    "resend": Act("Send again", operations.resend),
    "fail": Act("Give up and refund", operations.fail),
    "release": Act("Release after the restore", restored.release),
}
"""What can be done with one order and with several."""
