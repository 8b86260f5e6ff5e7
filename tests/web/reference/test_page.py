"""The public reference page says what the tables behind the API say, to everybody, harmlessly."""

import gzip
import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from support.apps import Server, make_app
from support.servers import operate

import models
import settings
from actions import ACTIONS
from api.dialects import DIALECTS
from database import transactions
from database.connection import close_database
from database.migrate import open_database
from panel import accounts, errors, operators, pricing, services
from panel.money import MICROS
from panel.orders import lookup, refills, state, transition
from panel.service_types import SERVICE_TYPES
from web.reference import calls, pricelist, samples

CALLS = [call for name in ACTIONS for call in calls.of(name)]
URL = f"{settings.listening_url(os.environ)}/api/v2"


def page(client: FlaskClient, path: str = "/") -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.text


def text_of(markup: str) -> str:
    """What a person reads of a page."""
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


def section(markup: str, id: str) -> str:
    """The part of the page from this id to the next."""
    start = markup.index(f'id="{id}"')
    following = re.search(r'<(article|section|details) [^>]*?id="', markup[start:])
    return markup[start:][: following.start() if following else None]


@pytest.fixture(scope="module")
def markup(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of an empty panel."""
    app = make_app(tmp_path_factory.mktemp("reference") / "panel.db")
    markup = page(app.test_client())
    close_database()
    return markup


@pytest.fixture(scope="module")
def told(markup: str) -> str:
    """What a person reads of it."""
    return text_of(markup)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the table of services reads it again."""
    monkeypatch.setattr(pricelist, "FRESH_S", 0)


def fill(count: int) -> None:
    """Add this many services at once."""
    with transactions.immediate():
        models.Service.insert_many(
            {
                "name": f"Telegram followers, kind {n}", "category": f"Category {n % 200}",
                "type": "Default", "rate_micros": MICROS + n, "min": 10, "max": 100_000,
                "created_at": 1,
            }
            for n in range(1, count + 1)
        ).execute()  # fmt: skip


# What the page says


@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_is_told_with_its_parameters(markup: str, name: str) -> None:
    told = text_of(section(markup, f"action-{name}"))
    assert ACTIONS[name].help in told
    for call in calls.of(name)[:1] if name == "add" else calls.of(name):
        for parameter in call.needed + call.optional:
            assert f"{parameter.name} " in told
            assert parameter.help in told


@pytest.mark.parametrize("kind", SERVICE_TYPES)
def test_every_service_type_is_told_with_its_parameters(markup: str, kind: str) -> None:
    told = text_of(section(markup, f"type-{kind.lower().replace(' ', '-')}"))
    call = next(call for call in calls.of("add") if call.kind == kind)
    for parameter in call.needed:
        assert re.search(rf"{parameter.name} needed\s*{re.escape(parameter.help)}", told)
    for parameter in call.optional:
        assert re.search(
            rf"{parameter.name} (optional|needed with \w+ \d)\s*{re.escape(parameter.help)}", told
        )


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.title)
def test_every_call_has_a_request_to_copy_in_every_language(told: str, call: calls.Call) -> None:
    for sample in samples.of(URL, call.sent).values():
        assert sample in told


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.title)
def test_every_call_has_the_answer_of_each_dialect(told: str, call: calls.Call) -> None:
    for dialect in DIALECTS.values():
        shaped = dialect.shapes[call.action](call.example, "USD")
        assert json.dumps(shaped, indent=2, ensure_ascii=False) in told


@pytest.mark.parametrize("problem", errors.catalogue(), ids=lambda problem: problem.text)
def test_every_error_is_told_with_its_status_and_reason(
    markup: str, problem: errors.Problem
) -> None:
    table = section(markup, "errors")
    row = next(row for row in table.split("<tr>") if f"<code>{problem.text}</code>" in row)
    assert problem.when
    assert problem.when in text_of(row)
    assert f'<td data-label="HTTP, sns">{problem.status}</td>' in row
    quiet = problem.status if problem.status == 429 else 200
    assert f'<td data-label="HTTP, perfectpanel">{quiet}</td>' in row


def test_every_status_of_an_order_and_of_a_refill_is_told(told: str) -> None:
    assert f"Order statuses: {', '.join(state.FOLLOWS)}." in told
    assert f"Refill statuses: {', '.join(refills.REFILL_FOLLOWS)}." in told


