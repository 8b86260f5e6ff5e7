"""The pytest plugin: a real panel for those who write API clients."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from support.apps import ROOT
from support.refusals import refusal

from panel import errors, service_types
from panel.orders import state
from panel_testing import Panel, PanelClient, PanelServer

LINK = "https://t.me/example"
TIMEOUT_S = 60
in_perfectpanel = pytest.mark.panel(dialect="perfectpanel")


def place(panel: Panel, client: PanelClient, kind: str = "Default", **params: Any) -> int:
    """An order of 100, or a wish that differs; its number."""
    wish = {"link": LINK, "quantity": 100, **params}
    return client.add(service=panel.services[kind], **wish)["order"]


# A customer, the catalogue and the funds.


def test_each_test_has_a_customer_with_funds(panel_client: PanelClient) -> None:
    assert panel_client.balance() == {"balance": "1000.0000", "currency": "USD"}


@pytest.mark.panel(balance="2.5", dialect="perfectpanel")
def test_a_marker_asks_for_another_customer(panel: Panel, panel_client: PanelClient) -> None:
    assert panel_client.balance()["balance"] == "2.5000"
    assert panel_client.services()[0]["min"] == "10"
    assert panel.dialect == "perfectpanel"


def test_the_catalogue_has_a_service_of_every_type(
    panel: Panel, panel_client: PanelClient
) -> None:
    listed = {entry["type"]: entry["service"] for entry in panel_client.services()}
    assert listed == panel.services
    assert set(listed) == set(service_types.SERVICE_TYPES)


def test_funds_are_added_and_taken(panel: Panel, panel_client: PanelClient) -> None:
    assert panel.add_funds("12.5") == "1012.50"
    assert panel.add_funds("-1012.499999") == "0.000001"
    assert panel_client.balance()["balance"] == "0.0000"
    with pytest.raises(ValueError, match="has only"):
        panel.add_funds("-1")
    assert refusal(lambda: place(panel, panel_client)) == (402, "Not enough funds on balance")


def test_a_customer_is_locked_out(panel: Panel, panel_client: PanelClient) -> None:
    panel.suspend()
    assert refusal(panel_client.balance) == (403, "Account suspended")


# Orders and refills move.

PATHS = [
    ("Processing",),
    ("In progress",),
    ("In progress", "Processing"),
    ("Completed",),
    ("In progress", "Partial"),
    ("Completed", "Canceled"),
    ("Canceled",),
]
SUBSCRIPTION_PATHS = [("Paused",), ("Paused", "Active"), ("Completed",), ("Expired",)]


def test_every_status_is_come_to() -> None:
    reached = {status for path in PATHS + SUBSCRIPTION_PATHS for status in path}
    assert reached | {"Pending"} == set(state.FOLLOWS)


@pytest.mark.parametrize("path", PATHS, ids=" then ".join)
def test_an_order_is_moved(panel: Panel, panel_client: PanelClient, path: tuple[str, ...]) -> None:
    order = place(panel, panel_client)
    for status in path:
        left = 40 if status in ("In progress", "Partial", "Canceled") else None
        panel.move(order, status, start_count=7, remains=left)
        state = panel_client.status(order=order)
        assert (state["status"], state["start_count"]) == (status, 7)
    paid = "0.060000" if path[-1] in ("Partial", "Canceled") else "0.100000"
    assert state["charge"] == paid


@pytest.mark.parametrize("path", SUBSCRIPTION_PATHS, ids=" then ".join)
def test_a_subscription_is_moved(
    panel: Panel, panel_client: PanelClient, path: tuple[str, ...]
) -> None:
    wish = {"username": "somebody", "min": 10, "max": 20, "delay": 0}
    order = place(panel, panel_client, "Subscriptions", **wish)
    for status in path:
        panel.move(order, status)
        assert panel_client.status(order=order)["status"] == status


def test_a_subscription_finds_posts(panel: Panel, panel_client: PanelClient) -> None:
    wish = {"username": "somebody", "min": 10, "max": 20, "delay": 0}
    order = place(panel, panel_client, "Subscriptions", **wish)
    post = panel.add_post(order, 15)
    assert panel_client.status(order=order)["posts"] == [{"order": post, "quantity": 15}]
    assert panel_client.balance()["balance"] == "999.9850"
    with pytest.raises(ValueError, match="21 is not from 10 to 20"):
        panel.add_post(order, 21)


def test_a_move_that_cannot_be_is_told(panel: Panel, panel_client: PanelClient) -> None:
    order = place(panel, panel_client)
    with pytest.raises(ValueError, match="there is no status 'Done'"):
        panel.move(order, "Done")
    panel.move(order, "Canceled")
    with pytest.raises(ValueError, match=f"order {order} is Canceled, which is final"):
        panel.move(order, "Completed")


@pytest.mark.parametrize("status", ["in progress", "completed", "rejected", "error"])
def test_a_refill_is_moved(panel: Panel, panel_client: PanelClient, status: str) -> None:
    order = place(panel, panel_client)
    panel.move(order, "Completed")
    refill = panel_client.refill(order=order)["refill"]
    panel.move_refill(refill, status)
    assert panel_client.refill_status(refill=refill) == {"status": status}
    with pytest.raises(ValueError, match="cannot become pending"):
        panel.move_refill(refill, "pending")


def test_a_list_of_numbers_may_be_a_list(panel: Panel, panel_client: PanelClient) -> None:
    numbers = [place(panel, panel_client), place(panel, panel_client)]
    assert list(panel_client.status(orders=numbers)) == [str(number) for number in numbers]


# Calls fail.

FAILURES = {
    **{problem.text: problem.status for problem in errors.catalogue()},
    "Quantity less than minimal 50": 422,
    "Quantity more than maximum 5000": 422,
    "Incorrect comments": 422,
    "Incorrect idempotency_key": 422,
    "Not Found": 404,
    "Method Not Allowed": 405,
    "Request Entity Too Large": 413,
    "Unsupported Media Type": 415,
    "Internal Server Error": 500,
}
KEPT = {405, 413, 415, 429, 500}
"""The statuses that are the same in the dialect perfectpanel; of 404 only the framework's."""


