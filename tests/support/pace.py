"""How a test's worker goes about things."""

from panel.providers.price_sync import SyncPolicy
from worker.lane import Pace

POLICY = SyncPolicy(disable_below_cost=False, fall_percent=50, rise_percent=100, loss_percent=30)
HOLD_S = 7200
PACE = Pace(poll_every_s=15, sync_prices_every_s=0, policy=POLICY, ours="USD", hold_s=HOLD_S)
"""Prices are read where that is wanted only."""
