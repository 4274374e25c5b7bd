"""`Features`: vectors of images with what is known of them, in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.errors import ConfigError, DataError, did_you_mean
from hilum.features.encoders import EncoderInfo
from hilum.text import listed

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Features:
    """Vectors of n images, in the order of their ids.

    Attributes:
        encoder: what made them.
        frame: image_id, patient_id, study_id, view, projection, age, sex, source, official_split, copy_of, pack,
            pack_fingerprint, slot, then one Int8 column a finding: 1 positive, 0 negative, -1 uncertain, null.
        findings: names of the finding columns.
        avg: float32 [n, w], feature maps averaged over positions.
        max: float32 [n, w], their maximum over positions.
    """

    encoder: EncoderInfo
    frame: pl.DataFrame
    findings: tuple[str, ...]
    avg: Floats
    max: Floats

    def __len__(self) -> int:
        return self.frame.height

    @property
    def image_ids(self) -> npt.NDArray[np.object_]:
        """Object array [n] of str."""
        return self.frame["image_id"].to_numpy()

    def vectors(self, pooling: str) -> Floats:
        """`avg` or `max`, float32 [n, w]; `both` side by side, avg first, [n, 2 w].

        Raises:
            ConfigError: another name.
        """
        if pooling == "both":
            return np.concatenate([self.avg, self.max], axis=1)
        if pooling not in ("avg", "max"):
            raise ConfigError(
                f"pooling {pooling!r} is not kept; {did_you_mean(pooling, ('avg', 'max', 'both'))}"
            )
        return self.avg if pooling == "avg" else self.max

    def rows(self, image_ids: Iterable[str]) -> npt.NDArray[np.int64]:
        """Where these images are, int64 [m].

        Raises:
            DataError: some are not here; the message names them.
        """
        wanted = pl.DataFrame({"image_id": list(image_ids)}, schema={"image_id": pl.String})
        here = self.frame.select("image_id").with_row_index("row")
        found = wanted.join(here, on="image_id", how="left", maintain_order="left")
        if found["row"].null_count():
            missing = found.filter(pl.col("row").is_null())["image_id"].to_list()
            raise DataError(
                f"{len(missing):,} of {wanted.height:,} images have no vectors of {self.encoder.name}: "
                f"{listed(missing)}. Embed the pack that they are in."
            )
        return found["row"].to_numpy().astype(np.int64)

    def take(self, rows: npt.ArrayLike) -> Features:
        """The images at these positions, in this order."""
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.int64)
        return replace(self, frame=self.frame[rows], avg=self.avg[rows], max=self.max[rows])

    def codes(self, finding: str) -> npt.NDArray[np.float32]:
        """One finding's labels, float32 [n]: 1, 0, -1, and NaN for not mentioned.

        Raises:
            DataError: there is no such finding.
        """
        if finding not in self.findings:
            raise DataError(f"the store has no finding {finding!r}; {did_you_mean(finding, self.findings)}")
        return self.frame[finding].cast(pl.Float32).fill_null(np.nan).to_numpy()
