"""Sample images for each finding: which, drawn by a seed, and their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import polars as pl

from hilum.drawing import jpeg
from hilum.metrics import Bools
from hilum.pixels import Pack
from hilum.table import Table

_EACH = 4
"""Images a finding."""
_MOST = 160
"""Images in all; with more findings there are fewer of each."""
_SIDE = 224
"""Pixels of a picture's side, at most."""
_QUALITY = 82


@dataclass(frozen=True)
class Sample:
    """One image on which a finding is positive.

    Attributes:
        image_id: which.
        others: its other findings.
        said: view, projection, sex and age, as far as they are known.
        boxes: where the finding is, as shares of the picture: left, top, width, height.
        picture: a data URI.
    """

    image_id: str
    others: tuple[str, ...]
    said: str
    boxes: tuple[tuple[float, float, float, float], ...]
    picture: str

    def to_json(self) -> dict[str, Any]:
        """All but the picture."""
        return {
            "image_id": self.image_id,
            "others": list(self.others),
            "boxes": [list(b) for b in self.boxes],
        }


def _choose(table: Table, each: int = _EACH, seed: int = 0) -> dict[str, list[int]]:
    """Rows to show for each finding, each image once.

    Images where the finding is boxed come first, then those with the fewest other findings, frontal ones before
    lateral ones; between equals the seed decides. A patient is shown twice for a finding only when there are
    no others.

    Args:
        table: the images.
        each: how many a finding, at most.
        seed: of the draw; the same for the same table.
    """
    positive = table.codes == 1
    lateral = table.frame["view"].eq("lateral").fill_null(False).to_numpy()
    patients = table.frame["patient_id"].to_list()
    number = positive[:, [name in table.diseases for name in table.findings]].sum(axis=1)
    chance = np.random.default_rng([seed, 71]).random(len(table))
    shown: set[int] = set()
    chosen: dict[str, list[int]] = {}
    # The rarest first: the others have more to choose from.
    for j in np.argsort(positive.sum(axis=0), kind="stable").tolist():
        finding = table.findings[j]
        boxed = _boxed(table, finding)
        rows = np.flatnonzero(positive[:, j])
        rows = rows[np.lexsort((chance[rows], lateral[rows], number[rows], ~boxed[rows]))]
        fresh = [row for row in rows[: 50 * each].tolist() if row not in shown]
        first = list({patients[row]: row for row in reversed(fresh)}.values())[::-1]
        taken = [*first, *(row for row in fresh if row not in set(first))][:each]
        shown.update(taken)
        chosen[finding] = taken
    return {name: chosen[name] for name in table.findings}


def make_samples(pack: Pack, each: int = _EACH, seed: int = 0) -> dict[str, list[Sample]]:
    """Samples with their pictures; only these are read from the pack."""
    count = max(len(pack.table.findings), 1)
    rows = _choose(pack.table, max(1, min(each, _MOST // count)), seed)
    positive = pack.table.codes == 1
    # A box is a share of the original, which only a squashed picture shows whole and without a margin.
    boxes = pack.table.boxes if pack.prepare.fit == "squash" else None
    return {
        finding: [_sample(pack, boxes, positive, finding, row) for row in own]
        for finding, own in rows.items()
    }


@dataclass(frozen=True)
class Odd:
    """An image at the end of a distribution: `mean` and `sd` are of its gray values, 0 to 255."""

    row: int
    image_id: str
    why: str
    mean: float
    sd: float

    def to_json(self) -> dict[str, Any]:
        """All but the row."""
        return {name: value for name, value in vars(self).items() if name != "row"}


def odd_ones(pack: Pack, each: int = 2) -> list[Odd]:
    """The images of the least contrast, the darkest and the brightest, each image once.

    From the sums that the pack keeps: no pixel is read.
    """
    pixels = pack.prepare.size**2
    mean = pack.stats["sum"].to_numpy() / pixels
    sd = np.sqrt(np.maximum(pack.stats["squares"].to_numpy() / pixels - mean**2, 0))
    found: dict[int, Odd] = {}
    for why, key in (("least contrast", sd), ("darkest", mean), ("brightest", -mean)):
        order = (row for row in np.argsort(key, kind="stable").tolist() if row not in found)
        for row in list(islice(order, each)):
            image_id = str(pack.table.frame["image_id"][row])
            found[row] = Odd(row, image_id, why, float(mean[row]), float(sd[row]))
    return list(found.values())


def _boxed(table: Table, finding: str) -> Bools:
    if table.boxes is None:
        return np.zeros(len(table), dtype=bool)
    ids = table.boxes.filter(pl.col("finding") == finding)["image_id"]
    return table.frame["image_id"].is_in(ids.implode()).to_numpy()


def _sample(pack: Pack, boxes: pl.DataFrame | None, positive: Bools, finding: str, row: int) -> Sample:
    about = pack.table.frame.row(row, named=True)
    age = None if about["age"] is None else f"{about['age']:.0f} years"
    others = [name for name, yes in zip(pack.table.findings, positive[row], strict=True) if yes]
    said = (about["projection"] or about["view"], about["sex"], age)
    own = () if boxes is None else _boxes_of(boxes, about["image_id"], finding)
    return Sample(
        about["image_id"],
        tuple(name for name in others if name != finding and name in pack.table.diseases),
        ", ".join(word for word in said if word),
        own,
        picture(pack, row),
    )


def _boxes_of(
    boxes: pl.DataFrame, image_id: str, finding: str
) -> tuple[tuple[float, float, float, float], ...]:
    own = boxes.filter((pl.col("image_id") == image_id) & (pl.col("finding") == finding))
    return tuple(own.select("x", "y", "width", "height").iter_rows())


def picture(pack: Pack, row: int) -> str:
    """One image of the pack as the source of an <img>."""
    return jpeg(pack.pixels[pack.slots[row]], _SIDE, _QUALITY)
