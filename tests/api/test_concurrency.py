"""Many clients at once against a real gunicorn with four workers: no order and no cent is lost."""

import json
from collections import Counter
from collections.abc import Callable

import pytest
from support.apps import Server
from support.clients import SIZE, Answer, Crowd, add, place_all, send_on
from support.databases import order_numbers
from support.servers import assert_sound, at_the_desk, operate, workers

from panel import accounts, services
from panel.money import MICROS, parse
from panel.orders import transition

CHARGE_MICROS = 70_000
"""What one order of these tests costs: 10 at 7.00 per 1000."""


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    server = make_server(WEB_CONCURRENCY="4")
    assert len(workers(server)) == 4
    return server


def furnish(server: Server, customers: int, micros: int) -> list[str]:
    """Service 1, and this many customers with these funds: their keys."""
    with at_the_desk(server):
        services.add(
            name="Followers", category="Social", rate_micros=7 * MICROS, min=10, max=1000,
            refill=True, cancel=True,
        )  # fmt: skip
        return [accounts.add(f"customer-{n}", micros) for n in range(customers)]


def balance_micros(server: Server, key: str) -> int:
    """The balance over HTTP; these tests have no amount finer than its four decimals."""
    status, answer = server.call(key, "balance")
    assert status == 200
    return parse(answer["balance"])


def assert_no_fault(server: Server, answers: list[Answer]) -> None:
    """No answer and no line of the log speaks of a fault, and the books are right."""
    assert [answer for answer in answers if answer.status >= 500] == []
    assert "locked" not in json.dumps([answer.body for answer in answers])
    assert_sound(server)


def test_eight_processes_spend_one_balance_to_the_last_order(server: Server, crowd: Crowd) -> None:
    deposits_micros = 200 * CHARGE_MICROS + 60_000
    (key,) = furnish(server, 1, deposits_micros)

    answers = crowd.send(server.port, [[add(key)] * 35] * SIZE)

    accepted = [answer.body["order"] for answer in answers if answer.status == 200]
    refused = [(answer.status, answer.body) for answer in answers if answer.status != 200]
    assert refused == [(402, {"error": "Not enough funds on balance"})] * 80
    assert len(accepted) * CHARGE_MICROS + balance_micros(server, key) == deposits_micros
    assert sorted(accepted) == order_numbers(server.database)
    assert len(accepted) == 200, "an order was refused that the balance could pay"
    assert_no_fault(server, answers)


@pytest.mark.parametrize("customers", [1, 8], ids=["one account", "eight accounts"])
def test_every_valid_add_succeeds(server: Server, crowd: Crowd, customers: int) -> None:
    each = 25
    total = SIZE * each
    keys = furnish(server, customers, total * CHARGE_MICROS)

    own = [[add(keys[n % customers])] * each for n in range(SIZE)]
    answers = crowd.send(server.port, own)

    assert Counter(answer.status for answer in answers) == {200: total}
    assert sorted(answer.body["order"] for answer in answers) == order_numbers(server.database)
    left_micros = (total - total // customers) * CHARGE_MICROS
    assert [balance_micros(server, key) for key in keys] == [left_micros] * customers
    assert_no_fault(server, answers)


def test_an_order_that_all_cancel_at_once_is_paid_back_once(server: Server, crowd: Crowd) -> None:
    (key,) = furnish(server, 1, 15 * CHARGE_MICROS)
    numbers = place_all(server.port, [add(key)] * 15)
    assert balance_micros(server, key) == 0

    cancels = [{"key": key, "action": "cancel", "orders": number} for number in numbers]
    answers = crowd.send(server.port, [cancels] * SIZE)

    told = Counter((number, json.dumps(said)) for a in answers for number, said in a.body.items())
    assert told == {
        (str(number), said): count
        for number in numbers
        for said, count in (('{"cancel": "requested"}', 1), ('{"error": "Cannot cancel"}', 7))
    }
    assert balance_micros(server, key) == 15 * CHARGE_MICROS
    assert_no_fault(server, answers)


def test_an_order_that_all_refill_at_once_is_refilled_once(server: Server, crowd: Crowd) -> None:
    (key,) = furnish(server, 1, 10 * CHARGE_MICROS)
    numbers = place_all(server.port, [add(key)] * 10)
    with at_the_desk(server):
        for number in numbers:
            transition.change(number, status="Completed")

    refills = [{"key": key, "action": "refill", "order": number} for number in numbers]
    answers = crowd.send(server.port, [refills] * SIZE)

    given = [answer.body["refill"] for answer in answers if answer.status == 200]
    refused = [answer.body for answer in answers if answer.status != 200]
    assert sorted(given) == list(range(1, 11))
    assert refused == [{"error": "Cannot refill"}] * 7 * 10
    assert_no_fault(server, answers)


def test_the_operator_pays_in_and_settles_while_all_order(server: Server, crowd: Crowd) -> None:
    each = 20
    (key,) = furnish(server, 1, SIZE * each * CHARGE_MICROS)

    load = crowd.begin(send_on, [(server.port, add(key), each)] * SIZE)
    crowd.wait_until_told(10)
    with at_the_desk(server):
        for number in range(1, 11):
            accounts.fund("customer-0", MICROS)
            transition.change(number, status="Partial", remains=4)
    answers = [answer for answers, _ in load.get() for answer in answers]

    assert Counter(answer.status for answer in answers) == {200: SIZE * each}
    paid_back_micros = 10 * CHARGE_MICROS * 4 // 10
    assert balance_micros(server, key) == 10 * MICROS + paid_back_micros
    assert_no_fault(server, answers)


def test_what_customers_were_told_survives_five_kills(server: Server, crowd: Crowd) -> None:
    keys = furnish(server, SIZE, 1000 * MICROS)
    given: dict[str, list[int]] = {key: [] for key in keys}

    for _ in range(5):
        load = crowd.begin(send_on, [(server.port, add(key), 5000) for key in keys])
        crowd.wait_until_told(40)
        server.kill()
        for key, (answers, gone) in zip(keys, load.get(), strict=True):
            assert gone, "the kill came after the load"
            assert {answer.status for answer in answers} <= {200}
            given[key] += [answer.body["order"] for answer in answers]

        server.start()
        assert "is consistent" in operate(server, "ledger", "check")
        assert_sound(server)
        for key, numbers in given.items():
            assert_known(server, key, numbers)

    everything = sorted(number for numbers in given.values() for number in numbers)
    assert len(everything) >= 5 * 40
    assert len(set(everything)) == len(everything), "two customers were given one number"


def assert_known(server: Server, key: str, numbers: list[int]) -> None:
    """Each of these orders is the customer's, and is as it was placed."""
    placed = {"charge": "0.070000", "start_count": 0, "status": "Pending", "remains": 10}
    for start in range(0, len(numbers), 100):
        asked = numbers[start : start + 100]
        status, answer = server.call(key, "status", orders=",".join(map(str, asked)))
        assert status == 200
        assert answer == {str(number): {**placed, "currency": "USD"} for number in asked}
