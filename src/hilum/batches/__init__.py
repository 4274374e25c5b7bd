"""From a pack to augmented batches on the device. Start with `feed.py`; order and draws are in `plan.py`."""

from hilum.batches.augment import AugmentParams, apply, draw
from hilum.batches.feed import Batch, Feed
from hilum.batches.plan import EpochPlan, epoch_plan

__all__ = ["AugmentParams", "Batch", "EpochPlan", "Feed", "apply", "draw", "epoch_plan"]
