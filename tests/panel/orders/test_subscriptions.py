"""Subscriptions: orders that wait for posts, each of which is charged once, as it comes."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskCliRunner
from support.clock import Clock
from support.orders import balance
from support.recorder import SANDBOX_S, Lane, Recorder, http_lane, sandbox_lane

from api.dialects import DIALECTS
from database import compiled_query
from models import Order
from panel import accounts, queries, reports, services
from panel.errors import OperatorError
from panel.money import MICROS
from panel.orders import status_sync, subscriptions
from panel.orders.lookup import OrderState, Post
from panel.orders.status_sync import Charge
from panel.orders.status_sync import ProviderStatus as Status
from panel.providers import registry

pytestmark = pytest.mark.usefixtures("books_are_right")

WANTED = {"username": "somebody", "min": "50", "max": "100", "delay": "5"}

Call = Callable[..., Any]


@pytest.fixture
def service(cast: SimpleNamespace) -> int:
    """4.00 per 1000: a post of 50 is 0.20."""
    return services.add(
        name="Likes", category="Posts", rate_micros=4 * MICROS, min=20, max=1000, cancel=True,
        type="Subscriptions",
    )  # fmt: skip


@pytest.fixture
def subscribe(call: Call, service: int) -> Callable[..., int]:
    """Alice subscribes to posts of 50 to 100 each."""

    def subscribe(**params: Any) -> int:
        return call("add", service=service, **WANTED, **params)["order"]

    return subscribe


def says(status: str, *posts: tuple[str, int], dialect: str = "sns") -> Any:
    """What a panel like ours answers for a subscription with these posts."""
    state = OrderState(0, 0, status, 0, tuple(Post(int(n), quantity) for n, quantity in posts))
    return DIALECTS[dialect].shapes["status"](state, "USD")


def charges() -> list[int]:
    """What was charged for posts, oldest first."""
    query = Order.select(Order.charge_micros).where(Order.parent.is_null(False)).order_by(Order.id)
    return [micros for (micros,) in compiled_query.rows(query.tuples())]


def details(order_id: int) -> dict[str, Any]:
    return queries.order_details(order_id)


def test_a_subscription_is_active_and_free_until_its_first_post(
    recorder: Recorder, lane: Lane, subscribe: Callable[..., int], call: Call, service: int
) -> None:
    number = subscribe(posts="3")
    lane.run()

    assert recorder.adds == [{"service": f"9{service}", **WANTED, "posts": "3"}]
    recorder.states["700"] = says("Active")
    lane.run()
    assert call("status", order=number) == {
        "charge": "0.000000",
        "start_count": 0,
        "status": "Active",
        "remains": 0,
        "currency": "USD",
        "posts": [],
    }
    assert balance() == 100 * MICROS


def test_a_post_costs_what_its_provider_takes_for_it(
    recorder: Recorder, lane: Lane, subscribe: Callable[..., int], call: Call, service: int
) -> None:
    lane.sells(service, cost_micros=1_500_000)
    number = subscribe()
    lane.run()
    recorder.states["700"] = says("Active", ("901", 50), ("902", 100))
    lane.run()

    posts = [details(post["order"]) for post in call("status", order=number)["posts"]]
    assert [post["cost_micros"] for post in posts] == [75_000, 150_000]
    (row,) = reports.earnings("service")
    assert (row["revenue"], row["cost"], row["profit"]) == (600_000, 225_000, 375_000)
    for post, charge in (("901", "0.08"), ("902", None)):
        recorder.states[post] = {"status": "Completed", "remains": 0, "currency": "USD"}
        recorder.states[post] |= {"charge": charge} if charge else {}
    lane.run()
    assert [details(post["id"])["cost_micros"] for post in posts] == [80_000, 150_000]


def test_a_post_costs_what_the_subscriptions_own_source_takes(
    recorder: Recorder, lane: Lane, subscribe: Callable[..., int], call: Call, service: int
) -> None:
    second = http_lane(recorder.url, name="second")
    second.sells(service, source_rank=2, cost_micros=3_000_000)
    number = subscribe()
    recorder.plan = ["Incorrect service ID"]
    lane.send()
    second.send()
    recorder.states["700"] = says("Active", ("901", 50))
    second.ask()

    (post,) = call("status", order=number)["posts"]
    row = details(post["order"])
    assert (row["cost_micros"], row["source_rank"]) == (150_000, 2)
    assert row["provider"] == second.row.id


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_post_is_charged_once_however_often_it_is_reported(
    recorder: Recorder, lane: Lane, subscribe: Callable[..., int], call: Call, dialect: str
) -> None:
    number = subscribe()
    lane.run()
    reports = [
        [("31", 50)],
        [("31", 50)],
        [("31", 50), ("32", 100)],
        [("32", 100), ("31", 50), ("35", 51), ("36", 60)],
        [],
        [("36", 60), ("31", 50), ("31", 50)],
    ]
    spent = []
    for posts in reports:
        recorder.states["700"] = says("Active", *posts, dialect=dialect)
        lane.run()
        spent.append(100 * MICROS - balance())

    assert spent == [200_000, 200_000, 600_000, 1_044_000, 1_044_000, 1_044_000]
    assert charges() == [200_000, 400_000, 204_000, 240_000]
    told = call("status", order=number)
    assert [post["quantity"] for post in told["posts"]] == [50, 100, 51, 60]
    assert (told["status"], told["charge"]) == ("Active", "0.000000")


def test_a_post_is_an_order_that_the_customer_can_follow(
    recorder: Recorder, lane: Lane, subscribe: Callable[..., int], call: Call, cast: Any
) -> None:
    number = subscribe()
    lane.run()
    recorder.states["700"] = says("Active", ("31", 50))
    lane.run()
    (post,) = [post["order"] for post in call("status", order=number)["posts"]]

    recorder.states["31"] = {"status": "In progress", "start_count": 7, "remains": 20}
    lane.run()
    followed = {"charge": "0.200000", "start_count": 7, "status": "In progress", "remains": 20}
    assert call("status", order=post) == {**followed, "currency": "USD"}
    recorder.states["31"] = {"status": "Partial", "start_count": 7, "remains": 10}
    lane.run()
    assert call("status", orders=post)[str(post)]["charge"] == "0.160000"
    assert balance() == 100 * MICROS - 160_000
    for foreign in (number, post):
        told = call("status", key=cast.bob, order=foreign)
        assert told == {"error": "Incorrect order ID"}
    assert len(recorder.adds) == 1, "a post is never sent: the provider has it already"


@pytest.mark.parametrize(
    ("limits", "posts", "charged", "warning"),
    [
        ({}, [("1", 49)], [], "post 1: 49 is not from 50 to 100"),
        ({}, [("1", 101), ("2", 100)], [400_000], "post 1: 101 is not from 50 to 100"),
        ({}, [("1", 0)], [], "post 1: 0 is not from 50 to 100"),
        ({"posts": 2}, [("1", 50), ("2", 50)], [200_000] * 2, ""),
        (
            {"posts": 2},
            [("1", 50), ("2", 50), ("3", 50)],
            [200_000] * 2,
            "post 3: more posts than were ordered",
        ),
        (
            {"posts": 1, "old_posts": 2},
            [("1", 50), ("2", 50), ("3", 50), ("4", 50)],
            [200_000] * 3,
            "post 4: more posts than were ordered",
        ),
        ({"posts": 1, "old_posts": 0}, [("1", 50), ("2", 50)], [200_000], "post 2: more posts"),
        ({"old_posts": 1}, [("1", 50), ("2", 50), ("3", 50)], [200_000] * 3, ""),
        ({"posts": 1}, [("1", 10), ("2", 50)], [200_000], "post 1: 10 is not from"),
    ],
    ids=[
        "below min", "above max", "nothing", "all posts", "one too many", "old posts count too",
        "no old posts", "without a number of posts", "a bad post is not counted",
    ],
)  # fmt: skip
def test_nothing_beyond_the_limits_is_charged(
    recorder: Recorder,
    lane: Lane,
    subscribe: Callable[..., int],
    limits: dict[str, int],
    posts: list[tuple[str, int]],
    charged: list[int],
    warning: str,
) -> None:
    number = subscribe(**limits)
    lane.run()
    for _ in range(2):
        recorder.states["700"] = says("Active", *posts)
        lane.run()

    assert charges() == charged
    assert balance() == 100 * MICROS - sum(charged)
    told = details(number)["warning"]
    assert told.startswith(warning) if warning else told == ""


def test_without_funds_it_rests_and_goes_on_when_they_have_come(
    recorder: Recorder, lane: Lane, subscribe: Callable[..., int], call: Call
) -> None:
    accounts.fund("alice", 500_000 - 100 * MICROS)
    number = subscribe()
    lane.run()
    recorder.states["700"] = says("Active", ("1", 50), ("2", 50), ("3", 50), ("4", 60))
    for _ in range(2):
        lane.run()

        assert call("status", order=number)["status"] == "Paused"
        assert (charges(), balance()) == ([200_000, 200_000], 100_000)
        assert details(number)["warning"] == "a post of 0.20 is more than alice has"

    accounts.fund("alice", 100_000)
    lane.run()
    assert call("status", order=number)["status"] == "Paused", "one more is still to be paid"
    assert (charges(), balance()) == ([200_000] * 3, 0)

    accounts.fund("alice", 1_000_000)
    lane.run()
    assert call("status", order=number)["status"] == "Active"
    assert (charges(), balance()) == ([200_000] * 3 + [240_000], 760_000)
    assert details(number)["warning"] == ""


@pytest.mark.parametrize("status", ["Completed", "Expired"])
def test_posts_that_are_owed_at_its_end_are_charged_before_it_ends(
    recorder: Recorder, lane: Lane, subscribe: Callable[..., int], call: Call, status: str
) -> None:
    accounts.fund("alice", -100 * MICROS)
    number = subscribe(posts="1")
    lane.run()
    recorder.states["700"] = says(status, ("1", 50))
    lane.run()
    assert (call("status", order=number)["status"], charges()) == ("Paused", [])

    accounts.fund("alice", 200_000)
    lane.run()
    assert (call("status", order=number)["status"], charges()) == (status, [200_000])
    assert balance() == 0


def test_a_post_is_charged_at_the_rate_of_its_time(
    recorder: Recorder, lane: Lane, subscribe: Callable[..., int], service: int
) -> None:
    subscribe()
    lane.run()
    recorder.states["700"] = says("Active", ("1", 50))
    lane.run()
    services.edit(service, rate_micros=8 * MICROS, active=False)
    accounts.set_discount("alice", 250_000)
    recorder.states["700"] = says("Active", ("1", 50), ("2", 50))
    lane.run()

    assert charges() == [200_000, 300_000]


@pytest.mark.parametrize(
    ("reported", "statuses"),
    [
        (["Active", "Paused", "Active"], ["Active", "Paused", "Active"]),
        (["Completed", "Active"], ["Completed", "Completed"]),
        (["Paused", "Expired", "Active"], ["Paused", "Expired", "Expired"]),
        (["Canceled", "Active"], ["Canceled", "Canceled"]),
        (["Paused", "Canceled"], ["Paused", "Canceled"]),
        (["Pending", "In progress", "Partial", "Fail"], ["Active"] * 4),
    ],
    ids=lambda words: ", ".join(words),
)
def test_it_has_the_status_that_the_provider_reports(
    recorder: Recorder,
    lane: Lane,
    subscribe: Callable[..., int],
    call: Call,
    reported: list[str],
    statuses: list[str],
) -> None:
    number = subscribe()
    lane.run()
    told = []
    for status in reported:
        recorder.states["700"] = says(status)
        lane.run()
        told.append(call("status", order=number)["status"])

    assert told == statuses


def test_a_bare_canceled_ends_it(
    recorder: Recorder, lane: Lane, subscribe: Callable[..., int], call: Call
) -> None:
    number = subscribe()
    lane.run()
    recorder.states["700"] = {"status": "Canceled"}
    lane.run()

    assert call("status", order=number)["status"] == "Canceled"


@pytest.mark.parametrize(
    "posts",
    [None, 12, "12", {"1": 50}, ["1"], [{"order": "1"}], [{"order": "1", "quantity": "many"}],
     [{"order": None, "quantity": 50}], [{"quantity": 50}], [{"order": "x y", "quantity": 50}]],
    ids=json.dumps,
)  # fmt: skip
def test_posts_of_another_meaning_are_not_charged(
    recorder: Recorder, lane: Lane, subscribe: Callable[..., int], posts: Any
) -> None:
    number = subscribe()
    lane.run()
    recorder.states["700"] = {"status": "Active", "posts": posts}
    lane.run()

    assert (charges(), balance()) == ([], 100 * MICROS)
    assert details(number)["status"] == "Active"


def test_posts_reported_for_another_kind_of_order_are_not_charged(
    recorder: Recorder, lane: Lane, cast: SimpleNamespace, call: Call
) -> None:
    lane.sells(cast.followers)
    form = {"service": cast.followers, "link": "https://a.example/", "quantity": 100}
    call("add", **form)
    lane.run()
    recorder.states["700"] = {"status": "In progress", "posts": [{"order": 1, "quantity": 50}]}
    lane.run()

    assert (charges(), balance()) == ([], 100 * MICROS - 500_000)


def test_a_cancel_before_it_was_sent_ends_it_at_once(
    recorder: Recorder, lane: Lane, subscribe: Callable[..., int], call: Call
) -> None:
    number = subscribe()
    assert call("cancel", orders=number) == {str(number): {"cancel": "requested"}}
    assert call("status", order=number)["status"] == "Canceled"
    lane.run()

    assert recorder.adds == []
    assert call("cancel", orders=number) == {str(number): {"error": "Cannot cancel"}}


@pytest.mark.parametrize("status", ["Active", "Paused"])
def test_a_cancel_is_passed_on_and_takes_effect_with_the_provider(
    recorder: Recorder, lane: Lane, subscribe: Callable[..., int], call: Call, status: str
) -> None:
    number = subscribe()
    lane.run()
    recorder.states["700"] = says(status, ("1", 50))
    lane.run()
    call("cancel", orders=number)
    for _ in range(2):
        lane.run()
    assert recorder.cancels == ["700"]
    assert call("status", order=number)["status"] == status

    recorder.states["700"] = says("Canceled", ("1", 50), ("2", 60))
    lane.run()
    assert call("status", order=number)["status"] == "Canceled"
    assert charges() == [200_000, 240_000], "what came before its end is paid"


def test_its_provider_cannot_be_removed_while_it_runs(
    recorder: Recorder, lane: Lane, subscribe: Callable[..., int]
) -> None:
    subscribe()
    lane.run()

    with pytest.raises(OperatorError, match="1 order is not finished at"):
        registry.remove("upstream")


def post(runner: FlaskCliRunner, order: int, quantity: int) -> tuple[int, str, str]:
    result = runner.invoke(args=["order", "post", str(order), str(quantity)])
    return result.exit_code, result.stdout, result.stderr


def test_by_hand_the_operator_enters_each_post(
    subscribe: Callable[..., int], call: Call, runner: FlaskCliRunner
) -> None:
    number = subscribe(posts="2")

    assert post(runner, number, 50) == (0, f"{number + 1}\n", "")
    assert post(runner, number, 50) == (0, f"{number + 2}\n", "")
    assert call("status", order=number)["posts"] == [
        {"order": number + 1, "quantity": 50},
        {"order": number + 2, "quantity": 50},
    ]
    assert balance() == 100 * MICROS - 400_000
    told = call("status", order=number + 1)
    assert (told["status"], told["charge"], told["remains"]) == ("Pending", "0.200000", 50)


@pytest.mark.parametrize(
    ("quantity", "told"),
    [
        (49, "Error: 49 is not from 50 to 100\n"),
        (101, "Error: 101 is not from 50 to 100\n"),
        (50, "Error: more posts than were ordered\n"),
    ],
)
def test_by_hand_no_post_goes_beyond_the_limits(
    subscribe: Callable[..., int], runner: FlaskCliRunner, quantity: int, told: str
) -> None:
    number = subscribe(posts="1")
    assert post(runner, number, 60)[0] == 0

    assert post(runner, number, quantity) == (2, "", told)
    assert charges() == [240_000]


def test_by_hand_no_post_goes_beyond_the_balance(
    subscribe: Callable[..., int], runner: FlaskCliRunner
) -> None:
    number = subscribe()
    accounts.fund("alice", 199_999 - balance())

    assert post(runner, number, 50) == (2, "", "Error: Not enough funds on balance\n")
    assert (charges(), balance()) == ([], 199_999)


@pytest.mark.parametrize("status", ["Paused", "Completed", "Expired", "Canceled"])
def test_by_hand_the_operator_moves_it_on(
    subscribe: Callable[..., int], call: Call, runner: FlaskCliRunner, status: str
) -> None:
    number = subscribe()
    args = ["order", "set", str(number), "--status", status]
    assert runner.invoke(args=args).exit_code == 0

    assert call("status", order=number)["status"] == status
    told = f"Error: order {number} is no active subscription fulfilled by hand\n"
    assert post(runner, number, 50) == (2, "", told)


@pytest.mark.parametrize("status", ["Active", "Paused", "Expired"])
def test_no_other_order_has_a_subscriptions_status(
    cast: SimpleNamespace, call: Call, runner: FlaskCliRunner, status: str
) -> None:
    form = {"service": cast.followers, "link": "https://a.example/", "quantity": 100}
    number = call("add", **form)["order"]
    args = ["order", "set", str(number), "--status", status]
    result = runner.invoke(args=args)

    assert (result.exit_code, result.stdout) == (2, "")
    told = f"Error: order {number} is no subscription and cannot become {status}\n"
    assert result.stderr == told


@pytest.mark.parametrize("status", ["Pending", "In progress", "Partial"])
def test_a_subscription_has_no_other_orders_status(
    subscribe: Callable[..., int], runner: FlaskCliRunner, status: str
) -> None:
    number = subscribe()
    result = runner.invoke(args=["order", "set", str(number), "--status", status])

    assert (result.exit_code, details(number)["status"]) == (2, "Active")
    assert result.stderr == f"Error: order {number} is Active and cannot become {status}\n"


def test_no_post_is_entered_for_a_subscription_at_a_provider_or_another_order(
    lane: Lane,
    subscribe: Callable[..., int],
    cast: SimpleNamespace,
    call: Call,
    runner: FlaskCliRunner,
) -> None:
    form = {"service": cast.followers, "link": "https://a.example/", "quantity": 100}
    for number in (subscribe(), call("add", **form)["order"]):
        told = f"Error: order {number} is no active subscription fulfilled by hand\n"
        assert post(runner, number, 50) == (2, "", told)
    assert post(runner, 999, 50) == (2, "", "Error: there is no order 999\n")


def test_the_sandbox_has_a_post_now_and_then_and_delivers_each(
    clock: Clock, service: int, subscribe: Callable[..., int], call: Call
) -> None:
    lane = sandbox_lane()
    lane.sells(service)
    number = subscribe(posts="2")
    seen = []
    for _ in range(5):
        lane.run()
        told = call("status", order=number)
        posts = [call("status", order=entry["order"]) for entry in told["posts"]]
        seen.append((told["status"], [state["status"] for state in posts], balance()))
        clock.move(seconds=SANDBOX_S)

    assert seen[:2] == [
        ("Active", [], 100 * MICROS),
        ("Active", ["Pending"], 100 * MICROS - 200_000),
    ]
    assert seen[-1] == ("Completed", ["Completed"] * 2, 100 * MICROS - 400_000)


def test_the_sandbox_ends_a_canceled_subscription(
    clock: Clock, service: int, subscribe: Callable[..., int], call: Call
) -> None:
    lane = sandbox_lane()
    lane.sells(service)
    number = subscribe()
    lane.run()
    clock.move(seconds=SANDBOX_S)
    lane.run()
    call("cancel", orders=number)
    for _ in range(5):
        lane.run()
        clock.move(seconds=SANDBOX_S)

    told = call("status", order=number)
    assert (told["status"], len(told["posts"])) == ("Canceled", 1)
    assert charges() == [200_000]


# Posts that the provider has as orders of its own, without quantities


def report(number: int, *statuses: Status) -> Order:
    """Apply what the provider says of a subscription, and tell how it stands."""
    for status in statuses:
        status_sync.apply_statuses({number: status}, 15)
    return Order.get_by_id(number)


@pytest.fixture
def running(lane: Lane, subscribe: Callable[..., int]) -> int:
    """A subscription to posts of 50 to 100, which the provider has under 700."""
    number = subscribe()
    lane.run()
    return number


def test_a_post_of_which_no_quantity_is_known_holds_the_subscription(running: int) -> None:
    order = report(running, Status("Active", children=("901", "902")))
    assert (order.status, order.held_because) == ("Active", "posts")
    assert order.held_text == (
        "post 901: its quantity is not known; post 902: its quantity is not known"
    )
    assert "flask order post" in order.warning
    assert charges() == []


@pytest.mark.parametrize("status", ["Completed", "Expired", "Canceled"])
def test_a_subscription_does_not_end_before_its_posts_are_charged(
    running: int, status: str, runner: FlaskCliRunner
) -> None:
    order = report(running, Status(status, children=("901",)))
    assert (order.status, order.held_because) == ("Active", "posts")
    args = ["order", "post", str(running), "60", "--theirs", "901"]
    result = runner.invoke(args=args)
    assert (result.exit_code, result.stdout) == (0, f"{running + 1}\n")
    assert Order.get_by_id(running).poll_at == 0
    order = report(running, Status(status, children=("901",)))
    assert (order.status, order.held_because, order.warning) == (status, "", "")
    assert charges() == [240_000]
    post = Order.get_by_id(running + 1)
    assert (post.provider_order, post.dispatch_state, post.cost_micros) == ("901", "sent", 60_000)


def test_where_a_post_can_have_one_quantity_only_that_is_charged(
    lane: Lane, call: Call, service: int
) -> None:
    form = {**WANTED, "min": "80", "max": "80"}
    number = call("add", service=service, **form)["order"]
    lane.run()
    order = report(number, *[Status("Active", children=("901", "902"))] * 2)
    assert (order.held_because, order.warning) == ("", "")
    assert charges() == [320_000] * 2


def test_a_post_is_charged_once_however_it_is_reported(running: int) -> None:
    report(
        running,
        Status("Active", posts=(("901", 50),), children=("901",)),
        Status("Active", children=("901",)),
        Status("Active", children=("901", "901"), posts=(("901", 90),)),
    )
    assert charges() == [200_000]
    assert Order.get_by_id(running).held_because == ""


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (Status("Active", posts=(("901", 49),)), "post 901: 49 is not from 50 to 100"),
        (Status("Completed", posts=(("901", 500),)), "post 901: 500 is not from 50 to 100"),
        (Status("Active", posts=(("700", 50),)), "post 700: that is the number of order 1"),
    ],
)
def test_a_post_that_cannot_be_charged_holds_the_subscription(
    running: int, said: Status, text: str
) -> None:
    order = report(running, said)
    assert (order.status, order.held_because, order.held_text) == ("Active", "posts", text)
    assert charges() == []
    assert report(running, Status("Completed")).status == "Completed"


@pytest.mark.parametrize("end", ["Completed", "Expired", "Canceled"])
@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"runs": 10}, "the provider counts 10 posts, and 0 are known"),
        ({"charge": Charge(90_000)}, "none of its posts is known"),
    ],
)
def test_a_subscription_does_not_end_while_posts_are_owed_that_nobody_can_name(
    running: int, end: str, told: dict[str, Any], text: str
) -> None:
    assert report(running, Status("Active", runs=10)).held_because == ""
    order = report(running, Status(end, **told))
    assert (order.status, order.held_because, order.held_text) == ("Active", "posts", text)
    subscriptions.add_post(running, 50, "901")
    ended = report(running, Status(end, charge=Charge(45_000), posts=(("901", 50),)))
    assert (ended.status, ended.held_because) == (end, "")


def test_only_children_that_are_no_orders_yet_are_to_be_asked_for(running: int) -> None:
    report(running, Status("Active", posts=(("901", 50),)))
    children = ["901", "902", "902", "903"]
    assert subscriptions.unknown_children(running, children) == ["902", "903"]


@pytest.mark.parametrize(
    ("details", "most"),
    [
        ({"posts": "0", "old_posts": "2"}, 2),
        ({"posts": "2"}, 2),
        ({"posts": "1", "old_posts": "1"}, 2),
    ],
    ids=str,
)
def test_old_posts_alone_are_a_limit_too(running: int, details: dict[str, str], most: int) -> None:
    wanted = {"min": 50, "max": 100, **{name: int(text) for name, text in details.items()}}
    Order.update(parameters=json.dumps(wanted)).where(Order.id == running).execute()
    posts = tuple((f"9{n}", 50) for n in range(most + 1))
    order = report(running, Status("Active", posts=posts))
    assert len(charges()) == most
    assert order.held_text == f"post 9{most}: more posts than were ordered"


def test_no_number_of_posts_is_no_limit(running: int) -> None:
    wanted = {"min": 50, "max": 100, "posts": 0}
    Order.update(parameters=json.dumps(wanted)).where(Order.id == running).execute()
    report(running, Status("Active", posts=tuple((f"9{n}", 50) for n in range(5))))
    assert len(charges()) == 5


@pytest.mark.parametrize(
    ("quantity", "theirs", "why"),
    [
        ("49", "901", "49 is not from 50 to 100"),
        ("50", "900", "post 900 is charged already"),
        ("50", "700", "that is the number of order 1"),
        ("50", "9 1", "'9 1' cannot be a provider's order number"),
        ("100", "902", "a post of 0.40 is more than alice has"),
    ],
)
def test_by_hand_a_providers_post_is_charged_within_the_limits_and_once(
    running: int, runner: FlaskCliRunner, quantity: str, theirs: str, why: str
) -> None:
    report(running, Status("Active", posts=(("900", 50),)))
    if "more than" in why:
        accounts.fund("alice", 399_999 - balance())
    result = runner.invoke(args=["order", "post", "1", quantity, "--theirs", theirs])
    assert (result.exit_code, result.stderr) == (2, f"Error: {why}\n")
    assert charges() == [200_000]


def test_by_hand_a_providers_post_needs_a_subscription_there(
    cast: SimpleNamespace, subscribe: Callable[..., int], runner: FlaskCliRunner
) -> None:
    number = subscribe()
    result = runner.invoke(args=["order", "post", str(number), "50", "--theirs", "901"])
    told = f"Error: order {number} is no subscription at a provider\n"
    assert (result.exit_code, result.stderr) == (2, told)


def test_what_a_provider_charges_for_a_subscription_beyond_its_posts_is_its_cost(
    running: int,
) -> None:
    charge = Charge(80_000, 10_000, True, "0.08 USD")
    assert report(running, Status("Active", charge=charge)).cost_micros == 80_000
    posts = (("901", 50),)
    assert report(running, Status("Active", charge=charge, posts=posts)).cost_micros == 30_000
    both = (*posts, ("902", 50))
    assert report(running, Status("Active", charge=charge, posts=both)).cost_micros == 0
    foreign = Charge(None, text="7 INR")
    assert "7 INR is not taken" in report(running, Status("Active", charge=foreign)).warning


@pytest.mark.parametrize("word", ["Pending", "Processing", "In progress"])
def test_a_subscription_that_goes_on_is_active_whatever_it_is_called(
    running: int, word: str
) -> None:
    assert report(running, Status("Paused")).status == "Paused"
    order = report(running, Status(word, word=word))
    assert (order.status, order.held_because) == ("Active", "")


@pytest.mark.parametrize("end", ["Canceled", "Completed", "Expired"])
def test_a_post_that_cannot_be_paid_is_charged_later_whatever_the_end_is(
    running: int, end: str
) -> None:
    accounts.fund("alice", -balance())
    told = Status(end, posts=(("901", 50),), charge=Charge(45_000))
    order = report(running, told)
    assert (order.status, order.cost_micros, charges()) == ("Paused", 45_000, [])
    accounts.fund("alice", MICROS)
    order = report(running, told)
    assert (order.status, order.cost_micros, charges()) == (end, 0, [200_000])
