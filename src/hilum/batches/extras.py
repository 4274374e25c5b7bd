"""Augmentations of plugins: drawn for a whole epoch, so that they repeat however it is cut, applied in batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hilum.batches.plan import generator
from hilum.config import AugmentConfig
from hilum.errors import ConfigError
from hilum.plugins import chosen

_Drawn = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Extra:
    """One augmentation of a plugin, as `AUGMENTATIONS` has it."""

    name: str
    _draw: Callable[[np.random.Generator, int], _Drawn]
    _apply: Callable[[Tensor, Tensor], Tensor]

    @classmethod
    def all(cls, config: AugmentConfig | None) -> list[Extra]:
        """The augmentations that `augment.extra` names."""
        names = config.extra if config is not None else ()
        return [cls(name, *part) for name, part in chosen("AUGMENTATIONS", names, "augment.extra").items()]

    def draw(self, seed: int, epoch: int, count: int) -> _Drawn:
        """What happens to the images at all positions of an epoch, [count, ...]; its numbers are its own."""
        drawn = np.asarray(self._draw(generator(seed, epoch, self.name), count))
        if drawn.shape[:1] != (count,):
            raise ConfigError(
                f"augmentation {self.name} drew an array {list(drawn.shape)}; expected one row for each "
                f"of {count} images."
            )
        return drawn

    def apply(self, images: Tensor, drawn: _Drawn) -> Tensor:
        """Images, float32 [b, 1, s, s] in 0..1, changed as [b, ...] of what was drawn says; kept within 0..1."""
        changed = self._apply(images, torch.from_numpy(drawn).to(images.device))
        if not isinstance(changed, Tensor) or changed.shape != images.shape:
            came = list(changed.shape) if isinstance(changed, Tensor) else type(changed).__name__
            raise ConfigError(f"augmentation {self.name} gave {came}; expected images {list(images.shape)}.")
        return changed.float().clamp(0, 1)
