"""What scores can be shown by: each attribute of the images as values, one a row of the predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.errors import DataError
from hilum.metrics.inputs import Bools
from hilum.metrics.predictions import Predictions
from hilum.text import listed

KEYS = {"image": "image_id", "study": "study_id", "patient": "patient_id"}
_NOT_SHOWN = ("image_id", "study_id", "patient_id", "part", "path", "age")
"""Columns of a run's images that are no attributes as they are; age becomes bands."""
PATIENT, DEVICE, OTHER = "patient", "device", "other"
"""Kinds of attribute: what the patient is; what is or is not in the picture; how it was taken, and all others."""
BANDS = (0.0, 18.0, 40.0, 60.0, 80.0)
CHILDREN = (0.0, 2.0, 6.0, 12.0)
"""First year of each age band; those of children where nobody is grown up."""
_MOST_VALUES = 12
"""A column with more values than this is no attribute."""


@dataclass(frozen=True)
class Attribute:
    """One attribute of n rows.

    Attributes:
        name: `sex`, `age`, `view`, `projection`, `source`, `Support Devices` or a column of the user's.
        kind: `patient`, `device` (yes or no) or `other`.
        values: its values, in order; at least two occur.
        code: which value each row has, int64 [n]; -1 where it is not known.
    """

    name: str
    kind: str
    values: tuple[str, ...]
    code: npt.NDArray[np.int64]

    def rows(self, value: str) -> Bools:
        """Rows with this value, bool [n]."""
        return np.asarray(self.code == self.values.index(value))

    def contrasts(self) -> tuple[Contrast, ...]:
        """What is compared: of two values the one with the other, of several each with the rest.

        Ages are also cut in two between any two bands, because what fails in the old fails in several bands.
        """
        known = np.asarray(self.code >= 0)
        if len(self.values) == 2:
            first, second = self.values
            return (Contrast(self, first, self.rows(first), self.rows(second), second),)
        made = []
        for k in range(1, len(self.values)) if self.name == "age" else ():
            start = self.values[k].split("-")[0].rstrip("+")
            old = np.asarray(self.code >= k)
            made.append(Contrast(self, f"{start}+", old, known & ~old, f"under {start}"))
        each = (Contrast(self, value, self.rows(value), known & ~self.rows(value)) for value in self.values)
        return (*made, *each)


@dataclass(frozen=True)
class Contrast:
    """Two groups of rows of one attribute, to be compared.

    Attributes:
        attribute: of what.
        value: what the first group is called.
        rows: the first group, bool [n].
        rest: the second group, bool [n].
        other: what the second group is called; empty where it is a mixture of values.
    """

    attribute: Attribute
    value: str
    rows: Bools
    rest: Bools
    other: str = ""

    @property
    def turned(self) -> Contrast:
        """The second group against the first."""
        return Contrast(self.attribute, self.other, self.rest, self.rows, self.value)

    def within(self, named: Contrast) -> Contrast:
        """What is left to compare once another contrast is known: inside its group, or outside of it."""
        same = named.rows if not (self.rows & ~named.rows).any() else ~named.rows
        return Contrast(self.attribute, self.value, self.rows & same, self.rest & same, self.other)


def attributes_of(predictions: Predictions, images: pl.DataFrame) -> tuple[Attribute, ...]:
    """Every attribute with at least two values among the rows of the predictions.

    Ages become bands. A label of devices (codes, not mentioned is no) and booleans become yes and no. A study's
    or patient's row has a device where any image has it, and another value where all its images agree.

    Args:
        predictions: n rows, each an image, a study or a patient.
        images: one row an image: `image_id`, `study_id`, `patient_id`, and any of `view`, `projection`, `age`,
            `sex`, `source`, label codes of `Support Devices`, and the user's own (bool or text).

    Raises:
        DataError: rows of the predictions are not among the images.
    """
    key = KEYS[predictions.unit]
    columns = [name for name in images.columns if name not in _NOT_SHOWN]
    shown = images.select(key, *(_shown(images[name]) for name in columns), *_age(images))
    if predictions.unit != "image":
        shown = shown.group_by(key).agg(_agreed(shown[name]) for name in shown.columns if name != key)
    asked = pl.DataFrame({key: pl.Series(predictions.image_ids, dtype=pl.String)})
    unknown = asked.join(shown, on=key, how="anti")[key]
    if len(unknown):
        raise DataError(
            f"{len(unknown):,} of {len(asked):,} predictions are of a {predictions.unit} that the run's images "
            f"do not have, such as {listed(unknown.to_list(), 2)}: predictions and images are of different data."
        )
    found = asked.join(shown, on=key, how="left", maintain_order="left")
    made = (_attribute(found[name]) for name in found.columns if name != key)
    return tuple(attribute for attribute in made if attribute is not None)


