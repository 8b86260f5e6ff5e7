"""The dashboard's forms: they read texts into typed values, which panel/ then checks."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    Field,
    HiddenField,
    IntegerField,
    PasswordField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, EqualTo, InputRequired, Optional, ValidationError
from wtforms.widgets import TextInput

from api.dialects import DIALECTS
from panel import accounts, money, service_types
from panel.operators import MIN_PASSWORD, Role
from panel.orders import state
from panel.providers import words
from panel.services import MAX_DESCRIPTION, plain_description

REQUIRED = [InputRequired("is required")]
PLAIN = {"autocapitalize": "none", "spellcheck": "false"}
DECIMAL = {"inputmode": "decimal", "autocomplete": "off"}


class _Parsed(Field):
    """A text field with a function that reads its text and one that writes it."""

    widget = TextInput()
    data: Any = None
    parse: Any = None
    show: Any = None

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the text; an empty one is None."""
        text = valuelist[0].strip() if valuelist else ""
        self.data = type(self).parse(text) if text else None

    def _value(self) -> str:
        if self.raw_data:
            return self.raw_data[0]
        return "" if self.data is None else type(self).show(self.data)


class AmountField(_Parsed):
    """An amount of money, as micros."""

    parse = staticmethod(money.parse)
    show = staticmethod(money.format_exact)


class PercentField(_Parsed):
    """A percentage, as millionths of one."""

    parse = staticmethod(money.parse_percent)
    show = staticmethod(money.format_percent)


class RatioField(_Parsed):
    """A rate of exchange, in parts per trillion."""

    parse = staticmethod(money.parse_ratio)
    show = staticmethod(money.format_ratio)


class SignIn(FlaskForm):
    """Name and password."""

    name = StringField("Name", render_kw={"autocomplete": "username", "autofocus": True})
    password = PasswordField("Password", render_kw={"autocomplete": "current-password"})
    back = HiddenField()


class Code(FlaskForm):
    """The second step of a sign-in."""

    code = StringField(
        "Code",
        description="Six digits from your app, or one of your recovery codes.",
        render_kw={"autocomplete": "one-time-code", "autofocus": True, **PLAIN},
    )
    back = HiddenField()


class FirstCode(FlaskForm):
    """The first code of an app that was just given its secret."""

    code = StringField(
        "Code that the app shows",
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric", **PLAIN},
    )


class PresentPassword(FlaskForm):
    """The own password, once more."""

    class Meta:
        # Several such forms stand on one page, so their fields have prefixes; the token is
        # checked for every form before.
        csrf = False

    present = PasswordField(
        "Present password", render_kw={"autocomplete": "current-password", "required": True}
    )


class PasswordAndCode(PresentPassword):
    """The own password once more, and a code."""

    code = StringField(
        "Code",
        description="From your app, or a recovery code.",
        render_kw={"autocomplete": "one-time-code", "required": True, **PLAIN},
    )


class NewPassword(PresentPassword):
    """Another password."""

    new = PasswordField(
        "New password",
        description=f"At least {MIN_PASSWORD} characters.",
        render_kw={"autocomplete": "new-password", "required": True},
    )
    again = PasswordField(
        "New password again",
        [EqualTo("new", "is not the same")],
        render_kw={"autocomplete": "new-password", "required": True},
    )


class AddOperator(FlaskForm):
    """Somebody who may sign in, and the own password."""

    name = StringField("Name", REQUIRED, render_kw={"autocomplete": "off"})
    role = SelectField(
        "Role",
        choices=[str(role) for role in Role],
        description="A viewer sees everything and changes nothing.",
    )
    new = PasswordField(
        "Password for the first sign-in",
        REQUIRED,
        description=f"At least {MIN_PASSWORD} characters; change it after the first sign-in.",
        render_kw={"autocomplete": "new-password"},
    )
    present = PasswordField(
        "Your own password", REQUIRED, render_kw={"autocomplete": "current-password"}
    )


class AddCustomer(FlaskForm):
    """A new customer."""

    name = StringField("Name", REQUIRED, render_kw={"autocomplete": "off"})
    balance = AmountField("First deposit", render_kw=DECIMAL)


class Fund(FlaskForm):
    """A deposit, or a withdrawal."""

    amount = AmountField(
        "Amount",
        REQUIRED,
        description="A negative amount withdraws.",
        render_kw={"autocomplete": "off"},
    )
    note = StringField(
        "Note",
        description="Kept with the ledger entry.",
        render_kw={"maxlength": accounts.MAX_NOTE},
    )


class Discount(FlaskForm):
    """What a customer gets off every rate."""

    percent = PercentField("Discount in percent", REQUIRED, render_kw=DECIMAL)


class DialectChoice(FlaskForm):
    """The dialect of a customer's answers."""

    dialect = SelectField(
        "Dialect",
        choices=["default", *DIALECTS],
        description="default: the panel's setting; perfectpanel: for clients of Perfect Panel.",
    )


class OwnRate(FlaskForm):
    """A customer's own rate for a service."""

    service = IntegerField("Service number", REQUIRED)
    rate = AmountField(
        "Own rate", description="Leave empty for the usual rate.", render_kw=DECIMAL
    )


def _check_both(provider: SelectField, number: StringField) -> None:
    if bool(provider.data) != bool((number.data or "").strip()):
        raise ValidationError("is required" if provider.data else "needs a provider")


