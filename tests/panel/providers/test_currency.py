"""The currencies that providers count in, and what becomes of what is bought there."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.catalogue import UPSTREAM_KEY, cost, import_from, listing, service, sync
from support.clock import Clock
from support.orders import everything

from models import Provider
from panel import money, services
from panel.errors import OperatorError
from panel.money import ONE_PPT
from panel.providers import currency, exchange_rates, pending, registry
from panel.providers.changes import describe
from panel.providers.currency import Exchange, currency_code
from panel.providers.policy import USUAL, SyncPolicy
from panel.providers.registry import ProviderAccount

RUPEES_PPT = 83_200_000_000_000
"""83.20 rupees for a dollar."""


def names(provider: int, named: str, ours: str = "USD", balance: str = "1.00") -> bool:
    """The provider tells its balance with this currency; whether our funds have risen."""
    return registry.record_account(provider, ProviderAccount(balance, False, named), ours)


def row() -> Provider:
    return registry.get("upstream")


def waiting() -> list[tuple[str, str, str]]:
    return [(item.kind, item.before, item.after) for item in pending.listing()]


def exchanged(ratio_ppt: int, ours: str = "INR", code: str = "", disable: bool = False) -> Any:
    policy = SyncPolicy(disable)
    found = exchange_rates.set_exchange("upstream", ratio_ppt, ours, policy, code)
    return [describe(change) for change in found]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("USD", "USD"), (" usd ", "USD"), ("€", "EUR"), ("₹", "INR"), ("$", "$"),
        ("US Dollar", "US DOLLAR"), ("", ""), ("null", ""), (" - ", ""), ("U\x00SD", "USD"),
        ("x" * 40, "X" * 16),
    ],
)  # fmt: skip
def test_a_currency_is_compared_in_one_way_of_writing(text: str, code: str) -> None:
    assert currency_code(text) == code


@pytest.mark.parametrize(
    ("theirs", "ratio", "named", "expected"),
    [
        ("INR", None, "", ONE_PPT),
        ("USD", RUPEES_PPT, "", RUPEES_PPT),
        ("USD", RUPEES_PPT, "USD", RUPEES_PPT),
        ("USD", RUPEES_PPT, "INR", ONE_PPT),
        ("USD", RUPEES_PPT, "EUR", None),
        ("USD", None, "", None),
        ("", RUPEES_PPT, "", None),
        ("", None, "", None),
        ("", None, "INR", ONE_PPT),
        ("$", RUPEES_PPT, "$", RUPEES_PPT),
        ("INR", RUPEES_PPT, "", ONE_PPT),
    ],
)
def test_an_amount_is_converted_where_its_currency_is_known(
    theirs: str, ratio: int | None, named: str, expected: int | None
) -> None:
    assert Exchange("INR", theirs, ratio).ratio(named) == expected


@pytest.mark.parametrize(
    ("stored", "named", "ours", "now", "held"),
    [
        ("", "", "USD", "", []),
        ("", "USD", "USD", "USD", []),
        ("", "USD", "INR", "USD", [("currency", "", "USD")]),
        ("USD", "", "USD", "USD", []),
        ("USD", "USD", "USD", "USD", []),
        ("USD", "INR", "USD", "USD", [("currency", "USD", "INR")]),
        ("USD", "$", "USD", "USD", [("currency", "USD", "$")]),
        ("INR", "USD", "USD", "INR", [("currency", "INR", "USD")]),
        ("USD", "", "INR", "USD", [("currency", "", "USD")]),
        ("USD", "USD", "INR", "USD", [("currency", "", "USD")]),
        ("EUR", "USD", "INR", "EUR", [("currency", "EUR", "USD")]),
    ],
)
def test_what_is_bought_is_held_while_the_currency_is_in_doubt(
    upstream: int,
    stored: str,
    named: str,
    ours: str,
    now: str,
    held: list[tuple[str, str, str]],
) -> None:
    import_from(upstream, listing())
    Provider.update(currency=stored).execute()
    names(upstream, named, ours)
    assert (row().currency, waiting()) == (now, held)
    assert service().held == bool(held)
    if held or not now:
        before = everything()
        with pytest.raises(OperatorError) as refused:
            currency.require(upstream, ours)
        assert everything() == before
        assert all(code in str(refused.value) for code in (ours, held[0][2] if held else ours))
        assert "flask provider" in str(refused.value)
    else:
        assert currency.require(upstream, ours).id == upstream


def test_a_provider_without_services_is_refused_too_but_holds_nothing(upstream: int) -> None:
    names(upstream, "USD", "INR")
    assert waiting() == []
    with pytest.raises(OperatorError, match=r"in USD and ours in INR.*exchange upstream RATE"):
        currency.require(upstream, "INR")


def test_a_change_stays_in_doubt_while_the_provider_says_nothing(upstream: int) -> None:
    import_from(upstream, listing())
    for named in ("USD", "INR", "", ""):
        names(upstream, named)
    assert service().held
    names(upstream, "USD")
    assert (service().held, waiting()) == (False, [])


def test_the_first_currency_has_the_prices_read_where_anything_is_bought(upstream: int) -> None:
    names(upstream, "USD")
    assert not row().sync_wanted
    Provider.update(currency="").execute()
    import_from(upstream, listing())
    names(upstream, "USD")
    assert row().sync_wanted


def test_the_sandbox_counts_in_our_currency_whichever_that_is(app: Any) -> None:
    sandbox = registry.add("upstream", registry.SANDBOX_URL, "", 60).id
    import_from(sandbox, listing())
    for ours in ("USD", "INR"):
        names(sandbox, ours, ours)
        assert currency.require(sandbox, ours).currency == ours
    assert (service().held, waiting()) == (False, [])
    with pytest.raises(OperatorError, match="in our currency"):
        exchange_rates.set_exchange("upstream", RUPEES_PPT, "INR", USUAL)


# Rates of exchange


def test_a_first_rate_converts_costs_that_were_taken_for_ours(upstream: int) -> None:
    import_from(upstream, listing())
    names(upstream, "USD", "INR")
    assert exchanged(RUPEES_PPT) == ["cost 0.80 → 66.56", "rate 1.00 → 83.20"]
    assert (service().held, waiting(), row().sync_wanted) == (False, [], True)
    assert (row().currency, row().exchange_ppt) == ("USD", RUPEES_PPT)
    assert currency.require(upstream, "INR").id == upstream


def test_another_rate_converts_the_costs_again(upstream: int) -> None:
    names(upstream, "USD", "INR")
    exchanged(RUPEES_PPT)
    import_from(upstream, listing(rate=66_560_000))
    assert exchanged(RUPEES_PPT * 2) == ["cost 66.56 → 133.12", "rate 83.20 → 166.40"]


def test_a_rate_by_hand_stays_and_is_judged(fixed: int) -> None:
    names(fixed, "USD", "INR")
    assert exchanged(2 * ONE_PPT, disable=True) == [
        "cost 0.80 → 1.60",
        "disabled: its rate is below its cost",
        "its rate 1.00 is below its cost 1.60",
    ]
    assert not service().active


def test_a_change_of_currency_leaves_the_costs_to_the_next_prices(upstream: int) -> None:
    names(upstream, "USD")
    import_from(upstream, listing())
    names(upstream, "INR")
    assert exchanged(12_000_000_000, "USD") == []
    assert (row().currency, row().exchange_ppt, cost()) == ("INR", 12_000_000_000, 800_000)
    # At the old rate nothing is sold until the prices are read in the new currency.
    assert waiting() == [("prices", "", "INR")]
    assert (service().held, row().sync_wanted) == (True, True)
    sync(upstream, listing(rate=810_000))
    assert (service().held, cost(), waiting()) == (False, 810_000, [])


def test_figures_that_wait_are_converted_too(upstream: int) -> None:
    names(upstream, "USD", "INR")
    exchanged(ONE_PPT)
    import_from(upstream, listing())
    import_from(upstream, listing(rate=8_000_000))
    exchanged(2 * ONE_PPT)
    assert waiting() == [("rise", "1600000", "16000000")]


Act = Callable[[], Any]


@pytest.mark.parametrize(
    ("stored", "named", "act", "text"),
    [
        ("", "", lambda: exchanged(RUPEES_PPT), "does not name its currency"),
        ("INR", "", lambda: exchanged(RUPEES_PPT), "like ours: their rate is 1"),
        ("USD", "EUR", lambda: exchanged(RUPEES_PPT, code="GBP"), "are in EUR, not in GBP"),
        ("USD", "EUR", lambda: exchange_rates.set_currency("upstream", "USD", "INR"),
         "are in EUR, not in USD"),
        ("USD", "EUR", lambda: exchange_rates.set_currency("upstream", "EUR", "INR"),
         "exchange upstream RATE --currency EUR"),
        ("USD", "", lambda: exchanged(9 * 10**18), "the rate of exchange is too high"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_rate_or_currency_changes_nothing(
    upstream: int, stored: str, named: str, act: Act, text: str
) -> None:
    import_from(upstream, listing())
    Provider.update(currency=stored).execute()
    names(upstream, named, "INR")
    before = everything()
    with pytest.raises(OperatorError, match=text):
        act()
    assert everything() == before


def test_another_currency_than_the_present_costs_are_in_needs_a_rate(upstream: int) -> None:
    names(upstream, "USD")
    import_from(upstream, listing())
    with pytest.raises(OperatorError, match="exchange upstream RATE --currency EUR"):
        exchange_rates.set_currency("upstream", "EUR", "USD")
    assert exchanged(ONE_PPT, "USD", "EUR") == []
    assert (row().currency, cost()) == ("EUR", 800_000)


def test_a_currency_that_was_said_wrongly_is_corrected_before_its_rate_is(upstream: int) -> None:
    import_from(upstream, listing())
    for code in ("USD", "EUR"):
        exchange_rates.set_currency("upstream", code, "INR")
        assert waiting() == [("currency", "", code)]
    assert exchanged(RUPEES_PPT) == ["cost 0.80 → 66.56", "rate 1.00 → 83.20"]


def test_an_operator_says_the_currency_of_a_provider_that_names_none(upstream: int) -> None:
    exchange_rates.set_currency("upstream", "INR", "INR")
    assert currency.require(upstream, "INR").currency == "INR"
    names(upstream, "", "INR")
    assert currency.require(upstream, "INR").currency == "INR"


def test_a_rate_may_name_the_currency_of_a_provider_that_names_none(upstream: int) -> None:
    import_from(upstream, listing())
    assert exchanged(RUPEES_PPT, code="USD") == ["cost 0.80 → 66.56", "rate 1.00 → 83.20"]
    assert row().currency == "USD"


def test_a_change_to_our_own_currency_is_confirmed(upstream: int) -> None:
    names(upstream, "USD", "INR")
    exchanged(RUPEES_PPT)
    import_from(upstream, listing(rate=66_560_000))
    names(upstream, "INR", "INR")
    assert service().held
    exchange_rates.set_currency("upstream", "INR", "INR")
    assert (row().currency, row().exchange_ppt, service().held) == ("INR", None, True)
    assert (cost(), waiting()) == (66_560_000, [("prices", "", "INR")])
    with pytest.raises(OperatorError, match="empty catalogue"):
        sync(upstream)
    assert service().held
    sync(upstream, listing(rate=66_560_000))
    assert not service().held


def test_a_name_that_is_no_code_can_be_given_a_rate(upstream: int) -> None:
    import_from(upstream, listing())
    names(upstream, "$")
    assert exchanged(ONE_PPT, "USD") == []
    assert (service().held, row().currency) == (False, "$")
    assert currency.require(upstream, "USD").id == upstream


GIVE = "give the rate of exchange, USD for 1"


@pytest.mark.parametrize(
    ("balance", "named", "said", "told"),
    [
        ("1.00 $", "$", "USD", "are in $, not in USD: if its $ is USD: flask provider exchange "
         f"upstream 1; if not, {GIVE} $, with: flask provider exchange upstream RATE"),
        ("$1.00", "$", "USD", "are in $, not in USD: if its $ is USD"),
        ("1.00 US Dollar", "US DOLLAR", "USD", "are in US DOLLAR, not in USD: if its US DOLLAR"),
        ("1.00 EUR", "EUR", "USD", f"are in EUR, not in USD: {GIVE} EUR, with: flask provider "
         "exchange upstream RATE"),
        ("1.00 USD", "USD", "EUR", "are in USD, not in EUR: confirm it with: flask provider "
         "currency upstream USD"),
        ("$1.00 USD", "USD", "EUR", "are in USD, not in EUR"),
        ("1.00 ₹", "INR", "EUR", f"are in INR, not in EUR: {GIVE} INR"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("imported", [False, True])
def test_another_currency_than_the_provider_names_is_refused_at_once(
    upstream: int, balance: str, named: str, said: str, told: str, imported: bool
) -> None:
    names(upstream, named, balance=balance)
    if imported:
        import_from(upstream, listing())
    before = everything()
    for act in (
        lambda: exchange_rates.set_currency("upstream", said, "USD"),
        lambda: exchanged(ONE_PPT * 11 // 10, "USD", said),
    ):
        with pytest.raises(OperatorError) as refused:
            act()
        assert told in str(refused.value)
    assert everything() == before


def test_what_a_refused_currency_advises_stays_after_the_next_reading(upstream: int) -> None:
    import_from(upstream, listing())
    for _ in range(2):
        names(upstream, "$", balance="1.00 $")
        exchanged(ONE_PPT, "USD")
    names(upstream, "$", balance="2.00 $")
    assert (waiting(), row().currency, service().held) == ([], "$", False)


@pytest.mark.parametrize(
    ("balance", "stored", "named"),
    [
        ("1.00 USD", "", "USD"), ("1.00 usd", "EUR", "USD"), ("1,000.00$", "", "$"),
        ("€5", "", "EUR"), ("$5 AUD", "", "AUD"), ("5 USD USD", "", "USD"), ("5", "USD", ""),
        ("5 Points left", "", ""), ("5 US Dollar", "US DOLLAR", "US DOLLAR"),
        ("5 USD EUR", "", ""), ("5 N/A", "", ""), ("unlimited", "USD", ""), ("", "USD", ""),
    ],
)  # fmt: skip
def test_the_currency_that_was_named_last_stands_beside_the_balance(
    balance: str, stored: str, named: str
) -> None:
    assert currency.last_named(Provider(balance=balance, currency=stored)) == named


@pytest.mark.parametrize(
    ("named", "code", "may"),
    [
        ("$", "USD", True), ("$", "AUD", True), ("$", "INR", False), ("£", "GBP", True),
        ("£", "USD", False), ("RUPEES", "INR", True), ("EUR", "USD", False), ("USD", "USD", False),
    ],
)  # fmt: skip
def test_a_sign_may_stand_for_some_currencies(named: str, code: str, may: bool) -> None:
    assert currency.may_be(named, code) == may


def test_a_rate_of_one_is_never_old(upstream: int, clock: Clock) -> None:
    names(upstream, "$")
    exchanged(ONE_PPT, "USD")
    clock.move(seconds=10**9)
    assert not currency.is_old(row(), "USD", 1)


@pytest.mark.parametrize(
    ("days", "age_s", "old"),
    [(30, 30 * 86400, False), (30, 30 * 86400 + 1, True), (0, 10**9, False)],
)
def test_an_old_rate_is_known_as_old(
    upstream: int, clock: Clock, days: int, age_s: int, old: bool
) -> None:
    names(upstream, "USD", "INR")
    assert not currency.is_old(row(), "INR", days)
    exchanged(RUPEES_PPT)
    clock.move(seconds=age_s)
    assert currency.is_old(row(), "INR", days) == old
    assert not currency.is_old(row(), "USD", days)


def test_a_provider_that_is_added_anew_begins_anew(upstream: int) -> None:
    names(upstream, "USD", "INR")
    registry.remove("upstream")
    registry.add("upstream", "https://panel.example/api/v2", UPSTREAM_KEY, 60, "eur", ONE_PPT)
    assert (row().currency, row().exchange_ppt, row().balance) == ("EUR", ONE_PPT, "")


@given(
    price=st.fractions(min_value=0, max_value=10**6, max_denominator=10**8),
    ratios=st.lists(st.integers(1, 10**15), min_size=1, max_size=4),
)
def test_no_exchange_makes_a_cost_less_than_it_is(price: Fraction, ratios: list[int]) -> None:
    micros = money.exchanged(price.as_integer_ratio(), ratios[0])
    assert 0 <= micros - price * ratios[0] * 10**6 / ONE_PPT < 1
    for before, after in pairwise(ratios):
        micros = money.rescaled(micros, before, after)
        assert micros >= price * after * 10**6 / ONE_PPT


# Funds


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("12.5000 USD", 12_500_000), ("0.00000001 BTC", 0), ("-1", -1_000_000),
        ("1,234.50 USD", 1_234_500_000), ("$12", 12_000_000), ("-$3", -3_000_000),
        ("unlimited", None), ("", None), ("9" * 40, None), ("0", 0),
        ("1.234,56", 1_234_560_000), ("1.234,56 EUR", 1_234_560_000),
        ("1 234.50", 1_234_500_000), ("1\u202f234,50 RUB", 1_234_500_000),
        ("1'234.50 CHF", 1_234_500_000), ("1,234.50", 1_234_500_000),
        ("1,234,567", 1_234_567_000_000), ("₹1,23,456.7", 123_456_700_000),
        ("1.234.567", 1_234_567_000_000), ("12,5", 12_500_000), ("999,00", 999_000_000),
        ("(5.00)", -5_000_000), ("($5.00) USD", -5_000_000), ("5.00-", -5_000_000),
        ("$-5", -5_000_000), ("US Dollar 12.5", 12_500_000), ("$ 1 234.50", 1_234_500_000),
        ("Rs. 12.50 INR", 12_500_000), (".5", 500_000), ("0,000", 0), ("0,125", 125_000),
        ("1,234", None), ("12,345 USD", None), ("1,2,3", None), ("1.2.3", None),
        ("1,234.5,6", None), ("5 of 10", None), ("12.3456", 12_345_600),
    ],
)  # fmt: skip
def test_a_balance_is_read_where_it_can_be(text: str, micros: int | None) -> None:
    assert registry.funds_micros(text) == micros


@pytest.mark.parametrize(
    ("before", "after", "risen"),
    [
        ("0.00 USD", "5.00 USD", True), ("5.00 USD", "5.00 USD", False),
        ("5.00 USD", "4.99 USD", False), ("", "5.00 USD", False), ("1.00 USD", "lots", False),
        ("-1.00 USD", "0.00 USD", True), ("999.00 USD", "1,000.00 USD", True),
        ("999,00 EUR", "1.000,00 EUR", True), ("(5.00)", "1.00", True), ("1.00", "(5.00)", False),
        ("1.00 USD", "1,234 USD", False), ("1,234 USD", "1234.50 USD", False),
        ("1 234.50", "999.00", False),
    ],
)  # fmt: skip
def test_funds_rise_against_the_balance_that_was_known(
    upstream: int, before: str, after: str, risen: bool
) -> None:
    if before:
        names(upstream, "USD", balance=before)
    assert names(upstream, "USD", balance=after) == risen
    assert row().balance == after
    assert services.listing() == []
