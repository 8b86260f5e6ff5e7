"""What Apprise makes of an address, without sending anything."""

import pytest

from panel.alerts import sender


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what Apprise imports
@pytest.mark.parametrize("address", ["tgram://", "discord://s3cret", "nosuch://s3cret", "s3cret"])
def test_an_address_that_apprise_cannot_use_is_said_to_be_so(address: str) -> None:
    told = sender.send(address, "title", "body", "info")
    assert told == "Apprise cannot use it: unknown, or a part of it is missing"
