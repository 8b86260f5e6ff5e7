"""The present time as the tables store it."""

import time


def now() -> int:
    """Seconds since 1970, UTC."""
    return int(time.time())
