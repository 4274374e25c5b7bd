"""A pack with changed copies of its images, written once. Start with `build.py`; what is drawn is in `plan.py`."""

from hilum.augment.build import Augmented, augment_pack, replay
from hilum.augment.plan import Copies, plan_copies
from hilum.augment.presets import STRENGTHS, strength

__all__ = ["STRENGTHS", "Augmented", "Copies", "augment_pack", "plan_copies", "replay", "strength"]
