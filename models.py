"""The tables as Peewee models: columns, no rules.

schema.sql defines the tables; a test proves that the models below agree with it.
"""

from peewee import (
    AutoField,
    BlobField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)

from database.clock import now
from database.connection import database


class Table(Model):
    """What all models share."""

    class Meta:
        database = database


class Account(Table):
    """A customer: who orders and pays."""

    id = AutoField()
    name = TextField(unique=True)
    key_hash = BlobField(unique=True)
    status = TextField()
    balance_micros = IntegerField(default=0)
    created_at = IntegerField(default=now)
    discount_ppm = IntegerField(default=0)
    dialect = TextField(null=True)
    orders = IntegerField(default=0)
    spent_micros = IntegerField(default=0)
    last_order_at = IntegerField(null=True)

    class Meta:
        table_name = "accounts"


class Service(Table):
    """What can be ordered, and at which rate per 1000."""

    id = AutoField()
    name = TextField()
    category = TextField()
    type = TextField()
    rate_micros = IntegerField()
    min = IntegerField()
    max = IntegerField()
    refill = BooleanField(default=False)
    cancel = BooleanField(default=False)
    active = BooleanField(default=True)
    created_at = IntegerField(default=now)
    markup_ppm = IntegerField(null=True)
    round_micros = IntegerField(default=1)
    inactive_because = TextField(default="")
    dripfeed = BooleanField(default=False)
    one_per_link = BooleanField(default=False)
    sort_order = IntegerField(default=1_000_000_000)
    held = BooleanField(default=False)
    description = TextField(default="")

    class Meta:
        table_name = "services"


class Catalogue(Table):
    """One row: how often the services have changed. The database counts by itself."""

    id = AutoField()
    version = IntegerField()

    class Meta:
        table_name = "catalogue"


class AccountRate(Table):
    """An account's own rate for a service."""

    account = ForeignKeyField(Account)
    service = ForeignKeyField(Service)
    rate_micros = IntegerField()

    class Meta:
        table_name = "account_rates"
        primary_key = CompositeKey("account", "service")


class Provider(Table):
    """A panel that we buy from, or the sandbox."""

    id = AutoField()
    name = TextField(unique=True)
    url = TextField()
    key = TextField()
    requests_per_minute = IntegerField()
    active = BooleanField(default=True)
    balance = TextField(default="")
    balance_at = IntegerField(null=True)
    created_at = IntegerField(default=now)
    idempotent = BooleanField(default=False)
    currency = TextField(default="")
    exchange_ppt = IntegerField(null=True)
    exchange_at = IntegerField(null=True)
    sync_wanted = BooleanField(default=False)
    stopped_because = TextField(default="")
    moved_to = TextField(default="")
    prices_at = IntegerField(null=True)
    failing_because = TextField(default="")
    failing_since = IntegerField(null=True)
    paused_at = IntegerField(null=True)

    class Meta:
        table_name = "providers"


class Source(Table):
    """Where a service is bought, and at which cost per 1000."""

    id = AutoField()
    service = ForeignKeyField(Service)
    service_id: int
    source_rank = IntegerField()
    provider = ForeignKeyField(Provider)
    provider_id: int
    provider_service = TextField()
    cost_micros = IntegerField()
    dripfeed = BooleanField(default=False)
    name = TextField(default="")
    category = TextField(default="")
    cost_before_micros = IntegerField(null=True)
    risen_at = IntegerField(null=True)

    class Meta:
        table_name = "sources"


class PendingChange(Table):
    """What a provider changed and we do not follow yet: of a source, or of the provider."""

    id = AutoField()
    provider = ForeignKeyField(Provider)
    provider_id: int
    source = ForeignKeyField(Source, null=True)
    source_id: int | None
    kind = TextField()
    stops_sale = BooleanField()
    before = TextField()
    after = TextField()
    created_at = IntegerField(default=now)

    class Meta:
        table_name = "pending_changes"


class ProviderWord(Table):
    """What one of a provider's words means, as an operator taught it."""

    provider = ForeignKeyField(Provider)
    kind = TextField()
    word = TextField()
    meaning = TextField()
    created_at = IntegerField(default=now)

    class Meta:
        table_name = "provider_words"
        primary_key = CompositeKey("provider", "kind", "word")


class AskedSingly(Table):
    """An action that a provider answers for one order or refill at a time only."""

    provider = ForeignKeyField(Provider)
    action = TextField()
    learned_at = IntegerField(default=now)

    class Meta:
        table_name = "asked_singly"
        primary_key = CompositeKey("provider", "action")