@pytest.mark.parametrize(
    "notation, words",
    [
        ("120", "120 requests in each minute"),
        ("1/second", "1 request in each second"),
        ("100/5minutes", "100 requests in each 5 minutes"),
    ],
)
def test_the_settings_are_told(tmp_path: Path, notation: str, words: str) -> None:
    app = make_app(
        tmp_path / "panel.db", PANEL_RATE_LIMIT=notation, PANEL_NAME="Ann's <Panel>",
        PANEL_CURRENCY="EUR", PANEL_DIALECT="perfectpanel",
    )  # fmt: skip
    markup = page(app.test_client())
    close_database()
    told = text_of(markup)
    assert words in told
    assert "Ann's <Panel> API" in told
    assert "<Panel>" not in markup
    assert "All amounts are in EUR." in told
    assert "Unless yours is set otherwise, it is perfectpanel." in told
    own = DIALECTS["perfectpanel"].shapes["cancel"]({"4218": 7}, "EUR")
    assert json.dumps(own, indent=2) in told.split("The answer in the dialect sns")[-2]


FORGED = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}


@pytest.mark.parametrize(
    "path", ["/", "/?q=evil", "/openapi.json", "/services.json", "/admin", "/admin/sign-in", "/no"]
)
@pytest.mark.parametrize("proxies", ["0", "1"])
def test_no_page_repeats_the_host_that_a_client_sends(
    path: str, proxies: str, tmp_path: Path
) -> None:
    app = make_app(tmp_path / "panel.db", PANEL_TRUSTED_PROXIES=proxies)
    operators.add("olga", "a good password")
    answer = app.test_client().get(path, headers=FORGED)
    close_database()
    assert "evil.example" not in answer.text + str(answer.headers)


@pytest.mark.parametrize("url", ["https://panel.example.com", "https://panel.example.com/"])
def test_the_examples_have_the_configured_address(tmp_path: Path, url: str) -> None:
    app = make_app(tmp_path / "panel.db", PANEL_PUBLIC_URL=url)
    markup = page(app.test_client())
    close_database()
    assert "https://panel.example.com/api/v2" in markup
    assert "127.0.0.1" not in markup
    assert "localhost" not in markup


def test_a_closed_price_list_shows_no_service_to_anybody(tmp_path: Path) -> None:
    app = make_app(tmp_path / "panel.db", PANEL_PUBLIC_SERVICES="no")
    services.add(
        name="Secret boost", category="Hidden shelf", rate_micros=7_770_000, min=13, max=7777
    )
    key = accounts.add("alice")
    client = app.test_client()
    told = page(client) + page(client, "/?q=boost") + page(client, "/openapi.json")
    table = client.get("/services.json")
    rates = client.post("/api/v2", data={"key": key, "action": "services"}).json
    close_database()
    for text in ("Secret", "Hidden", "7.77", "7777", "services.js", "/services.json"):
        assert text not in told, text
    assert "shown to customers only" in told
    assert (table.status_code, table.json) == (404, {"error": "Not Found"})
    assert rates is not None
    assert [row["name"] for row in rates] == ["Secret boost"]


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"PORT": "9123"}, "http://127.0.0.1:9123"),
        ({"BIND": "10.0.0.7:80", "PORT": "9123"}, "http://10.0.0.7:80"),
        ({"BIND": "0.0.0.0:8080"}, "http://127.0.0.1:8080"),
        ({"BIND": ":8080"}, "http://127.0.0.1:8080"),
        ({"BIND": "[::]:8080"}, "http://127.0.0.1:8080"),
        ({"BIND": "[::1]:8080"}, "http://[::1]:8080"),
        ({"BIND": "panel.internal"}, "http://panel.internal:8000"),
        ({"BIND": "unix:/run/panel.sock"}, "http://127.0.0.1"),
        ({"BIND": "fd://3"}, "http://127.0.0.1"),
    ],
)
def test_without_a_configured_address_it_is_the_one_that_the_server_listens_on(
    environ: dict[str, str], url: str
) -> None:
    assert settings.listening_url(environ) == url