class Service(FlaskForm):
    """All that can be edited of a service."""

    name = StringField("Name", REQUIRED)
    category = StringField("Category", REQUIRED, render_kw={"list": "categories"})
    type = SelectField("Type", choices=[])
    rate_micros = AmountField("Rate", REQUIRED, render_kw=DECIMAL)
    min = IntegerField("Minimum", REQUIRED)
    max = IntegerField("Maximum", REQUIRED)
    sort_order = IntegerField(
        "Position", [Optional()], description="Smaller comes first; leave empty to keep it."
    )
    refill = BooleanField("Completed orders can be refilled")
    cancel = BooleanField("Open orders can be canceled")
    dripfeed = BooleanField("Orders can be delivered in runs (drip-feed)")
    one_per_link = BooleanField("Only one open order per link")
    description = TextAreaField(
        "Description",
        description="Customers read it on the reference page.",
        filters=[lambda text: plain_description(text or "")],
        render_kw={"rows": 4, "maxlength": MAX_DESCRIPTION},
    )
    source = SelectField(
        "Source", description="The provider is asked for the cost.", validate_choice=False
    )
    source_theirs = StringField("Its number of the service", render_kw={"autocomplete": "off"})
    second = SelectField(
        "Second source",
        description="Where to turn after the first clearly refuses.",
        validate_choice=False,
    )
    second_theirs = StringField("Its number of the service", render_kw={"autocomplete": "off"})

    def validate_source_theirs(self, field: StringField) -> None:
        """A source is a provider and its number of the service."""
        _check_both(self.source, field)

    def validate_second_theirs(self, field: StringField) -> None:
        """As for the first."""
        _check_both(self.second, field)

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        self.type.choices = list(service_types.SERVICE_TYPES)


class Move(FlaskForm):
    """Where in the catalogue a service is to stand."""

    before = IntegerField(
        "Before service", [Optional()], description="Leave empty to move it to the end."
    )


class Markup(FlaskForm):
    """A markup on the cost, and the step that rates are rounded up to."""

    markup = PercentField("Markup in percent", REQUIRED, render_kw=DECIMAL)
    step = AmountField(
        "Round up to a multiple of", render_kw=DECIMAL | {"placeholder": "exact rates"}
    )


class Provider(FlaskForm):
    """A new provider."""

    name = StringField("Name", REQUIRED, render_kw={"autocomplete": "off"})
    url = StringField(
        "Address",
        REQUIRED,
        description="https://panel.example/api/v2, or sandbox: for the built-in sandbox.",
        render_kw={"autocomplete": "off"},
    )
    key = PasswordField(
        "API key",
        description="Stored by the panel and never shown again.",
        render_kw={"autocomplete": "off"},
    )
    requests_per_minute = IntegerField("Requests per minute", REQUIRED, default=120)
    currency = StringField(
        "Currency of its prices",
        description="Only where the provider does not name it.",
        render_kw={"autocomplete": "off"},
    )
    exchange = RatioField(
        "Rate of exchange",
        description="Units of our currency for one of theirs, where that is another one.",
        render_kw=DECIMAL,
    )
    unchecked = BooleanField("Add without asking it first")


class EditProvider(FlaskForm):
    """All that can be edited of a provider."""

    name = StringField("Name", REQUIRED, render_kw={"autocomplete": "off"})
    url = StringField("Address", REQUIRED, render_kw={"autocomplete": "off", **PLAIN})
    key = PasswordField(
        "Another API key",
        description="Leave empty to keep the present one, which is never shown. "
        "Another host needs it again.",
        render_kw={"autocomplete": "off"},
    )
    requests_per_minute = IntegerField("Requests per minute", REQUIRED)
    unchecked = BooleanField("Take address and key without asking it first")
    same_panel = BooleanField("Another host is the same panel, with the same orders and services")


class Exchange(FlaskForm):
    """What a provider's currency is worth in ours."""

    rate = RatioField("Rate of exchange", REQUIRED, render_kw=DECIMAL)
    currency = StringField(
        "Their currency",
        id="exchange-currency",
        description="Only where the provider does not name it.",
        render_kw={"autocomplete": "off"},
    )


class CurrencyChoice(FlaskForm):
    """The currency of a provider's prices."""

    currency = StringField(
        "Currency of their prices",
        [DataRequired("is required")],
        id="code",
        description="Where the provider does not name it, or to confirm that it changed to ours.",
        render_kw={"autocomplete": "off"},
    )


class Word(FlaskForm):
    """A provider's word, and what it means."""

    word = StringField(
        "A word, or a refusal", REQUIRED, render_kw={"maxlength": 300, "autocomplete": "off"}
    )
    meaning = SelectField("means", REQUIRED, validate_choice=False)

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        meanings = (*state.FOLLOWS, *words.REFUSALS)
        self.meaning.choices = [("", "choose"), *((text, text) for text in meanings)]


class Import(Markup):
    """Which of a provider's services to import, and at which markup."""

    categories = SelectMultipleField("Categories", validate_choice=False)
    ids = StringField(
        "Only these services", description="The provider's numbers, separated by commas."
    )


class Post(FlaskForm):
    """A post of a subscription."""

    quantity = IntegerField("Quantity of the post", REQUIRED)
    provider_order = StringField(
        "The provider's number of it",
        name="theirs",
        description="Leave empty for one that you fulfil by hand.",
        render_kw={"autocomplete": "off"},
    )


class Attach(FlaskForm):
    """The provider's number of an order."""

    provider_order = StringField(render_kw={"required": True, "autocomplete": "off", **PLAIN})


class AttachPart(FlaskForm):
    """The provider's number of a run of a drip-feed."""

    provider_order = StringField(
        id="part-order", render_kw={"required": True, "autocomplete": "off", **PLAIN}
    )


class ChangeOrder(FlaskForm):
    """What can be set of an order by hand."""

    status = SelectField("Status")
    start_count = IntegerField("Start count", [Optional()])
    remains = IntegerField("Remains", [Optional()])