class Order(Table):
    """One order of one account, from Pending to its final status."""

    id = AutoField()
    account = ForeignKeyField(Account)
    account_id: int
    service = ForeignKeyField(Service)
    service_id: int
    link = TextField()
    quantity = IntegerField()
    charge_micros = IntegerField()
    refunded_micros = IntegerField(default=0)
    status = TextField()
    start_count = IntegerField(default=0)
    remains = IntegerField()
    created_at = IntegerField(default=now)
    updated_at = IntegerField(default=now)
    dispatch_state = TextField(default="")
    provider = ForeignKeyField(Provider, null=True)
    provider_id: int | None
    provider_order = TextField(null=True)
    cost_micros = IntegerField(default=0)
    source_rank = IntegerField(default=1)
    is_temporary = BooleanField(default=False)
    attempts = IntegerField(default=0)
    send_at = IntegerField(default=0)
    poll_at = IntegerField(default=0)
    warning = TextField(default="")
    parameters = TextField(default="{}")
    runs = IntegerField(null=True)
    interval = IntegerField(null=True)
    parent = ForeignKeyField("self", null=True)
    parent_id: int | None
    part = IntegerField(null=True)
    send_key = TextField(null=True)
    may_be_at_provider = BooleanField(default=False)
    held_because = TextField(default="")
    held_text = TextField(default="")
    request_id = TextField(default="")
    restored = BooleanField(default=False)
    known_before = TextField(default="")

    class Meta:
        table_name = "orders"


class IdempotencyKey(Table):
    """Which order an account's idempotency key gave, and for which parameters."""

    account = ForeignKeyField(Account)
    key = TextField()
    parameters_hash = BlobField()
    order = ForeignKeyField(Order)
    created_at = IntegerField(default=now)

    class Meta:
        table_name = "idempotency_keys"
        primary_key = CompositeKey("account", "key")


class OrderEvent(Table):
    """What happened to an order on its way to a provider and back."""

    id = AutoField()
    order = ForeignKeyField(Order)
    kind = TextField()
    text = TextField()
    created_at = IntegerField(default=now)

    class Meta:
        table_name = "order_events"


class KeptExchange(Table):
    """What was sent to a provider about an order, and what came back."""

    id = AutoField()
    order = ForeignKeyField(Order)
    order_id: int
    event = ForeignKeyField(OrderEvent, null=True)
    event_id: int | None
    provider = ForeignKeyField(Provider, null=True)
    provider_id: int | None
    action = TextField()
    sent = TextField(default="")
    http_status = IntegerField(null=True)
    answer = TextField(default="")
    understood = TextField(default="")
    created_at = IntegerField(default=now)

    class Meta:
        table_name = "exchanges"


class LedgerEntry(Table):
    """One change of one balance; never changed, never deleted."""

    id = AutoField()
    account = ForeignKeyField(Account)
    kind = TextField()
    amount_micros = IntegerField()
    balance_micros = IntegerField()
    order = ForeignKeyField(Order, null=True)
    note = TextField(default="")
    created_at = IntegerField(default=now)
    operator = TextField(default="")

    class Meta:
        table_name = "ledger_entries"


class Refill(Table):
    """A customer's request to make a completed order whole again."""

    id = AutoField()
    order = ForeignKeyField(Order)
    order_id: int
    status = TextField()
    created_at = IntegerField(default=now)
    updated_at = IntegerField(default=now)
    provider_refill = TextField(null=True)
    send_at = IntegerField(default=0)
    poll_at = IntegerField(default=0)
    attempts = IntegerField(default=0)
    warning = TextField(default="")
    request_id = TextField(default="")
    restored = BooleanField(default=False)

    class Meta:
        table_name = "refills"


class Cancel(Table):
    """A customer's request to cancel an order."""

    id = AutoField()
    order = ForeignKeyField(Order)
    order_id: int
    status = TextField()
    created_at = IntegerField(default=now)
    updated_at = IntegerField(default=now)
    passed_on = BooleanField(default=False)
    send_at = IntegerField(default=0)
    request_id = TextField(default="")
    restored = BooleanField(default=False)

    class Meta:
        table_name = "cancels"


class SandboxOrder(Table):
    """An order that the sandbox provider has taken."""

    id = AutoField()
    link = TextField()
    quantity = IntegerField()
    added_at_ms = IntegerField()
    canceled_at_ms = IntegerField(null=True)
    posts = IntegerField(default=0)

    class Meta:
        table_name = "sandbox_orders"


class OrderHour(Table):
    """What was ordered in an hour, by present status; triggers keep it."""

    hour = IntegerField()
    status = TextField()
    orders = IntegerField()
    charge_micros = IntegerField()
    refunded_micros = IntegerField()
    cost_micros = IntegerField()

    class Meta:
        table_name = "order_hours"
        primary_key = CompositeKey("hour", "status")


class ServiceWeek(Table):
    """What was ordered of a service in a week that is over, by provider (0: none)."""

    week = IntegerField()
    service_id = IntegerField()
    provider_id = IntegerField()
    orders = IntegerField()
    charge_micros = IntegerField()
    refunded_micros = IntegerField()
    cost_micros = IntegerField()

    class Meta:
        table_name = "service_weeks"
        primary_key = CompositeKey("week", "service_id", "provider_id")


