"""A small pack, an encoder with random weights, and a store: what tests of features share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from hilum.config import ModelConfig, PrepareConfig
from hilum.models import Normalisation, build_model
from hilum.pixels import Pack
from hilum.predict import Encoder
from hilum.table import Table

SIZE = 48


def random_encoder(name: str = "random", seed: int = 0, size: int = SIZE, precision: str = "fp32") -> Encoder:
    """A ResNet18 with weights drawn from `seed`."""
    config = ModelConfig(name="resnet18")
    torch.manual_seed(seed)
    return Encoder(
        name,
        "drawn",
        build_model(config, 2, size),
        config,
        Normalisation((0.5,), (0.2,)),
        prepare=PrepareConfig(size=size),
        device=torch.device("cpu"),
        precision=precision,
    )


def other_pack(
    pack: Pack,
    frame: pl.DataFrame | None = None,
    findings: tuple[str, ...] = (),
    *,
    rows: Iterable[int] = (),
    change: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]] | None = None,
) -> Pack:
    """The same pack with another table, some of its rows, or other pixels."""
    table = pack.table if frame is None else Table.make(frame, findings or pack.table.findings)
    table = table.take(list(rows)) if list(rows) else table
    slots = pack.rows_of(table)
    stats = table.frame.select("image_id").join(pack.stats, on="image_id", maintain_order="left")
    pixels = np.asarray(pack.pixels)
    if change is not None:
        pixels = change(pixels)
        digests = [sha256(pixels[slot].tobytes()).hexdigest() for slot in slots]
        wide = [pixels[slot].astype(np.int64) for slot in slots]
        sums = zip(*((int(one.sum()), int((one**2).sum())) for one in wide), strict=True)
        total, squares = (pl.Series(values, dtype=pl.Int64) for values in sums)
        stats = stats.with_columns(digest=pl.Series(digests), sum=total, squares=squares)
    return pack._replaced(table=table, slots=slots, stats=stats, pixels=pixels)
