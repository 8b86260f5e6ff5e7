"""action=services is kept as bytes: what clients are spared, and that nobody gets old prices."""

import gzip
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from support.apps import Server
from support.servers import at_the_desk, each_worker, operate
from werkzeug.test import TestResponse

from api.response_cache import MAX_KEPT, ResponseCache
from database import transactions
from database.connection import database
from panel import accounts, pricing, services
from panel.money import MICROS

GZIP = {"Accept-Encoding": "gzip"}


def ask(client: FlaskClient, key: str, **headers: str) -> TestResponse:
    """Ask for the services, with headers whose names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    query = {"key": key, "action": "services"}
    return client.get("/api/v2", query_string=query, headers=named)


def rates(client: FlaskClient, key: str) -> dict[int, str]:
    """The rate of each service for this key; its tag is good for a 304."""
    answer = ask(client, key)
    assert answer.status_code == 200
    again = ask(client, key, If_None_Match=answer.headers["ETag"])
    assert again.status_code == 304
    return {offer["service"]: offer["rate"] for offer in json.loads(answer.data)}


# Compressed


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("br, gzip;q=0.5", "gzip"),
        ("*", "gzip"),
        ("", None),
        ("identity", None),
        ("br", None),
        ("gzip;q=0", None),
        ("*;q=0, identity", None),
    ],
)
def test_it_is_compressed_where_the_client_takes_that(
    client: FlaskClient, cast: SimpleNamespace, accepted: str, encoding: str | None
) -> None:
    plain = ask(client, cast.alice)
    answer = ask(client, cast.alice, Accept_Encoding=accepted)
    assert answer.headers.get("Content-Encoding") == encoding
    body = gzip.decompress(answer.data) if encoding else answer.data
    assert body == plain.data
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Length"] == str(len(answer.data))


def test_both_encodings_have_one_tag_and_caches_are_told_to_tell_them_apart(
    client: FlaskClient, cast: SimpleNamespace
) -> None:
    for answer in (ask(client, cast.alice), ask(client, cast.alice, **GZIP)):
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["ETag"] == ask(client, cast.alice).headers["ETag"]


# 304


@pytest.mark.parametrize(
    ("known", "status"),
    [
        ("{tag}", 304),
        ('"another", {tag}', 304),
        ("*", 304),
        ('W/"another"', 200),
        ("no tag at all", 200),
        ("", 200),
    ],
)
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_client_that_has_it_is_told_so(
    client: FlaskClient, cast: SimpleNamespace, known: str, status: int, encoding: str
) -> None:
    tag = ask(client, cast.alice).headers["ETag"]
    answer = ask(client, cast.alice, If_None_Match=known.format(tag=tag), Accept_Encoding=encoding)
    assert answer.status_code == status
    assert answer.headers["ETag"] == tag
    assert answer.headers["Vary"] == "Accept-Encoding"
    if status == 304:
        assert answer.data == b""
        assert not {"Content-Type", "Content-Encoding", "Content-Length"} & set(
            answer.headers.keys()
        )


def test_a_304_counts_against_the_rate_limit_and_needs_a_good_key(
    client: FlaskClient, cast: SimpleNamespace
) -> None:
    first = ask(client, cast.alice)
    again = ask(client, cast.alice, If_None_Match=first.headers["ETag"])
    remaining = [int(a.headers["X-RateLimit-Remaining"]) for a in (first, again)]
    assert remaining[0] - remaining[1] == 1
    for key, status in ((cast.mallory, 403), ("nobody", 401)):
        assert ask(client, key, If_None_Match="*").status_code == status


def test_other_actions_are_answered_whole(client: FlaskClient, cast: SimpleNamespace) -> None:
    query = {"key": cast.alice, "action": "balance"}
    answer = client.get("/api/v2", query_string=query, headers={**GZIP, "If-None-Match": "*"})
    assert answer.json == {"balance": "100.0000", "currency": "USD"}
    assert "ETag" not in answer.headers


# Changes


def add(cast: SimpleNamespace) -> None:
    services.add(name="New", category="Social", rate_micros=MICROS, min=1, max=10)


def by_hand(sql: str) -> Callable[[SimpleNamespace], None]:
    """A change with the sqlite3 shell, which knows no rules."""
    return lambda cast: database.execute_sql(sql)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(add, id="a new service"),
        pytest.param(lambda c: services.edit(c.views, rate_micros=20_000), id="another rate"),
        pytest.param(lambda c: services.edit(c.views, name="Looks"), id="another name"),
        pytest.param(lambda c: services.edit(c.views, active=False), id="one less"),
        pytest.param(lambda c: services.edit(c.hidden, active=True), id="one more"),
        pytest.param(by_hand("UPDATE services SET max = max + 1"), id="all by hand"),
        pytest.param(by_hand("DELETE FROM services WHERE id = 2"), id="deleted by hand"),
    ],
)
def test_a_change_is_in_the_next_answer(
    client: FlaskClient, cast: SimpleNamespace, change: Callable[[SimpleNamespace], None]
) -> None:
    before = ask(client, cast.alice)
    change(cast)
    after = ask(client, cast.alice, If_None_Match=before.headers["ETag"])
    assert after.status_code == 200
    assert after.headers["ETag"] != before.headers["ETag"]
    shown = {offer["service"]: offer for offer in json.loads(after.data)}
    active = {service.id: service for service in services.listing() if service.active}
    assert {n: (o["name"], o["max"]) for n, o in shown.items()} == {
        n: (s.name, s.max) for n, s in active.items()
    }


def test_a_change_that_is_taken_back_is_no_change(
    client: FlaskClient, cast: SimpleNamespace
) -> None:
    before = ask(client, cast.alice)
    with pytest.raises(ZeroDivisionError), transactions.immediate():
        database.execute_sql("UPDATE services SET name = 'never'")
        _ = 1 / 0
    assert ask(client, cast.alice).data == before.data
    tag = before.headers["ETag"]
    services.edit(cast.views, name="Looks")
    services.edit(cast.views, name="Views")
    assert ask(client, cast.alice, If_None_Match=tag).status_code == 304


def test_an_order_changes_nothing_of_it(client: FlaskClient, cast: SimpleNamespace) -> None:
    before = accounts.find(cast.alice)
    order = {"key": cast.alice, "action": "add", "service": cast.followers, "quantity": 10}
    assert client.post("/api/v2", data={**order, "link": "https://a.example"}).status_code == 200
    after = accounts.find(cast.alice)
    assert before is not None
    assert after is not None
    assert pricing.version(before) == pricing.version(after)


# Prices of one account


def test_nobody_gets_the_prices_of_another(client: FlaskClient, cast: SimpleNamespace) -> None:
    plain = {cast.followers: "5.00", cast.views: "0.015", cast.pack: "3.90"}
    assert rates(client, cast.alice) == rates(client, cast.bob) == plain

    accounts.set_discount("bob", 100_000)
    assert rates(client, cast.bob) == {
        cast.followers: "4.50", cast.views: "0.0135", cast.pack: "3.51",
    }  # fmt: skip
    assert rates(client, cast.alice) == plain

    pricing.set_account_rate(accounts.get("alice").id, cast.views, 10_000)
    assert rates(client, cast.alice) == {**plain, cast.views: "0.01"}
    assert rates(client, cast.poor) == plain
    pricing.set_account_rate(accounts.get("alice").id, cast.views, 11_000)
    assert rates(client, cast.alice) == {**plain, cast.views: "0.011"}

    pricing.set_account_rate(accounts.get("alice").id, cast.views, None)
    accounts.set_discount("bob", 0)
    assert rates(client, cast.alice) == rates(client, cast.bob) == plain


def test_a_tag_of_another_account_s_prices_is_not_taken_for_one_s_own(
    client: FlaskClient, cast: SimpleNamespace
) -> None:
    accounts.set_discount("bob", 100_000)
    bobs = ask(client, cast.bob).headers["ETag"]
    assert ask(client, cast.alice, If_None_Match=bobs).status_code == 200


# All workers


def test_a_change_is_in_the_next_answer_of_every_worker(
    make_server: Callable[..., Server],
) -> None:
    server = make_server(WEB_CONCURRENCY="4")
    with at_the_desk(server):
        key = accounts.add("alice")
        service = services.add(name="S", category="C", rate_micros=MICROS, min=1, max=10)

    def answers(**headers: str) -> list[tuple[int, Any]]:
        path = f"/api/v2?key={key}&action=services"
        told = [server.request("GET", path, headers=headers) for _ in each_worker(server)]
        return [(status, json.loads(body)[0]["rate"] if body else "") for status, _, body in told]

    assert answers() == [(200, "1.00")] * 4
    path = f"/api/v2?key={key}&action=services"
    tag = server.request("GET", path)[1]["ETag"]
    assert answers(**{"If-None-Match": tag}) == [(304, "")] * 4

    operate(server, "service", "edit", str(service), "--rate", "2")
    assert answers(**{"If-None-Match": tag}) == [(200, "2.00")] * 4
    operate(server, "user", "suspend", "alice")
    statuses = [server.request("GET", path, headers={"If-None-Match": "*"})[0]
                for _ in each_worker(server)]  # fmt: skip
    assert statuses == [403] * 4


# The cache


def test_the_cache_makes_an_answer_once_and_keeps_few() -> None:
    cache, made = ResponseCache(), []

    def get(version: Any) -> bytes:
        def make() -> Any:
            made.append(version)
            return version

        return cache.get_or_make(version, make).plain

    assert [get(1), get(1), get(None), get(None)] == [b"1\n", b"1\n", b"null\n", b"null\n"]
    assert made == [1, None, None]
    for version in range(2, MAX_KEPT + 2):
        get(version)
    get(MAX_KEPT + 1)
    assert made == [1, None, None, *range(2, MAX_KEPT + 2)]
    get(1)
    assert made[-1] == 1
