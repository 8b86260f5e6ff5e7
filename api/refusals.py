"""How often requests are refused for one reason, and when to tell it."""

from api.shared_counters import SharedCounters

TOLD_EVERY_S = 60
_KEPT_S = 86400


class Refusals:
    """Counts by reason, over all processes that were forked after this was made."""

    def __init__(self) -> None:
        self._counters = SharedCounters()

    def count(self, reason: str) -> int:
        """Count a refusal.

        :returns: how many there were since the last time that this was not 0, which it is but
            once in TOLD_EVERY_S for each reason.
        """
        counters = self._counters
        try:
            total = counters.incr(f"total {reason}", _KEPT_S)
            if counters.incr(f"lately {reason}", TOLD_EVERY_S) > 1:
                return 0
            told = counters.get(f"told {reason}")
            counters.incr(f"told {reason}", _KEPT_S, amount=total - told)
        except counters.base_exceptions:
            return 1
        return max(total - told, 1)
