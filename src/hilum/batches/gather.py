"""Copying images out of a pack, without its file becoming resident memory."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from mmap import mmap
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hilum.errors import PackError

_Pixels = npt.NDArray[np.uint8]
_Ints = npt.NDArray[np.int64]
_Verify = Callable[[_Ints, _Pixels], None]
_IN_CACHE = 2**19
"""Bytes that are read before they are verified: more would have left the processor's cache by then."""


@contextmanager
def gathering(
    pixels: _Pixels, pin: bool = False, verify: _Verify | None = None
) -> Iterator[Callable[[_Ints], Tensor]]:
    """A function that copies images out of `pixels`; several threads may call it at once.

    A memory map is read with read(2) from its file: every page touched through the map itself would count as
    resident memory of this process, up to the size of the pack, while the kernel's page cache serves both alike.
    Measured over 30,000 images of 320 px (3 GB) in random order: the map grows by 2.9 GiB at 63,000 images/s,
    reading by 1 MiB at 53,000.

    Args:
        pixels: uint8 [slots, s, s].
        pin: whether the copies lie in pinned memory, for transfers that do not wait.
        verify: `Pack.verify`, which is shown all that is read; nothing is checked without.

    Yields:
        int64 [b] -> uint8 tensor [b, s, s]. It raises PackError where the file ends too early, or is damaged.

    Raises:
        PackError: the file is gone.
    """
    if (place := _place(pixels)) is None:

        def take(slots: _Ints) -> Tensor:
            images = torch.from_numpy(pixels[slots])
            if verify is not None:
                verify(slots, images.numpy())
            return images.pin_memory() if pin else images

        yield take
        return
    try:
        file = place[0].open("rb", buffering=0)
    except OSError as error:
        raise PackError(f"{place[0]} cannot be read: {error.strerror}. Make the pack again.") from error
    with file:
        yield lambda slots: _read(file, place[1], slots, pixels.shape[1:], pin, verify)


def _read(
    file: FileIO, start: int, slots: _Ints, shape: tuple[int, ...], pin: bool, verify: _Verify | None
) -> Tensor:
    """Images of a file in which they begin at `start`, and are checked while they are in the processor's cache."""
    images = torch.empty((len(slots), *shape), dtype=torch.uint8, pin_memory=pin)
    size = math.prod(shape)
    for slot in slots.tolist():
        _announce(file.fileno(), start + slot * size, size)
    some = max(1, _IN_CACHE // size)
    for at in range(0, len(slots), some):
        few, pictures = slots[at : at + some], images.numpy()[at : at + some]
        for slot, image in zip(few.tolist(), pictures, strict=True):
            if os.preadv(file.fileno(), [image], start + slot * size) != size:
                raise PackError(f"{file.name} ends before image {slot}. Make the pack again.")
        if verify is not None:
            verify(few, pictures)
    return images


def _announce(file: int, offset: int, size: int) -> None:
    """Tell the kernel what is read next, so that the disk fetches a batch's images at the same time.

    Measured where the pack is not in the page cache: 4,400 -> 10,800 images of 320 px a second.
    """
    if sys.platform == "linux":
        os.posix_fadvise(file, offset, size, os.POSIX_FADV_WILLNEED)


def _place(pixels: _Pixels) -> tuple[Path, int] | None:
    """The file that a whole memory map shows and where in it the map begins; None for other arrays."""
    if sys.platform == "win32":
        return None  # It has no preadv; the map itself is read.
    base: object = pixels.base
    if not (isinstance(pixels, np.memmap) and isinstance(base, mmap) and pixels.flags.c_contiguous):
        return None
    return Path(str(pixels.filename)), int(pixels.offset)
