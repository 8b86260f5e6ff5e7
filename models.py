"""The tables as Peewee models (columns, no rules), and the few functions that know SQLite.

schema.sql defines the tables; a test proves that the models below agree with it.
"""

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from peewee import (
    SQL,
    AsIs,
    AutoField,
    BlobField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    Model,
    PeeweeException,
    Query,
    SqliteDatabase,
    TextField,
    Value,
)
from peewee import __exception_wrapper__ as _as_peewee_errors  # type: ignore[attr-defined]

HERE = Path(__file__).parent
SCHEMA = HERE / "schema.sql"
MIGRATIONS = HERE / "migrations"

BUSY_TIMEOUT_MS = 30_000
"""How long a statement waits for a writer that does not queue, such as the sqlite3 shell."""

MAPPED_BYTES = 2_000_000_000
"""How much of the database file is read from memory that all connections share."""

Result = TypeVar("Result")

database = SqliteDatabase(None)
_thread = threading.local()


class DatabaseError(Exception):
    """The database cannot be used; the text says why, in one line."""


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
    created_at = IntegerField(default=lambda: now())
    discount_micros = IntegerField(default=0)
    dialect = TextField(null=True)

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
    created_at = IntegerField(default=lambda: now())
    markup_micros = IntegerField(null=True)
    round_micros = IntegerField(default=1)
    inactive_because = TextField(default="")
    dripfeed = BooleanField(default=False)
    one_per_link = BooleanField(default=False)
    position = IntegerField(default=1_000_000_000)

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
    created_at = IntegerField(default=lambda: now())
    idempotent = BooleanField(default=False)

    class Meta:
        table_name = "providers"


class Source(Table):
    """Where a service is bought, and at which cost per 1000."""

    id = AutoField()
    service = ForeignKeyField(Service)
    service_id: int
    position = IntegerField()
    provider = ForeignKeyField(Provider)
    provider_id: int
    provider_service = TextField()
    cost_micros = IntegerField()
    dripfeed = BooleanField(default=False)

    class Meta:
        table_name = "sources"


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
    created_at = IntegerField(default=lambda: now())
    updated_at = IntegerField(default=lambda: now())
    forward = TextField(default="")
    provider = ForeignKeyField(Provider, null=True)
    provider_id: int | None
    provider_order = TextField(null=True)
    cost_micros = IntegerField(default=0)
    position = IntegerField(default=1)
    may_pass = BooleanField(default=False)
    attempts = IntegerField(default=0)
    due_at = IntegerField(default=0)
    warning = TextField(default="")
    parameters = TextField(default="{}")
    runs = IntegerField(null=True)
    interval = IntegerField(null=True)
    parent = ForeignKeyField("self", null=True)
    parent_id: int | None
    part = IntegerField(null=True)
    send_key = TextField(null=True)
    maybe_taken = BooleanField(default=False)

    class Meta:
        table_name = "orders"


class IdempotencyKey(Table):
    """Which order an account's idempotency key gave, and for which parameters."""

    account = ForeignKeyField(Account)
    key = TextField()
    parameters_hash = BlobField()
    order = ForeignKeyField(Order)
    created_at = IntegerField(default=lambda: now())

    class Meta:
        table_name = "idempotency_keys"
        primary_key = CompositeKey("account", "key")


class OrderEvent(Table):
    """What happened to an order on its way to a provider and back."""

    id = AutoField()
    order = ForeignKeyField(Order)
    kind = TextField()
    text = TextField()
    created_at = IntegerField(default=lambda: now())

    class Meta:
        table_name = "order_events"


class LedgerEntry(Table):
    """One change of one balance; never changed, never deleted."""

    id = AutoField()
    account = ForeignKeyField(Account)
    kind = TextField()
    amount_micros = IntegerField()
    balance_micros = IntegerField()
    order = ForeignKeyField(Order, null=True)
    note = TextField(default="")
    created_at = IntegerField(default=lambda: now())

    class Meta:
        table_name = "ledger_entries"


class Refill(Table):
    """A customer's request to make a completed order whole again."""

    id = AutoField()
    order = ForeignKeyField(Order)
    status = TextField()
    created_at = IntegerField(default=lambda: now())
    updated_at = IntegerField(default=lambda: now())
    provider_refill = TextField(null=True)
    due_at = IntegerField(default=0)

    class Meta:
        table_name = "refills"


class Cancel(Table):
    """A customer's request to cancel an order."""

    id = AutoField()
    order = ForeignKeyField(Order)
    order_id: int
    status = TextField()
    created_at = IntegerField(default=lambda: now())
    updated_at = IntegerField(default=lambda: now())
    passed_on = BooleanField(default=False)
    due_at = IntegerField(default=0)

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


class Heartbeat(Table):
    """When a process was last alive."""

    name = TextField(primary_key=True)
    seen_at = IntegerField()

    class Meta:
        table_name = "heartbeats"


class Operator(Table):
    """Who may sign in to the dashboard."""

    id = AutoField()
    name = TextField(unique=True)
    password_hash = TextField()
    created_at = IntegerField(default=lambda: now())

    class Meta:
        table_name = "operators"


