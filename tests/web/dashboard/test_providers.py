"""The dashboard's providers."""

import pytest
from support.dashboard import Operator, lines, said

import models
from models import Provider, Service
from panel.providers import registry
from panel.providers.registry import ProviderAccount
from upstream.sandbox import CATALOGUE


def test_a_provider_is_added_tested_imported_and_synced(olga: Operator) -> None:
    fields = {"name": "sandbox", "url": "sandbox:", "key": "", "requests_per_minute": "60"}
    assert olga.post("/admin/providers", **fields).headers["Location"].endswith("/sandbox")
    assert registry.get("sandbox").balance == "unlimited"
    at = "/admin/providers/sandbox"
    olga.post(f"{at}/test")
    assert "sandbox answers. Our balance there: unlimited" in said(olga.text(at))

    count = Service.select().count()
    wanted = {"markup": "25", "step": "0.01", "categories": "Telegram"}
    preview = olga.post(f"{at}/import", act="preview", **wanted).text
    assert preview.count("added at") == 2
    assert Service.select().count() == count
    taken = olga.post(f"{at}/import", act="import", **wanted).text
    assert taken.count("added at") == 2
    assert Service.select().count() == count + 2
    new = Service.get(Service.name == "Channel members")
    assert (new.rate_micros, new.markup_ppm, new.round_micros) == (1_130_000, 250_000, 10_000)

    models.Source.update(cost_micros=800_000).where(models.Source.service == new.id).execute()
    assert "cost 0.80 → 0.90" in olga.post(f"{at}/sync").text
    assert "Nothing has changed." in olga.post(f"{at}/sync").text
    olga.post(f"{at}/remove")
    assert registry.listing() == []
    assert [act for _, act, _ in lines()] == [
        "provider sandbox: add sandbox:",
        "provider sandbox: test",
        "provider sandbox: import Telegram at 25%",
        "provider sandbox: sync",
        "provider sandbox: sync",
        "provider sandbox: remove",
    ]


def test_an_import_without_a_choice_takes_everything_that_is_sold_there(olga: Operator) -> None:
    registry.add("sandbox", registry.SANDBOX_URL, "", 60)
    page = olga.post("/admin/providers/sandbox/import", act="import", markup="0", step="").text
    assert page.count("added at") == len(CATALOGUE)


def test_a_provider_that_does_not_answer_is_told_and_nothing_changes(olga: Operator) -> None:
    fields = {
        "name": "dead", "url": "http://127.0.0.1:9/api/v2", "key": "a-secret-key",
        "requests_per_minute": "60",
    }  # fmt: skip
    answer = olga.post("/admin/providers", **fields)
    assert answer.status_code == 200
    assert registry.listing() == []
    assert any(text.startswith("dead is not added: ") for text in said(answer.text))
    assert 'value="http://127.0.0.1:9/api/v2"' in answer.text
    assert "a-secret-key" not in answer.text
    olga.post("/admin/providers", **fields, unchecked="y")
    assert "Provider dead is added. It was not asked." in said(olga.text("/admin/providers"))
    olga.post("/admin/providers/dead/test")
    assert any(text.startswith("dead: ") for text in said(olga.text("/admin/providers/dead")))
    assert any(
        text.startswith("dead: ") for text in said(olga.text("/admin/providers/dead/import"))
    )
    olga.post("/admin/providers/dead/sync")
    assert any(text.startswith("dead: ") for text in said(olga.text("/admin/providers")))
    shown = "".join(olga.text(p) for p in ("/admin/providers", "/admin/providers/dead"))
    assert "a-secret-key" not in shown + str(lines())


def test_a_provider_is_added_with_its_currency_and_a_rate_of_exchange(olga: Operator) -> None:
    fields = {
        "name": "far", "url": "http://127.0.0.1:9/api/v2", "key": "a-key",
        "requests_per_minute": "60", "currency": " inr", "exchange": "0.012",
        "unchecked": "y",
    }  # fmt: skip
    olga.post("/admin/providers", **fields)
    row = registry.get("far")
    assert (row.currency, row.exchange_ppt) == ("INR", 12 * 10**9)
    assert lines()[0][1] == (
        "provider far: add http://127.0.0.1:9/api/v2, currency INR, exchange 0.012, unchecked"
    )
    page = olga.text("/admin/providers/far")
    assert "0.012 USD for 1 INR" in page


def test_a_provider_that_exists_is_not_given_another_key(olga: Operator) -> None:
    registry.add("dear", "https://p.example/api/v2", "first", 60)
    fields = {"url": "https://p.example/api/v2", "key": "other", "requests_per_minute": "60"}
    olga.post("/admin/providers", name="dear", **fields)
    assert Provider.get().key == "first"
    assert lines()[0][2] == "refused: there is a provider dear already"


@pytest.mark.parametrize(
    ("balance", "low"),
    [("9.99 USD", True), ("10 USD", False), ("-1", True), ("unlimited", False), ("", False),
     ("0.00000001 BTC", True)],
)  # fmt: skip
def test_a_low_balance_at_a_provider_is_warned_of(balance: str, low: bool, olga: Operator) -> None:
    provider = registry.add("dear", "https://p.example/api/v2", "key", 60)
    registry.record_account(provider.id, ProviderAccount(balance, False), "USD")
    for path in ("/admin", "/admin/providers"):
        assert ("Low: " in olga.text(path)) is low
