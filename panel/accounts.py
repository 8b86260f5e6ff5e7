"""Accounts and their keys: adding, finding, suspending, funding."""

import hashlib
import re
import secrets
from typing import Any, NamedTuple

from peewee import IntegrityError, fn

from database.compiled_query import CompiledQuery, param
from database.transactions import immediate
from models import Account, AccountRate, Catalogue
from panel import ledger, money, submitted
from panel.errors import OperatorError, RequestRejected
from panel.submitted import Form

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}", re.ASCII)

MAX_NOTE = 500
"""The most characters of a deposit's note: the ledger keeps it for ever."""


class Caller(NamedTuple):
    """Who calls, and by which request: the account, and what its view of the catalogue is made of.

    request_id: the request's id; "" for what is done without one.
    """

    id: int
    status: str
    balance_micros: int
    discount_ppm: int
    dialect: str | None
    catalogue_version: int
    has_own_rates: bool
    request_id: str = ""


def _caller_query() -> Any:
    return Account.select(
        Account.id,
        Account.status,
        Account.balance_micros,
        Account.discount_ppm,
        Account.dialect,
        Catalogue.select(Catalogue.version).where(Catalogue.id == 1),
        fn.EXISTS(AccountRate.select().where(AccountRate.account == Account.id)),
    )


_FIND = CompiledQuery(lambda: _caller_query().where(Account.key_hash == param("key_hash")))
_GET = CompiledQuery(lambda: _caller_query().where(Account.id == param("id")))


def find(key: str, request_id: str = "") -> Caller | None:
    """The account that a key belongs to, by an index of the hash; None for an unknown key.

    :param request_id: of the request that is asked by this key.
    """
    row = _FIND.row(key_hash=hash_key(key))
    return Caller._make((*row, request_id)) if row else None


def caller(account_id: int) -> Caller:
    """An account as the caller of a request, for what is charged without one."""
    return Caller(*_GET.row(id=account_id))


def hash_key(key: str) -> bytes:
    """What is stored of a key.

    A plain SHA-256: the keys are random and long, so there is nothing that a slow or salted
    hash would protect, and each request computes it.
    """
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()


def _new_key() -> str:
    """48 hexadecimal digits: 192 random bits."""
    return secrets.token_hex(24)


def add(name: str, balance_micros: int = 0, operator: str = "", form_token: str = "") -> str:
    """Add an account, with a first deposit where one is given.

    :param operator: who enters the deposit.
    :param form_token: of the form that asks for it, which adds one however often it is sent.
    :returns: its key, which cannot be shown again.
    :raises OperatorError: for a name that cannot be used or is taken, or a negative balance.
    """
    if not _NAME.fullmatch(name):
        raise OperatorError(
            f"the name {name!r} cannot be used: 1 to 64 letters, digits and . _ @ + -, "
            "beginning with a letter or digit"
        )
    if balance_micros < 0:
        raise OperatorError("the first balance cannot be negative")
    key = _new_key()
    with immediate():
        submitted.refuse_repeated(Form.CUSTOMER, form_token)
        try:
            account = Account.create(name=name, key_hash=hash_key(key), status="active")
        except IntegrityError:
            raise OperatorError(f"there is a user {name} already") from None
        if balance_micros:
            ledger.post(account.id, "deposit", balance_micros, operator=operator)
        submitted.remember(Form.CUSTOMER, form_token, account.id)
    return key


def get(name: str) -> Account:
    """The account of this name.

    :raises OperatorError: if there is none.
    """
    account = Account.get_or_none(Account.name == name)
    if account is None:
        raise OperatorError(f"there is no user {name}")
    return account


def by_id(account_id: int) -> Account:
    """The account of this number, which exists."""
    return Account.get_by_id(account_id)


def listing() -> list[Account]:
    """All accounts, oldest first."""
    return list(Account.select().order_by(Account.id))


def any_exists() -> bool:
    """Whether there is an account at all."""
    return Account.select().exists()


def set_status(name: str, status: str) -> None:
    """Suspend or activate an account, from the next request on.

    :raises OperatorError: if there is no such account.
    """
    with immediate():
        Account.update(status=status).where(Account.id == get(name).id).execute()


def rotate_key(name: str, form_token: str = "") -> str:
    """Give an account a new key; the old one is unknown from the next request on.

    :param form_token: of the form that asks for it, which does so once: the key that its second
        answer showed might be the one that was replaced.
    :raises OperatorError: if there is no such account.
    """
    key = _new_key()
    with immediate():
        submitted.refuse_repeated(Form.KEY, form_token)
        account = get(name)
        Account.update(key_hash=hash_key(key)).where(Account.id == account.id).execute()
        submitted.remember(Form.KEY, form_token, account.id)
    return key


def fund(
    name: str, amount_micros: int, note: str = "", operator: str = "", form_token: str = ""
) -> int:
    """Deposit an amount, or withdraw it where it is negative.

    :param operator: who enters it.
    :param form_token: of the form that asks for it, which does so once; "" without one.
    :returns: the new balance, in micros.
    :raises OperatorError: for no such account, a zero amount, a balance that it would overdraw,
        or a note that cannot be kept.
    """
    if amount_micros == 0:
        raise OperatorError("an amount of zero changes nothing")
    _check_note(note)
    kind = "deposit" if amount_micros > 0 else "withdrawal"
    with immediate():
        submitted.refuse_repeated(Form.DEPOSIT, form_token)
        account = get(name)
        try:
            balance_micros = ledger.post(
                account.id, kind, amount_micros, note=note, operator=operator
            )
        except RequestRejected:
            balance = money.format_exact(account.balance_micros)
            raise OperatorError(f"{name} has only {balance}") from None
        except IntegrityError:
            raise OperatorError("the balance would be larger than the panel can hold") from None
        submitted.remember(Form.DEPOSIT, form_token, ledger.last_entry(account.id))
    return balance_micros


def _check_note(note: str) -> None:
    """Refuse a note that would stand in the ledger for ever, and not as it is read."""
    if len(note) > MAX_NOTE or not note.isprintable():
        raise OperatorError(f"the note must be at most {MAX_NOTE} printable characters", "note")


def set_discount(name: str, discount_ppm: int) -> None:
    """Give an account a discount on every rate, from the next request on.

    :param discount_ppm: in millionths of the rate; 50000 is 5 %.
    :raises OperatorError: for no such account, or a discount below 0 or above 100 %.
    """
    if not 0 <= discount_ppm <= money.MICROS:
        raise OperatorError("the discount must be from 0 to 100 percent")
    with immediate():
        Account.update(discount_ppm=discount_ppm).where(Account.id == get(name).id).execute()


def set_dialect(name: str, dialect: str | None) -> None:
    """Choose the dialect of an account's answers; None for the panel's default.

    :raises OperatorError: for no such account.
    """
    with immediate():
        Account.update(dialect=dialect).where(Account.id == get(name).id).execute()
