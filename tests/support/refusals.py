"""What a call of the plugin's client is refused with."""

from collections.abc import Callable
from typing import Any

import pytest

from panel_testing import PanelError


def refusal(call: Callable[..., Any], **params: Any) -> tuple[int, str]:
    """The status and the text that a call is refused with."""
    with pytest.raises(PanelError) as caught:
        call(**params)
    return caught.value.status, caught.value.text
