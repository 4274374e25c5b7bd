"""A part of a pack as PyTorch's own kind of data set, for loops and samplers of other libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from hilum.pixels.pack import Pack


class PackDataset(Dataset[tuple[Tensor, Tensor]]):
    """Images and targets of some rows of a pack; `Pack.dataset` makes it.

    Workers of a DataLoader open the pack themselves: it is not copied to them.

    Attributes:
        image_ids: object array [n] of str.
        targets: float32 [n, k]; NaN is not scored.
        normalisation: mean and sd of pixels, 0 to 1; None for raw ones.
    """

    def __init__(
        self,
        pack: Pack,
        image_ids: npt.NDArray[np.object_],
        slots: npt.NDArray[np.int64],
        targets: npt.NDArray[np.float32],
        normalisation: tuple[float, float] | None,
    ) -> None:
        self.image_ids, self.targets = image_ids, targets
        self.normalisation = normalisation
        self._slots, self._pack = slots, pack

    def __len__(self) -> int:
        return len(self._slots)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        """The image, float32 (raw: uint8) [1, size, size], and its targets, float32 [k].

        Raises:
            IndexError: there is no such row.
            PackError: the pack no longer holds the pixels that were written.
        """
        image = torch.from_numpy(self._pack.images(self._slots[[row]]))
        if self.normalisation is not None:
            mean, sd = self.normalisation
            image = image.float().div_(255).sub_(mean).div_(sd)
        return image, torch.from_numpy(self.targets[row].copy())

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_pack": self._pack.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        path: Path = state["_pack"]
        vars(self).update(state | {"_pack": Pack(path, look=False)})
