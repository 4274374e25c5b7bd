"""How strongly copies are changed: two settings that need no thought."""

from __future__ import annotations

from hilum.config import AugmentConfig

MILD = AugmentConfig(
    share=1.0,
    degrees=6.0,
    translate=0.04,
    shear=3.0,
    scale=0.08,
    flip=0.0,
    brightness=0.15,
    contrast=0.15,
    erase=0.0,
)
"""What the next film of the same patient could look like: turned, shifted and exposed as positioning and exposure
vary from film to film. Never flipped: that would move the heart to the right side."""

STRONG = AugmentConfig(
    share=1.0,
    degrees=20.0,
    translate=0.12,
    shear=12.0,
    scale=0.25,
    flip=0.5,
    brightness=0.4,
    contrast=0.4,
    erase=0.4,
)
"""Further than films vary, against learning a small set by heart. Half of the copies are mirrored, which suits
findings that have no side and is wrong for those that have one (`--set augment.flip=0`); some lose a rectangle
(Zhong et al. 2020, Random Erasing Data Augmentation), so that no single region decides."""

STRENGTHS: dict[str, AugmentConfig] = {"mild": MILD, "strong": STRONG}
"""Name -> settings."""