def test_openapi_json_is_in_the_panels_name(tmp_path: Path) -> None:
    app = make_app(tmp_path / "panel.db", PANEL_NAME="Ann's Panel")
    title = app.test_client().get("/openapi.json").get_json()["info"]["title"]
    close_database()
    assert title == "Ann's Panel API"


def test_the_page_has_no_inline_script_and_no_inline_style(markup: str) -> None:
    assert re.findall(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=", markup) == []


@pytest.mark.parametrize("path", ["/", "/?q=x&page=2"])
def test_the_pages_headers_let_nothing_in(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'", "script-src": "'self'", "style-src": "'self'",
        "img-src": "'self'", "connect-src": "'self'", "form-action": "'self'",
        "base-uri": "'none'", "frame-ancestors": "'none'",
    }  # fmt: skip
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in headers


def test_static_files_are_kept_under_an_address_with_their_version(client: FlaskClient) -> None:
    paths = re.findall(r'(?:src|href)="(/static/[^"]+)"', page(client))
    assert len(paths) == 5
    for path in paths:
        with client.get(path) as response:
            assert response.status_code == 200
            assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
        with client.get(re.sub(r"v=\w+", "v=other", path)) as other:
            assert "immutable" not in other.headers["Cache-Control"]


def test_the_page_is_sent_once_as_long_as_nothing_changes(
    client: FlaskClient, fresh: None
) -> None:
    first = client.get("/")
    known = {"If-None-Match": first.headers["ETag"]}
    again = client.get("/", headers=known)
    assert (again.status_code, again.data) == (304, b"")
    services.add(name="New", category="C", rate_micros=1, min=1, max=2)
    assert client.get("/", headers=known).status_code == 200


# The examples are what the API takes and gives


def shape_of(value: Any) -> Any:
    """A JSON value with its texts and numbers replaced by their kinds, each once in a list."""
    if isinstance(value, dict) and all(name.isdigit() for name in value):
        return {"numbers": shape_of(list(value.values()))}
    if isinstance(value, dict):
        return {name: shape_of(entry) for name, entry in value.items()}
    if isinstance(value, list):
        shapes = [shape_of(entry) for entry in value]
        return [shape for at, shape in enumerate(shapes) if shape not in shapes[:at]]
    return type(value).__name__


@pytest.mark.parametrize("kind", SERVICE_TYPES)
def test_the_example_of_every_service_type_is_accepted(
    client: FlaskClient, cast: SimpleNamespace, kind: str
) -> None:
    rules = SERVICE_TYPES[kind]
    number = services.add(
        name=kind, category="C", rate_micros=MICROS, min=1, max=10_000, type=kind,
        dripfeed=rules.dripfeed,
    )  # fmt: skip
    call = next(call for call in calls.of("add") if call.kind == kind)
    sent = {**call.sent, "key": cast.alice, "service": str(number)}
    answer = client.post("/api/v2", data=sent)
    assert (answer.status_code, list(answer.get_json())) == (200, ["order"])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_example_answers_look_like_real_ones(
    client: FlaskClient, cast: SimpleNamespace, dialect: str
) -> None:
    accounts.set_dialect("alice", dialect)

    def call(action: str, **sent: Any) -> Any:
        return client.post("/api/v2", data={"key": cast.alice, "action": action, **sent}).json

    real = {"services": call("services"), "balance": call("balance")}
    real["add"] = call("add", service=cast.followers, link="https://x.test/", quantity=500)
    order = real["add"]["order"]
    real["status order"] = call("status", order=order)
    real["status orders"] = call("status", orders=f"{order},999")
    transition.change(order, status="In progress")
    real["cancel orders"] = call("cancel", orders=f"{order},999")
    transition.change(order, status="Completed")
    real["refill orders"] = call("refill", orders=f"{order},999")
    refill = real["refill orders"][0]["refill"]
    real["refill_status refill"] = call("refill_status", refill=refill)
    real["refill_status refills"] = call("refill_status", refills=f"{refill},999")
    refills.set_status(refill, "completed")
    real["refill order"] = call("refill", order=order)
    shown = {
        f"{c.action} {c.needed[0].name}" if ACTIONS[c.action].one_of else c.action: c
        for c in CALLS
    }
    assert set(shown) - set(real) == {"cancel order"}
    for title, answer in real.items():
        shaped = DIALECTS[dialect].shapes[shown[title].action](shown[title].example, "USD")
        assert shape_of(shaped) == shape_of(answer), title


RUNS = {
    "curl": ["sh", "{file}"],
    "Python": [sys.executable, "{file}"],
    "Node": ["node", "{file}"],
    "PHP": ["php", "{file}"],
}


def test_every_language_has_its_way_to_be_run() -> None:
    assert set(RUNS) == set(samples.LANGUAGES)


def test_the_requests_to_copy_run_as_they_are(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    """In each language that is here; Python always is."""
    here = [language for language, command in RUNS.items() if shutil.which(command[0])]
    if shutil.which("curl") is None:
        here.remove("curl")
    server = make_server()
    key = operate(server, "user", "add", "alice", "--balance", "100").strip()
    number = operate(
        server, "service", "add", "--name", "Comments", "--category", "C", "--rate", "1",
        "--min", "1", "--max", "10", "--type", "Custom Comments",
    ).strip()  # fmt: skip
    sent = {
        "action": "add", "service": number, "link": "https://x.test/?a=1&b='2'",
        "comments": """it's "quoted" \\n $HOME `id` ${x}\nsecond: ü 你""",
    }  # fmt: skip
    url = f"http://127.0.0.1:{server.port}/api/v2"
    for language in here:
        file = tmp_path / "sample"
        file.write_text(samples.of(url, sent)[language].replace(samples.KEY, key))
        command = [part.format(file=file) for part in RUNS[language]]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        assert "order" in done.stdout, (language, done.stdout)
    open_database(server.folder / "panel.db", "FULL")
    for order_id in range(1, len(here) + 1):
        placed = lookup.get(order_id)
        assert placed.link == sent["link"], here[order_id - 1]
        assert json.loads(placed.parameters)["comments"] == sent["comments"], here[order_id - 1]
    close_database()


# The table of services


def table(client: FlaskClient) -> list[dict[str, Any]]:
    answer = client.get("/services.json").get_json()
    return [dict(zip(answer["fields"], row, strict=True)) for row in answer["services"]]


def test_the_table_holds_the_active_services_at_the_catalogues_own_rates(
    client: FlaskClient, cast: SimpleNamespace
) -> None:
    accounts.set_discount("alice", 500_000)
    pricing.set_account_rate(accounts.get("alice").id, cast.followers, 1)
    shown = table(client)
    assert [row["service"] for row in shown] == [cast.followers, cast.views, cast.pack]
    followers, views, pack = shown
    assert followers == {
        "service": cast.followers, "name": "Followers", "category": "Social", "type": "Default",
        "rate": "5.00", "min": 10, "max": 1000, "refill": True, "cancel": True,
        "dripfeed": False, "per": 1000, "description": "",
    }  # fmt: skip
    assert (views["rate"], views["per"]) == ("0.015", 1000)
    assert (pack["rate"], pack["per"]) == ("3.90", 1)


def test_a_description_is_shown_harmlessly_and_is_no_part_of_the_api(
    client: FlaskClient, cast: SimpleNamespace
) -> None:
    services.edit(cast.views, description="Starts at once.\r\n\r\n<b>No</b> bots.  ")
    described = {row["service"]: row["description"] for row in table(client)}
    assert described == {
        cast.followers: "", cast.views: "Starts at once.\n\n<b>No</b> bots.", cast.pack: "",
    }  # fmt: skip
    text = page(client)
    assert text.count("<summary>Description</summary>") == 1
    assert "Starts at once.\n\n&lt;b&gt;No&lt;/b&gt; bots." in text
    answer = client.post("/api/v2", data={"key": cast.alice, "action": "services"})
    assert all("description" not in service for service in answer.get_json())


def test_an_empty_catalogue_is_an_empty_table(client: FlaskClient) -> None:
    assert client.get("/services.json").json == {"fields": [], "services": []}
    assert "0 services" in text_of(page(client))


@pytest.mark.parametrize("accepted", ["gzip", "gzip, br", "identity", "gzip;q=0", ""])
def test_the_table_is_packed_for_whoever_takes_that(
    client: FlaskClient, cast: SimpleNamespace, accepted: str
) -> None:
    plain = client.get("/services.json").data
    response = client.get("/services.json", headers={"Accept-Encoding": accepted})
    packed = accepted.startswith("gzip") and accepted != "gzip;q=0"
    assert response.headers.get("Content-Encoding") == ("gzip" if packed else None)
    assert response.headers["Vary"] == "Accept-Encoding"
    assert (gzip.decompress(response.data) if packed else response.data) == plain


def test_the_table_is_sent_once_as_long_as_nothing_changes(
    client: FlaskClient, cast: SimpleNamespace, fresh: None
) -> None:
    first = client.get("/services.json")
    assert first.headers["Cache-Control"] == "public, max-age=10"
    known = {"If-None-Match": first.headers["ETag"]}
    again = client.get("/services.json", headers=known)
    assert (again.status_code, again.data) == (304, b"")
    services.edit(cast.followers, rate_micros=6 * MICROS)
    changed = client.get("/services.json", headers=known)
    assert changed.status_code == 200
    assert changed.get_json()["services"][0][4] == "6.00"


def test_many_visitors_read_the_table_from_the_database_once(
    client: FlaskClient, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pricelist, "FRESH_S", 3600)
    page(client)
    services.edit(cast.followers, name="Renamed")
    assert table(client)[0]["name"] == "Followers"


@pytest.mark.parametrize(
    "query, found",
    [
        ("", ["Followers", "Views", "Pack"]),
        ("followers", ["Followers"]),
        ("FOLLOW", ["Followers"]),
        ("video", ["Views", "Pack"]),
        ("video package", ["Pack"]),
        ("package video", ["Pack"]),
        ("2", ["Views"]),
        ("followers video", []),
        ("hidden", []),
        ("   ", ["Followers", "Views", "Pack"]),
    ],
)
def test_the_search_without_scripts_finds_every_word(
    client: FlaskClient, cast: SimpleNamespace, query: str, found: list[str]
) -> None:
    markup = client.get("/", query_string={"q": query}).text
    assert re.findall(r'<span class="name">([^<]*)</span>', markup) == found


@pytest.mark.parametrize(
    "page, first, last",
    [
        ("1", 1, 25), ("2", 26, 50), ("3", 51, 60), ("4", 51, 60), ("999999999999", 51, 60),
        ("0", 1, 25), ("-1", 1, 25), ("x", 1, 25), ("", 1, 25), ("9" * 5000, 1, 25),
    ],
)  # fmt: skip
def test_the_table_without_scripts_has_pages(
    client: FlaskClient, page: str, first: int, last: int
) -> None:
    fill(60)
    markup = client.get("/", query_string={"q": "telegram", "page": page}).text
    numbers = [int(n) for n in re.findall(r'<td class="no">(\d+)</td>', markup)]
    assert (numbers[0], numbers[-1]) == (first, last)
    assert ('rel="prev"' in markup, 'rel="next"' in markup) == (first > 1, last < 60)
    assert "60 services found" in text_of(markup)


NASTY = """"><script>alert('x')</script> & "best" 'cheap' {{ 7 * 7 }}"""


@pytest.mark.parametrize("path", ["/", "/?q=script"])
def test_a_services_name_is_shown_as_it_is_and_does_nothing(
    client: FlaskClient, path: str
) -> None:
    services.add(name=NASTY, category=NASTY, rate_micros=1, min=1, max=2)
    markup = page(client, path)
    assert "<script>" not in markup
    assert text_of(markup).count(NASTY) == 2
    assert table(client)[0]["name"] == NASTY


def test_what_is_searched_for_is_shown_as_it_is_and_does_nothing(client: FlaskClient) -> None:
    markup = client.get("/", query_string={"q": NASTY}).text
    assert "<script>" not in markup
    assert NASTY in html.unescape(markup)


def test_ten_thousand_services_stay_small(client: FlaskClient) -> None:
    fill(10_000)
    takes = {"Accept-Encoding": "gzip"}
    shown = client.get("/?q=kind&page=200")
    assert text_of(shown.text).count("Telegram followers, kind") == pricelist.PAGE_ROWS
    assert len(shown.data) < 200_000
    assert len(client.get("/", headers=takes).data) < 30_000
    packed = client.get("/services.json", headers=takes).data
    assert len(packed) < 200_000
    assert len(json.loads(gzip.decompress(packed))["services"]) == 10_000
