"""Forms that were submitted: what one makes, it makes once, however often it is sent."""

from enum import StrEnum

from database.clock import now
from database.transactions import immediate
from models import SubmittedForm
from panel.errors import OperatorError

KEPT_S = 30 * 24 * 3600
"""How long it is known that a form was submitted."""

MAX_TOKEN = 64
"""The most characters of a token; the dashboard's have fewer."""


class Form(StrEnum):
    """A form that would make something twice if it was sent twice."""

    DEPOSIT = "deposit"
    CUSTOMER = "customer"
    KEY = "key"
    POST = "post"
    SERVICE = "service"
    BULK = "bulk"


_ALREADY = {
    Form.DEPOSIT: "this deposit or withdrawal was entered already, as entry {} of the ledger",
    Form.CUSTOMER: "this customer was added already; the key was shown then",
    Form.KEY: "the key was replaced already, and the new one was shown then",
    Form.POST: "this post was charged already, as order {}",
    Form.SERVICE: "this service was added already, as service {}",
    Form.BULK: "this was done already with each of the orders: the audit lists what came of it",
}


class SubmittedError(OperatorError):
    """The form was submitted already. `made`: the number of what it made then."""

    def __init__(self, form: Form, made: int) -> None:
        super().__init__(_ALREADY[form].format(made))
        self.made = made


def refuse_repeated(form: Form, token: str) -> None:
    """Refuse a form that was submitted already; to be called inside immediate(), before it acts.

    :param token: the form's own; "" for what no form asks for, which is never refused.
    :raises SubmittedError: with what it made then.
    """
    found = SubmittedForm.get_or_none(SubmittedForm.form == form, SubmittedForm.token == token)
    if token and found is not None:
        raise SubmittedError(form, found.made)


def remember(form: Form, token: str, made: int) -> None:
    """Remember what a form made, in the transaction that made it; and forget the oldest.

    :param made: the number of what it made.
    """
    if token:
        SubmittedForm.create(form=form, token=token[:MAX_TOKEN], made=made)
        SubmittedForm.delete().where(SubmittedForm.submitted_at < now() - KEPT_S).execute()


def claim(form: Form, token: str) -> None:
    """Remember that a form was submitted, before it does several things, each for itself.

    :raises SubmittedError: if it was submitted before.
    """
    with immediate():
        refuse_repeated(form, token)
        remember(form, token, 0)
