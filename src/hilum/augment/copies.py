"""Which copies are made of which images, and what is drawn for each: all of it before a pixel is read."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.batches import AugmentParams
from hilum.config import AugmentConfig, AugmentPackConfig
from hilum.errors import ConfigError, DataError, PackError
from hilum.pixels import Pack
from hilum.table import Table

SCHEMA = {
    "image_id": pl.String(), Table.COPY_OF: pl.String(), "copy": pl.Int32(), "seed": pl.Int64(),
    "angle": pl.Float32(), "shift_x": pl.Float32(), "shift_y": pl.Float32(), "shear": pl.Float32(),
    "scale": pl.Float32(), "flip": pl.Boolean(), "brightness": pl.Float32(), "contrast": pl.Float32(),
    "erase_left": pl.Float32(), "erase_top": pl.Float32(), "erase_width": pl.Float32(),
    "erase_height": pl.Float32(), "fill": pl.Float32(),
}  # fmt: skip
"""Columns of `copies.parquet`: which copy of what, and every parameter of `AugmentParams`."""
WIDE = {"shift": ("shift_x", "shift_y"), "erase": ("erase_left", "erase_top", "erase_width", "erase_height")}
"""Parameters of several numbers -> their columns."""


@dataclass(frozen=True)
class Copies:
    """The copies of a pack's images.

    Attributes:
        rows: int64 [m], rows of the pack's table that they are made of, ascending.
        numbers: int64 [m], which copy of that image each is, from 1.
        params: what is done to each.
        seed: of the draws.
        fill: gray value of an erased rectangle, 0 to 1: the mean of the images that are copied.
    """

    rows: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.int64]
    params: AugmentParams
    seed: int
    fill: float

    @classmethod
    def draw(cls, pack: Pack, config: AugmentConfig, settings: AugmentPackConfig) -> Copies:
        """Draw what becomes of each image.

        An image's draws follow from the seed, the number of the copy and the image's row: more copies leave the
        first ones as they are. Images without an official part are copied too; official test images never.

        Args:
            pack: of originals.
            config: the ranges.
            settings: how many copies, of which parts, by which seed.

        Raises:
            PackError: the pack holds copies already.
            DataError: there is no image to copy.
            ConfigError: augmentations of plugins.
        """
        if pack.table.copies.any():
            raise PackError(
                f"{pack.path} holds copies already: copies of copies would be changed twice. Augment "
                f"{pack.info.get('augmented', {}).get('from', 'the pack that it was made from')}."
            )
        if config.extra:
            raise ConfigError(
                "augment.extra is for training: copies are made by hilum's own augmentations alone."
            )
        official, copies, parts = pack.table.frame["official_split"], settings.copies, settings.parts
        rows = (official.is_null() | official.is_in(list(parts))).arg_true().to_numpy().astype(np.int64)
        if not len(rows):
            raise DataError(
                f"no image of {pack.path} is of the official part {' or '.join(parts)}, or of none: nothing to "
                "copy. Official test images are never copied."
            )
        drawn = [AugmentParams.draw(config, settings.seed, number, rows) for number in range(1, copies + 1)]
        # Copies of one image follow each other.
        turns = (np.stack([getattr(one, field.name) for one in drawn], axis=1) for field in fields(drawn[0]))
        params = AugmentParams(*(turn.reshape(len(rows) * copies, *turn.shape[2:]) for turn in turns))
        fill = float(np.float32(pack.mean_sd(pack.slots[rows])[0]))
        numbers = np.tile(np.arange(1, copies + 1), len(rows))
        return cls(np.repeat(rows, copies), numbers, params, settings.seed, fill)

    def __len__(self) -> int:
        return len(self.rows)

    def ids(self, table: Table) -> pl.Series:
        """Names of the copies: `ID~1`, `ID~2`, ..."""
        of = table.frame["image_id"][self.rows].to_list()
        return pl.Series(
            "image_id", [f"{name}~{k}" for name, k in zip(of, self.numbers.tolist(), strict=True)], pl.String
        )

    def frame(self, table: Table) -> pl.DataFrame:
        """One row a copy, the columns of `SCHEMA`."""
        columns: dict[str, object] = {
            "image_id": self.ids(table),
            Table.COPY_OF: table.frame["image_id"][self.rows],
            "copy": self.numbers,
            "seed": np.full(len(self), self.seed),
            "fill": np.full(len(self), self.fill, np.float32),
        }
        for field in fields(self.params):
            values = getattr(self.params, field.name)
            wide = WIDE.get(field.name)
            columns |= {name: values[:, k] for k, name in enumerate(wide)} if wide else {field.name: values}
        return pl.DataFrame({name: columns[name] for name in SCHEMA}, schema=SCHEMA)

    @staticmethod
    def params_of(frame: pl.DataFrame) -> AugmentParams:
        """The parameters that rows of `copies.parquet` keep, to the bit."""
        names = (field.name for field in fields(AugmentParams))
        return AugmentParams(
            *(
                frame.select(WIDE[name]).to_numpy() if name in WIDE else frame[name].to_numpy()
                for name in names
            )
        )
