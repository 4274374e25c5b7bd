"""Labels that a reader has judged before."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from hilum.config import LabelsConfig
from hilum.features import Features
from hilum.table import Overlay, Table


@dataclass(frozen=True)
class Reviewed:
    """Images with their labels as far as they are known now.

    Attributes:
        features: the images.
        read: image id and finding of each label that has been read.
    """

    features: Features
    read: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, features: Features, everything: Features, path: str | Path, labels: LabelsConfig) -> Reviewed:
        """Put verdicts in the place of labels.

        Args:
            features: the images that are looked at.
            everything: all of the store, which the verdicts must be of.
            path: an overlay.
            labels: what a blank label is.

        Raises:
            DataError: it cannot be read, or names images or findings that the store has not.
        """
        overlay = Overlay.read(path, _table(everything))
        rows = np.arange(len(features), dtype=np.int64)
        corrected = labels.model_copy(update={"verdicts": "correct"})
        changed, _ = overlay.apply(_table(features), {"train": rows}, corrected)
        frame = features.frame.with_columns(changed.frame[name] for name in features.findings)
        read = frozenset(overlay.frame.select("image_id", "finding").iter_rows())
        return cls(replace(features, frame=frame), read)

    def rows(self, features: Features, finding: str) -> Set[int]:
        """Rows of some of the images whose label of a finding has been read."""
        ids = features.frame["image_id"].to_list() if self.read else []
        return {row for row, name in enumerate(ids) if (name, finding) in self.read}


def _table(features: Features) -> Table:
    return Table.make(features.frame.with_columns(path=pl.col("image_id")), features.findings)