def in_words(name: str, value: str) -> str:
    """A group in a sentence: `patients aged 60-79`, `AP films`, `images with leads`."""
    usual = {
        ("sex", "F"): "female patients",
        ("sex", "M"): "male patients",
        ("view", "frontal"): "frontal views",
        ("view", "lateral"): "lateral views",
    }
    if (name, value) in usual:
        return usual[name, value]
    if name == "age":
        return f"patients {value}" if value.startswith("under") else f"patients aged {value}"
    if name == "projection":
        return f"{value} films"
    if value in ("yes", "no"):
        return f"images {'with' if value == 'yes' else 'without'} {name}"
    return f"images of {name} {value}"


def _shown(column: pl.Series) -> pl.Series:
    """A column as booleans or text; label codes become booleans."""
    if column.dtype.is_numeric():
        codes = column.cast(pl.Int64, strict=False)
        return codes.fill_null(0).replace_strict({0: False, 1: True}, default=None, return_dtype=pl.Boolean)
    return column if column.dtype == pl.Boolean else column.cast(pl.String)


def _age(images: pl.DataFrame) -> list[pl.Series]:
    """The age bands as text, sortable by their first year; nothing where no age is known."""
    if "age" not in images.columns or not images["age"].count():
        return []
    age = images["age"].cast(pl.Float64)
    starts = BANDS if float(age.max() or 0.0) >= BANDS[1] else CHILDREN  # type: ignore[arg-type]
    ends = (*starts[1:], 18.0 if starts is CHILDREN else np.inf)
    names = [
        f"{a:.0f}-{b - 1:.0f}" if np.isfinite(b) else f"{a:.0f}+" for a, b in zip(starts, ends, strict=True)
    ]
    at = np.searchsorted(starts, age.fill_null(0.0).to_numpy(), side="right") - 1
    known = age.is_not_null() & (age >= 0)
    return [pl.Series("age", [names[k] if ok else None for k, ok in zip(at, known, strict=True)], pl.String)]


def _agreed(column: pl.Series) -> pl.Expr:
    """A unit's value from those of its images."""
    one = pl.col(column.name)
    if column.dtype == pl.Boolean:
        return one.any()
    several = one.drop_nulls().unique()
    return pl.when(several.len() == 1).then(several.first()).otherwise(None).alias(column.name)


def _attribute(column: pl.Series) -> Attribute | None:
    """None where fewer than two values occur, or too many to be groups."""
    device = column.dtype == pl.Boolean
    if device:
        column = column.replace_strict({True: "yes", False: "no"}, default=None, return_dtype=pl.String)
    values = sorted(column.drop_nulls().unique(), key=_first_number)
    if not 2 <= len(values) <= _MOST_VALUES:
        return None
    if device:
        values = ["yes", "no"]
    kind = DEVICE if device else PATIENT if column.name in ("age", "sex") else OTHER
    code = column.replace_strict(values, range(len(values)), default=-1, return_dtype=pl.Int64)
    return Attribute(column.name, kind, tuple(values), code.to_numpy())


def _first_number(value: str) -> tuple[float, str]:
    digits = value.split("-")[0].rstrip("+")
    return (float(digits) if digits.isdecimal() else np.inf, value)
