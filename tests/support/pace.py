"""How a test's worker goes about things."""

from panel.providers.policy import USUAL
from worker.lane import Pace

HOLD_S = 7200
PACE = Pace(poll_every_s=15, sync_prices_every_s=0, policy=USUAL, ours="USD", hold_s=HOLD_S)
"""Prices are read where that is wanted only."""