@pytest.mark.parametrize("text", FAILURES)
def test_the_next_call_fails(panel: Panel, panel_client: PanelClient, text: str) -> None:
    panel.fail_next(text)
    assert refusal(panel_client.balance) == (FAILURES[text], text)
    assert panel_client.balance()["balance"] == "1000.0000"


@in_perfectpanel
@pytest.mark.parametrize("text", FAILURES)
def test_the_next_call_fails_as_perfectpanel_says(
    panel: Panel, panel_client: PanelClient, text: str
) -> None:
    panel.fail_next(text)
    kept = FAILURES[text] in KEPT or text == "Not Found"
    assert refusal(panel_client.balance) == (FAILURES[text] if kept else 200, text)


def test_several_calls_fail_one_way_after_the_other(
    panel: Panel, panel_client: PanelClient
) -> None:
    panel.fail_next("Incorrect request", times=2)
    panel.fail_next("Account suspended")
    texts = [refusal(panel_client.balance)[1] for _ in range(3)]
    assert texts == ["Incorrect request", "Incorrect request", "Account suspended"]
    assert panel_client.balance()


def test_a_failed_call_did_nothing(panel: Panel, panel_client: PanelClient) -> None:
    panel.fail_next("Internal Server Error")
    assert refusal(lambda: place(panel, panel_client)) == (500, "Internal Server Error")
    assert panel_client.balance()["balance"] == "1000.0000"


def test_the_rate_limits_refusal_says_when_to_come_again(panel: Panel) -> None:
    panel.fail_next("Too many requests")
    with pytest.raises(HTTPError) as caught, urlopen(f"{panel.url}?key={panel.key}"):
        pass
    with caught.value as refused:
        assert (refused.code, refused.headers["Retry-After"]) == (429, "1")


def test_a_call_that_times_out_before_it_is_done(panel: Panel, panel_client: PanelClient) -> None:
    panel_client.timeout_s = 0.2
    panel.fail_next(timeout="before")
    with pytest.raises(TimeoutError):
        place(panel, panel_client)
    panel_client.timeout_s = TIMEOUT_S
    assert panel_client.balance()["balance"] == "1000.0000"


def test_a_call_that_times_out_after_it_is_done_is_repeated_under_its_key(
    panel: Panel, panel_client: PanelClient
) -> None:
    panel.fail_next(timeout="after")
    panel_client.timeout_s = 1
    with pytest.raises(TimeoutError):
        place(panel, panel_client, idempotency_key="order-1")
    panel_client.timeout_s = TIMEOUT_S
    order = place(panel, panel_client, idempotency_key="order-1")
    assert panel_client.status(order=order)["status"] == "Pending"
    assert panel_client.balance()["balance"] == "999.9000", "charged once"


@pytest.mark.parametrize(
    "wrong",
    [
        {"error": "Out of paper"},
        {"error": "Incorrect colour"},
        {"timeout": "later"},
        {"error": "Incorrect request", "timeout": "before"},
        {},
    ],
    ids=str,
)
def test_a_failure_that_the_api_does_not_have_is_refused(
    panel: Panel, panel_client: PanelClient, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"no error of the API|either an error, or a silence"):
        panel.fail_next(**wrong)
    assert panel_client.balance()


# Nothing is left for the next test.


