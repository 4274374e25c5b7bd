"""Which images an epoch shows, in which order, in which steps: all of it follows from (seed, epoch)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hilum.errors import ConfigError, DataError

_PURPOSES = {"order": 0, "augment": 1}


def generator(seed: int, epoch: int, purpose: str) -> np.random.Generator:
    """A stream of its own for one purpose in one epoch (Philox: Salmon et al. 2011), never the global one.

    A new purpose, such as an augmentation's name, moves none of the others.
    """
    number = _PURPOSES.get(purpose, zlib.crc32(purpose.encode()))
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, epoch, number))))


@dataclass(frozen=True)
class EpochPlan:
    """The order of an epoch, the same on every process, and the share that one process has of each step.

    Shuffled (training), the rows are divided into ceil(m / batch) steps whose sizes differ by at most one:
    a small last batch would weigh as much as a full one, and a batch of one image breaks batch norm. (With
    `batch` = 2 and an odd number of rows one step has three.) Otherwise (evaluation) the rows keep their order
    and only the last batch is smaller.

    Each process has a contiguous share of every step, no two differing by more than one image; all shares
    together are the step of a single process. In evaluation a process skips a step too small for it.

    Attributes:
        rows: int64 [m], the rows of the part in the order they are shown; a row may occur twice where rare
            ones are oversampled.
        starts: int64 [steps]; this process has the positions `starts[i]` to `stops[i]` of the order in step i.
        stops: int64 [steps].
    """

    rows: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    stops: npt.NDArray[np.int64]

    @classmethod
    def of(
        cls,
        rows: npt.NDArray[np.int64],
        *,
        batch: int,
        seed: int,
        epoch: int,
        shuffle: bool,
        rank: int = 0,
        world: int = 1,
    ) -> EpochPlan:
        """Plan one epoch.

        Args:
            rows: int64 [m], what the epoch shows.
            batch: images per step, over all processes.
            seed: the run's seed.
            epoch: from 0.
            shuffle: whether this is training.
            rank: which process asks, from 0.
            world: how many processes share each step.

        Raises:
            DataError: there is nothing to show.
            ConfigError: in training a step would leave a process without an image.
        """
        if len(rows) == 0:
            raise DataError("this part has no images; check the filters and the split.")
        if not 0 <= rank < world:
            raise ConfigError(f"rank {rank} is not one of {world} processes, which count from 0.")
        if shuffle:
            bounds = _even_bounds(len(rows), batch, world)
            rows = generator(seed, epoch, "order").permutation(rows)
        else:
            bounds = np.append(np.arange(0, len(rows), batch), len(rows))
        sizes = np.diff(bounds)
        starts, stops = bounds[:-1] + sizes * rank // world, bounds[:-1] + sizes * (rank + 1) // world
        some = stops > starts
        return cls(rows, starts[some], stops[some])

    @property
    def steps(self) -> int:
        """How many steps this process takes."""
        return len(self.starts)

    @property
    def images(self) -> int:
        """How many images this process sees."""
        return int((self.stops - self.starts).sum())

    def positions(self, step: int) -> npt.NDArray[np.int64]:
        """int64 [b]: what this process sees in one step, as positions in the epoch's order."""
        return np.arange(self.starts[step], self.stops[step])


def _even_bounds(count: int, batch: int, world: int) -> npt.NDArray[np.int64]:
    """int64 [steps + 1]: where the steps of a training epoch begin and end."""
    steps = -(-count // batch)
    if batch > 1:
        steps = min(steps, max(count // 2, 1))
    if count // steps < world:
        raise ConfigError(
            f"{count} images with train.batch = {batch} make steps of {count // steps}, too few to give each of "
            f"{world} processes an image; raise train.batch or start fewer processes."
        )
    return np.arange(steps + 1) * count // steps