class AuditLine(Table):
    """What an operator did, and what came of it; never deleted."""

    id = AutoField()
    operator = TextField()
    address = TextField()
    act = TextField()
    outcome = TextField(default="begun")
    created_at = IntegerField(default=lambda: now())

    class Meta:
        table_name = "audit_lines"


TABLES = (
    Account,
    Service,
    Catalogue,
    AccountRate,
    Provider,
    Source,
    Order,
    IdempotencyKey,
    OrderEvent,
    LedgerEntry,
    Refill,
    Cancel,
    SandboxOrder,
    OrderHour,
    Heartbeat,
    Operator,
    AuditLine,
)


def rows(query: Any) -> list[Any]:
    """A query's rows; what each is, .dicts() or .tuples() decides, which Peewee's hints omit."""
    return list(query)


def now() -> int:
    """Seconds since 1970, UTC."""
    return int(time.time())


class _Slot(NamedTuple):
    name: str


def slot(name: str) -> Value:
    """A place in a Statement's query that is filled by name at each run."""
    return AsIs(_Slot(name), converter=False)


def literal(text: str) -> SQL:
    """A constant that is written into a query, and not passed beside it.

    SQLite uses a partial index only where it can read the index's condition in the query.
    """
    return SQL(f"'{text}'")


class Statement:
    """A query that is built once and run with other values each time.

    Building a Peewee query costs several times what SQLite takes to run it, so the queries of
    a request are kept as SQL. Booleans come back as 0 and 1.
    """

    def __init__(self, build: Callable[[], Query]) -> None:
        self._build = build
        self._built: tuple[str, tuple[Any, ...]] | None = None

    def run(self, **values: Any) -> sqlite3.Cursor:
        """Run with the slots' values and give the cursor, whose rows are plain tuples."""
        sql, parameters = self._built or self.built()
        filled = [values[p.name] if type(p) is _Slot else p for p in parameters]
        try:  # what execute_sql() does besides takes as long as the query
            return database.connection().execute(sql, filled)
        except sqlite3.Error:
            with _as_peewee_errors:
                raise

    def row(self, **values: Any) -> Any:
        """Run, and give the only row as a tuple, or None."""
        return self.run(**values).fetchone()

    def built(self) -> tuple[str, tuple[Any, ...]]:
        """The SQL and its parameters, slots among them."""
        sql, parameters = self._build().sql()
        self._built = (sql, tuple(parameters))
        return self._built


def open_database(path: Path, synchronous: str = "FULL") -> list[str]:
    """Point the models at a database file; create it or bring it up to date where needed.

    No connection stays open, so that a server can fork afterwards. Each thread connects by
    itself at its first query.

    :param synchronous: SQLite's setting of that name.
    :returns: what was done, a line each; mostly nothing.
    :raises DatabaseError: if the file cannot be used.
    """
    close_database()
    database.init(
        str(path),
        pragmas=[
            ("busy_timeout", BUSY_TIMEOUT_MS),  # first: the next ones may already have to wait
            ("journal_mode", "wal"),
            ("synchronous", synchronous),
            ("foreign_keys", 1),
            ("cache_size", -16_000),
            # All threads read the same pages, not each a copy of its own.
            ("mmap_size", MAPPED_BYTES),
        ],
        timeout=BUSY_TIMEOUT_MS // 1000,
    )
    try:
        with _queue():
            return _create(path) or _upgrade(path)
    except (OSError, PeeweeException, sqlite3.Error) as error:
        raise DatabaseError(f"cannot use the database {path}: {error}") from error
    finally:
        close_database()


def close_database() -> None:
    """Close this thread's connection."""
    if not database.deferred and not database.is_closed():
        database.close()


@contextmanager
def immediate() -> Iterator[None]:
    """One immediate transaction: all that happens inside is kept, or none of it.

    Writers queue on a file lock before they begin. SQLite's own waiting sleeps and wakes
    without order; in the queue each has its turn.

    :raises RuntimeError: inside another transaction, where Peewee would quietly make this a
        savepoint without the lock.
    """
    if database.in_transaction():
        raise RuntimeError("immediate() inside a transaction")
    with _queue(), database.atomic("IMMEDIATE"):
        yield


class _Work:
    """What one caller of together() wants done, and what came of it."""

    def __init__(self, do: Callable[[], Any]) -> None:
        self.do = do
        self.done = False
        self.value: Any = None
        self.error: BaseException | None = None


_brought: list[_Work] = []
_doing = threading.Lock()


def together(do: Callable[[], Result]) -> Result:
    """Do something in an immediate transaction, along with what other threads bring.

    A commit is a wait for the disk, whatever is in it. While one is under way the next callers
    gather, and the first of them does the work of all in one transaction, each in a savepoint
    of its own: each is kept whole or not at all, and nobody is answered before the commit.

    :param do: may run in another caller's thread.
    :raises RuntimeError: inside another transaction.
    """
    if database.in_transaction():
        raise RuntimeError("together() inside a transaction")
    work = _Work(do)
    _brought.append(work)
    with _doing:
        if not work.done:
            _do_all(work)
    if work.error is not None:
        raise work.error
    return work.value


