"""`Predicted`: what a run says of images, one by one and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.errors import ConfigError
from hilum.files import csv_text, write_parquet, write_text
from hilum.text import items

_COLUMNS = {
    "id": pl.String,
    "finding": pl.String,
    "probability": pl.Float64,
    "decision": pl.Int8,
    "notes": pl.String,
}


@dataclass(frozen=True)
class PredictedImage:
    """What a run says of one image.

    Attributes:
        id: the file's path, or the image's id in a pack.
        in_pack: which of the two it is.
        probabilities: float64 [k] of the positive class, calibrated as the run asks; None where the image
            cannot be read, or is none of the kind that the run learned.
        positive: bool [k], at the run's operating points.
        error: why there are no probabilities.
        doubt: why the picture is none of the kind that the run learned; with `force` there are probabilities
            all the same.
        notes: what the reader guessed of the picture, each a clause.
    """

    id: str
    in_pack: bool = False
    probabilities: npt.NDArray[np.float64] | None = None
    positive: npt.NDArray[np.bool_] | None = None
    error: str | None = None
    doubt: str | None = None
    notes: tuple[str, ...] = ()

    def cells(self) -> list[str]:
        """Probabilities as text, with a star at or over the operating point."""
        if self.probabilities is None or self.positive is None:
            return []
        pairs = zip(self.probabilities, self.positive, strict=True)
        return [f"{probability:.3f}{' *' if positive else '  '}" for probability, positive in pairs]

    def to_json(self, findings: Sequence[str]) -> dict[str, Any]:
        """Path or id, and per finding its probability and decision, with a doubt and guesses, or the error."""
        name = {"id" if self.in_pack else "path": self.id}
        if self.probabilities is None or self.positive is None:
            return {**name, "error": self.error}
        values = zip(items(findings), self.probabilities, self.positive, strict=True)
        found = {name: {"probability": float(p), "positive": bool(yes)} for name, p, yes in values}
        said = {"doubt": self.doubt, "guessed": list(self.notes)}
        return {**name, **{key: value for key, value in said.items() if value}, "findings": found}


class Predicted(NamedTuple):
    """What a run says of several images.

    Attributes:
        findings: the k names.
        images: one entry an image, in the order in which they were given.
    """

    findings: tuple[str, ...]
    images: tuple[PredictedImage, ...]

    @property
    def read(self) -> tuple[PredictedImage, ...]:
        """Those that have probabilities."""
        return tuple(image for image in self.images if image.probabilities is not None)

    def frame(self) -> pl.DataFrame:
        """One row an image and finding.

        Returns:
            `id` (the file's path, or the image's id in a pack), `finding`, `probability` (of the positive class,
            calibrated), `decision` (1 at or over the run's operating point, else 0) and `notes` (what was guessed,
            why the picture is doubtful, or why it got no probability; then that and the decision are null).
        """
        rows = []
        for image in self.images:
            notes = "; ".join([*filter(None, [image.error or image.doubt]), *image.notes])
            none = [None] * len(self.findings)
            pairs = zip(
                none if image.probabilities is None else image.probabilities.tolist(),
                none if image.positive is None else image.positive.astype(int).tolist(),
                strict=True,
            )
            rows += [
                (image.id, finding, *pair, notes) for finding, pair in zip(self.findings, pairs, strict=True)
            ]
        return pl.DataFrame(rows, schema=_COLUMNS, orient="row")

    def save(self, path: str | Path) -> None:
        """Write `frame` whole, as CSV in which no name is a formula to a spreadsheet, or as Parquet.

        Args:
            path: its suffix, `.csv` or `.parquet`, says which.

        Raises:
            ConfigError: it has another suffix.
            DiskError: it cannot be written.
        """
        path = checked_suffix(path)
        if path.suffix == ".csv":
            write_text(path, csv_text(self.frame()))
        else:
            write_parquet(path, self.frame())

    def _repr_html_(self) -> str:
        return self.frame()._repr_html_()


def checked_suffix(path: str | Path) -> Path:
    """The path of a file of predictions.

    Raises:
        ConfigError: predictions are not written as such a file.
    """
    path = Path(path)
    if path.suffix not in (".csv", ".parquet"):
        raise ConfigError(
            f"predictions are written as .csv or .parquet, by the name of the file; out = {str(path)!r}."
        )
    return path
