"""flask attention."""

import json

from support.commands import FlaskCommand, good
from support.faulty import FaultyProvider

from models import Alert, Provider


def test_nothing_waits(flask: FlaskCommand) -> None:
    assert good(flask("attention")) == "Nothing waits for you.\n"
    assert json.loads(good(flask("attention", "--json"))) == []


def test_alerts_that_are_no_lines_are_counted_with_where_they_are_listed(
    flask: FlaskCommand,
) -> None:
    Alert.create(kind="balance", subject="up", text="up has 1 USD.")
    Alert.create(kind="review", subject="up", text="told as a line")
    told = "Nothing waits for you.\nAnd 1 alert: flask notify list\n"
    assert good(flask("attention")) == told
    Alert.create(kind="disk", subject="", text="Full.")
    assert good(flask("attention")).endswith("\nAnd 2 alerts: flask notify list\n")


def test_what_waits_is_told_with_the_commands_that_settle_it(
    flask: FlaskCommand, reviewed: int
) -> None:
    Provider.update(stopped_because="it redirects", moved_to="https://new.example/").execute()
    assert good(flask("attention", "--wide")) == (
        "stopped: Nothing is sent to upstream: it redirects. It may have moved to "
        "https://new.example/: confirm that address, or keep ours.\n"
        "    flask provider resume upstream --url https://new.example/\n"
        "    flask provider resume upstream\n"
        f"review: Nobody knows whether upstream has order {reviewed}: no whole answer "
        "(ReadTimeoutError). Look it up there.\n"
        f"    flask order attach {reviewed} NUMBER\n"
        f"    flask order resend {reviewed}\n"
        f"    flask order fail {reviewed}\n"
    )
    stopped, review = json.loads(good(flask("attention", "--json")))
    assert (stopped["kind"], stopped["provider"], stopped["order"]) == (
        "stopped",
        "upstream",
        None,
    )
    assert review == {
        "kind": "review",
        "text": f"Nobody knows whether upstream has order {reviewed}: no whole answer "
        "(ReadTimeoutError). Look it up there.",
        "commands": [
            f"flask order attach {reviewed} NUMBER",
            f"flask order resend {reviewed}",
            f"flask order fail {reviewed}",
        ],
        "orders": 1,
        "provider": "upstream",
        "service": None,
        "order": reviewed,
    }


def test_a_long_list_is_cut_and_says_so(flask: FlaskCommand, upstream: FaultyProvider) -> None:
    for n in range(3):
        Provider.create(
            name=f"p{n}", url="https://p.example/", key="k", requests_per_minute=1,
            currency="USD", stopped_because="it redirects", created_at=0,
        )  # fmt: skip
    shown = good(flask("attention", "--limit", "2"))
    assert shown.count("stopped: Nothing is sent") == 2
    assert shown.endswith("stopped: there are more of these; --limit shows more.\n")