def _do_all(own: _Work) -> None:
    """Do all that was brought, and commit; where that fails, it fails for all."""
    works = [own]
    try:
        with immediate():
            # Only now: whoever came while other processes were in the queue is in.
            works = _brought[:]
            del _brought[: len(works)]
            if len(works) == 1:
                own.value = own.do()  # alone, it is the transaction
            else:
                for work in works:
                    _do(work)
    except BaseException as error:  # a full disk, for one: nothing is left of the transaction
        for work in works:
            work.error = error
    if own in _brought:  # it was not even begun; the others try for themselves
        _brought.remove(own)
    for work in works:
        work.done = True


def _do(work: _Work) -> None:
    database.execute_sql("SAVEPOINT work")
    try:
        work.value = work.do()
    except Exception as error:
        # Raises in its turn, and ends it for all, where SQLite gave up the whole transaction.
        database.execute_sql("ROLLBACK TO work")
        work.error = error
    database.execute_sql("RELEASE work")


@contextmanager
def _queue() -> Iterator[None]:
    """Wait for this database's other writers, in this process and in others."""
    owner = (database.database, os.getpid())  # a lock is shared with a fork: each opens its own
    lock = getattr(_thread, "lock", None)
    if lock is None or _thread.owner != owner:
        path = f"{database.database}.lock"
        _thread.lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _thread.owner = owner
        if lock is not None:
            os.close(lock)
    fcntl.flock(_thread.lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(_thread.lock, fcntl.LOCK_UN)


def backup(target: Path) -> None:
    """Write a consistent copy of the database to a new file, while it is being served.

    :raises OSError, sqlite3.Error: if it cannot be written; a part of it may remain.
    """
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    copy = sqlite3.connect(target)
    try:
        database.connection().backup(copy)
        copy.execute("PRAGMA journal_mode = delete")  # the copy is one file
    finally:
        copy.close()


@contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """Open another database file, a copy, to look into it."""
    # Not mode=ro: SQLite skips the CHECKs of a file that it cannot write to.
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
    try:
        connection.execute("PRAGMA query_only = 1")
        yield connection
    finally:
        connection.close()


def damage(connection: sqlite3.Connection) -> list[str]:
    """What SQLite itself finds wrong with a database, a line each."""
    lines = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    return [line for line in lines if line != "ok"] + [f"broken reference: {r}" for r in broken]


def schema_version() -> int:
    """The number of the schema that this code works with."""
    return max(number for number, _ in _migrations()) if _migrations() else 1


def _migrations() -> list[tuple[int, Path]]:
    return sorted((int(path.name.split("_")[0]), path) for path in MIGRATIONS.glob("[0-9]*.sql"))


def _create(path: Path) -> list[str]:
    if database.pragma("user_version") != 0:
        return []
    if database.get_tables():
        raise DatabaseError(f"{path} is a database of something else")
    _execute([(schema_version(), SCHEMA)])
    return [f"created the database {path}"]


def _upgrade(path: Path) -> list[str]:
    """Run the migrations that this database has not seen, after keeping a copy beside it.

    All of them or none: after a failure the release that made the database can still serve it.
    """
    if not {"accounts", "orders", "ledger_entries"} <= set(database.get_tables()):
        raise DatabaseError(f"{path} is a database of something else")
    found = database.pragma("user_version")
    if found > schema_version():
        raise DatabaseError(f"{path} was made by a newer version of the panel")
    steps = [(number, step) for number, step in _migrations() if number > found]
    if not steps:
        return []
    kept = path.with_name(f"{path.name}.version-{found}")
    kept.unlink(missing_ok=True)
    backup(kept)
    _execute(steps)
    return [
        f"kept a copy of the database before its upgrade: {kept}",
        *(f"upgraded the database to version {number} ({step.stem})" for number, step in steps),
    ]


def _execute(scripts: list[tuple[int, Path]]) -> None:
    """Run scripts and set the schema's version to each one's number, all or nothing.

    Statement by statement: sqlite3's executescript() would commit the transaction first. The
    foreign keys rest meanwhile, as SQLite asks where a table is rebuilt, and are checked at
    the end.
    """
    database.pragma("foreign_keys", 0)
    try:
        with database.atomic("IMMEDIATE"):
            for version, script in scripts:
                for statement in _statements(script.read_text()):
                    database.execute_sql(statement)
                database.execute_sql(f"PRAGMA user_version = {version}")
            if broken := database.execute_sql("PRAGMA foreign_key_check").fetchall():
                raise DatabaseError(f"the upgrade would break references: {broken[:3]}")
    finally:
        database.pragma("foreign_keys", 1)


def _statements(script: str) -> Iterator[str]:
    """A script's statements; each begins on a line of its own."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    yield statement  # what no semicolon ends is a comment, or a statement all the same
