"""flask refill and flask cancel."""

import re
from types import SimpleNamespace

import pytest
from support.commands import Call, all_but_the_audit


@pytest.mark.parametrize("line", ["cancel accept 1", "cancel reject 1"])
def test_a_cancel_request_is_answered_once(filled: SimpleNamespace, call: Call, line: str) -> None:
    assert call(line).exit_code == 0
    before = all_but_the_audit()
    for again in ("cancel accept 1", "cancel reject 1"):
        result = call(again)
        assert (result.exit_code, result.stdout) == (2, "")
        assert re.fullmatch(r"Error: cancel request 1 was \w+ already\n", result.stderr)
    assert all_but_the_audit() == before