def test_a_new_customer_finds_everything_as_at_the_beginning(
    panel_server: PanelServer, panel: Panel, panel_client: PanelClient
) -> None:
    before = panel_client.services()
    default, package = panel.services["Default"], panel.services["Package"]
    panel.edit_service(default, rate="7.50", min=3, refill=False, type="Poll", dripfeed=False)
    panel.edit_service(package, active=False)
    changed = panel_client.services()
    assert [entry["rate"] for entry in changed if entry["service"] == default] == ["7.50"]
    assert package not in [entry["service"] for entry in changed]
    panel.fail_next("Incorrect request", times=9)

    other = Panel(panel_server)
    client = PanelClient(other.url, other.key)
    assert client.services() == before
    assert client.balance()["balance"] == "1000.0000"
    order = place(other, client)
    assert refusal(panel_client.status, order=order) == (404, "Incorrect order ID")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"min": 0}, "min must be 1 or more"),
        ({"colour": "red"}, "colour"),
        ({"service": 999, "min": 1}, "there is no service 999"),
    ],
    ids=str,
)
def test_a_service_that_cannot_be_is_told(
    panel_server: PanelServer, panel: Panel, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        panel.edit_service(**{"service": panel.services["Default"], **changes})
    assert Panel(panel_server).key, "the next test is not disturbed"


# As another project uses it.

CLIENT = '''
"""A client of the project's own."""

from json import load
from urllib.parse import urlencode
from urllib.request import urlopen


def call(url, **params):
    with urlopen(url, urlencode(params).encode(), 10) as response:
        return load(response)
'''
TESTS = '''
"""Every fixture, from the installed package."""

import pytest
from shop import call

import panel_testing


def test_it_is_the_installed_one(panel_server):
    assert panel_testing.SERVER.parent == panel_testing.HERE
    assert "site" in panel_testing.HERE.parts


@pytest.mark.parametrize("quantity", range(10, 26))
def test_an_order(panel, quantity):
    wish = {"service": panel.services["Default"], "link": "https://t.me/x", "quantity": quantity}
    order = call(panel.url, key=panel.key, action="add", **wish)["order"]
    panel.move(order, "Partial", remains=1)
    state = call(panel.url, key=panel.key, action="status", order=order)
    assert (state["status"], state["remains"]) == ("Partial", 1)


@pytest.mark.panel(balance="0.5", dialect="perfectpanel")
def test_a_marker(panel_client):
    assert panel_client.balance() == {"balance": "0.5000", "currency": "USD"}
    with pytest.raises(panel_testing.PanelError, match="Incorrect order ID") as caught:
        panel_client.status(order=1_000_000)
    assert caught.value.status == 200
'''
SETTINGS = """
[pytest]
addopts = --strict-markers -p no:schemathesis -p no:cacheprovider
filterwarnings = error
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder installed as a package; what it depends on is the test environment's."""
    site = tmp_path_factory.mktemp("installed") / "site"
    subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "--no-deps", "--no-build-isolation", "--no-index", "--target", site, ROOT,
        ],
        check=True,
    )  # fmt: skip
    return site


def run_pytest(project: Path, site: Path, *args: str) -> str:
    """Run the tests of a project that has the package installed; what they print, if all pass."""
    temporary = project / "tmp"
    temporary.mkdir()
    environ = {n: v for n, v in os.environ.items() if not n.startswith("PYTEST_")}
    of_the_project = {"FLASK_APP": "shop.py", "PANEL_CURRENCY": "nonsense"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *args],
        cwd=project, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**environ, **of_the_project, "PYTHONPATH": str(site), "TMPDIR": str(temporary)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert list(temporary.glob("panel-test-server-*")) == []
    return done.stdout


@pytest.mark.server
@pytest.mark.parametrize("args", [[], ["-n", "2"]], ids=["alone", "on two workers"])
def test_another_project_tests_its_client(tmp_path: Path, site: Path, args: list[str]) -> None:
    files = {"shop.py": CLIENT, "test_shop.py": TESTS, "pytest.ini": SETTINGS}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert "18 passed" in run_pytest(tmp_path, site, *args)


GUIDE = ROOT / "docs" / "test-your-client.md"


@pytest.mark.server
def test_the_documents_client_is_tested_as_shown(tmp_path: Path, site: Path) -> None:
    shown = dict(
        re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", GUIDE.read_text(), re.M | re.S)
    )
    assert set(shown) == {"shop.py", "test_shop.py"}
    assert len([line for line in shown["shop.py"].splitlines() if line]) <= 10
    for name, text in {**shown, "pytest.ini": SETTINGS}.items():
        (tmp_path / name).write_text(text)
    tests = shown["test_shop.py"].count("def test_")
    assert f"{tests} passed" in run_pytest(tmp_path, site)


@pytest.mark.server
def test_the_panels_own_tests_run_where_the_package_is_installed_too(site: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", "license", "tests/docs"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True, text=True,
    )  # fmt: skip
    assert "1 passed" in done.stdout, done.stdout + done.stderr