class AccountPeriod(Table):
    """What an account ordered in four weeks that are over."""

    period = IntegerField()
    account_id = IntegerField()
    orders = IntegerField()
    charge_micros = IntegerField()
    refunded_micros = IntegerField()
    cost_micros = IntegerField()

    class Meta:
        table_name = "account_periods"
        primary_key = CompositeKey("period", "account_id")


class Summed(Table):
    """One row: up to which week and period the two tables above have all orders."""

    id = AutoField()
    week = IntegerField()
    period = IntegerField()

    class Meta:
        table_name = "summed"


class Heartbeat(Table):
    """When a process was last alive."""

    name = TextField(primary_key=True)
    seen_at = IntegerField()

    class Meta:
        table_name = "heartbeats"


class Identity(Table):
    """Which panel's database this is: a random text; no row until the panel first opens it."""

    id = AutoField()
    panel = TextField()

    class Meta:
        table_name = "identity"


class TaskRun(Table):
    """When a task of the panel's own was last done, and what failed last."""

    name = TextField(primary_key=True)
    succeeded_at = IntegerField(null=True)
    failed_at = IntegerField(null=True)
    problem = TextField(default="")
    wanted_at = IntegerField(null=True)

    class Meta:
        table_name = "task_runs"


class Alert(Table):
    """What is wrong, or was of late, and what an operator was told of it."""

    id = AutoField()
    kind = TextField()
    subject = TextField()
    text = TextField()
    began_at = IntegerField(default=now)
    told_at = IntegerField(null=True)
    ended_at = IntegerField(null=True)
    end_told_at = IntegerField(null=True)
    returns = IntegerField(default=0)
    returned_at = IntegerField(null=True)
    things = TextField(default="{}")
    arrivals = IntegerField(default=0)

    class Meta:
        table_name = "alerts"


class AlertTelling(Table):
    """What an address was told of an alert."""

    alert = ForeignKeyField(Alert)
    alert_id: int
    address_hash = BlobField()
    told_at = IntegerField(default=now)
    end_told_at = IntegerField(null=True)
    arrivals = IntegerField(default=0)

    class Meta:
        table_name = "alert_tellings"
        primary_key = CompositeKey("alert", "address_hash")


class Operator(Table):
    """Who may sign in to the dashboard."""

    id = AutoField()
    name = TextField(unique=True)
    password_hash = TextField()
    created_at = IntegerField(default=now)
    role = TextField(default="operator")
    totp_secret = TextField(default="")
    totp_step = IntegerField(default=0)

    class Meta:
        table_name = "operators"


class RecoveryCode(Table):
    """A code that takes the place of a one-time password, once."""

    operator = ForeignKeyField(Operator)
    code_hash = BlobField()

    class Meta:
        table_name = "recovery_codes"
        primary_key = CompositeKey("operator", "code_hash")


class OperatorSession(Table):
    """A browser in which an operator is signed in."""

    id = AutoField()
    operator = ForeignKeyField(Operator)
    token_hash = BlobField(unique=True)
    address = TextField()
    device = TextField()
    created_at = IntegerField(default=now)
    seen_at = IntegerField(default=now)

    class Meta:
        table_name = "operator_sessions"


class OperatorDevice(Table):
    """A browser that an operator has signed in from before."""

    operator = ForeignKeyField(Operator)
    token_hash = BlobField()
    created_at = IntegerField(default=now)
    seen_at = IntegerField(default=now)

    class Meta:
        table_name = "operator_devices"
        primary_key = CompositeKey("operator", "token_hash")


class SignInFailure(Table):
    """A wrong password of the last minutes, by what it counts against."""

    id = AutoField()
    counted_against = TextField()
    failed_at = IntegerField(default=now)

    class Meta:
        table_name = "sign_in_failures"


class AuditLine(Table):
    """What an operator did, and what came of it; never deleted."""

    id = AutoField()
    operator = TextField()
    address = TextField()
    act = TextField()
    outcome = TextField(default="begun")
    created_at = IntegerField(default=now)
    order_id = IntegerField(null=True)
    kind = TextField(default="panel")

    class Meta:
        table_name = "audit_lines"


class SubmittedForm(Table):
    """A form of the dashboard that made something, so that it makes it once."""

    form = TextField()
    token = TextField()
    made = IntegerField()
    submitted_at = IntegerField(default=now)

    class Meta:
        table_name = "submitted_forms"
        primary_key = CompositeKey("form", "token")


TABLES = (
    Account,
    Service,
    Catalogue,
    AccountRate,
    Provider,
    Source,
    PendingChange,
    ProviderWord,
    AskedSingly,
    Order,
    IdempotencyKey,
    OrderEvent,
    KeptExchange,
    LedgerEntry,
    Refill,
    Cancel,
    SandboxOrder,
    OrderHour,
    ServiceWeek,
    AccountPeriod,
    Summed,
    Heartbeat,
    Identity,
    TaskRun,
    Alert,
    AlertTelling,
    Operator,
    RecoveryCode,
    OperatorSession,
    OperatorDevice,
    SignInFailure,
    AuditLine,
    SubmittedForm,
)
