"""Which images the report shows, and their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hilum.drawing import jpeg
from hilum.errors import PackError
from hilum.metrics import Bools, Floats, Predictions, Thresholds
from hilum.pixels import Pack
from hilum.report.content import Part

_KINDS = ("true positive", "false positive", "false negative", "true negative")
"""What a decision can be."""

_COUNT = 16
"""How many are shown."""

_SIDE = 256
"""Pixels of a picture's side in the report, at most."""


@dataclass(frozen=True)
class _Choice:
    """One image and the finding that it is shown for."""

    row: int
    column: int
    kind: str


@dataclass(frozen=True)
class _Example:
    """One picture with what is true and what the model said."""

    image_id: str
    kind: str
    finding: str
    probability: float
    threshold: float
    truth: tuple[str, ...]
    predicted: tuple[str, ...]
    picture: str

    @property
    def order(self) -> int:
        """Its kind's place among `_KINDS`."""
        return _KINDS.index(self.kind)

    @property
    def alt(self) -> str:
        """The picture in words."""
        return f"Chest X-ray {self.image_id}, a {self.kind} for {self.finding}"


def _choose(predictions: Predictions, thresholds: Thresholds, count: int = _COUNT) -> list[_Choice]:
    """The most confident right and wrong decisions, spread over findings, each image once.

    A quarter each of true positives, false positives, false negatives and true negatives; where one kind is rare,
    the others fill up.
    """
    yes = thresholds.decide(predictions)
    positive, negative = predictions.targets == 1, predictions.targets == 0
    cells = dict(zip(_KINDS, (positive & yes, negative & yes, positive & ~yes, negative & ~yes), strict=True))
    margin = _margin(predictions.probabilities, thresholds.values)
    queues = {kind: _queue(mask, margin, count) for kind, mask in cells.items()}
    chosen: list[_Choice] = []
    shown: set[int] = set()
    for kinds, limit in ((_KINDS, count // 4), (_KINDS, count)):
        for kind in kinds:
            taken = 0
            for row, column in queues[kind]:
                if taken == limit or len(chosen) == count:
                    break
                if row not in shown:
                    shown.add(row)
                    chosen.append(_Choice(row, column, kind))
                    taken += 1
    return sorted(chosen, key=lambda choice: _KINDS.index(choice.kind))


def open_pack(data: dict[str, Any]) -> tuple[Pack | None, str]:
    """The pack that a run was trained on, or why its pictures cannot be shown.

    Args:
        data: the run's data.json.
    """
    try:
        pack = Pack(data["pack"])
    except PackError:
        return None, "The pack that the run was trained on is no longer where it was: no pictures to show."
    if pack.fingerprint != data["pack_fingerprint"]:
        return None, "The pack has changed since the run was trained: no pictures to show."
    return pack, ""


def make_examples(part: Part, pack: Pack, count: int = _COUNT) -> list[_Example]:
    """Examples with pictures: at most `count`, none where no label is known.

    Args:
        part: what is shown. Of a study or a patient, the image with the largest logit is.
        pack: what the run was trained on.
        count: how many, at most.
    """
    predictions, thresholds = part.predictions, part.scores.thresholds
    row_of = {image_id: row for row, image_id in enumerate(pack.table.image_ids)}
    chosen = _choose(predictions, thresholds, count)
    pairs = [(choice, _image_id(part, choice)) for choice in chosen]
    pairs = [(choice, image_id) for choice, image_id in pairs if image_id in row_of]
    rows = np.array([row_of[image_id] for _, image_id in pairs], dtype=np.int64)
    pictures = pack.images(pack.slots[rows])
    yes = thresholds.decide(predictions)
    return [
        _example(predictions, thresholds, yes, choice, image_id, picture)
        for (choice, image_id), picture in zip(pairs, pictures, strict=True)
    ]


def _image_id(part: Part, choice: _Choice) -> str:
    """The image that stands for a row: itself, or the one of its study or patient with the largest logit."""
    name = str(part.predictions.image_ids[choice.row])
    ids = {"study": part.raw.study_ids, "patient": part.raw.patient_ids}.get(part.predictions.unit)
    if ids is None:
        return name
    rows = np.flatnonzero(ids.astype(str) == name)
    return str(part.raw.image_ids[rows[part.raw.logits[rows, choice.column].argmax()]])


def _example(
    predictions: Predictions,
    thresholds: Thresholds,
    yes: Bools,
    choice: _Choice,
    image_id: str,
    picture: npt.NDArray[np.uint8],
) -> _Example:
    def names(mask: Bools) -> tuple[str, ...]:
        return tuple(name for name, is_so in zip(predictions.findings, mask, strict=True) if is_so)

    row, column = choice.row, choice.column
    return _Example(
        image_id,
        choice.kind,
        predictions.findings[column],
        float(predictions.probabilities[row, column]),
        float(thresholds.values[column]),
        names(predictions.targets[row] == 1),
        names(yes[row]),
        jpeg(picture, _SIDE),
    )


def _margin(probabilities: Floats, thresholds: Floats) -> Floats:
    """How far a probability is from its threshold, as a share of the way to 0 or 1."""
    above = (probabilities - thresholds) / np.maximum(1 - thresholds, 1e-9)
    below = (thresholds - probabilities) / np.maximum(thresholds, 1e-9)
    return np.where(probabilities >= thresholds, above, below)


def _queue(mask: Bools, margin: Floats, count: int) -> list[tuple[int, int]]:
    """Cells of a kind: every finding's most confident one, then every finding's second, and so on."""
    ranked = []
    for column in range(mask.shape[1]):
        rows = np.flatnonzero(mask[:, column])
        order = rows[np.argsort(-margin[rows, column], kind="stable")][: 2 * count]
        ranked += [(place, -margin[row, column], int(row), column) for place, row in enumerate(order)]
    return [(row, column) for _, _, row, column in sorted(ranked)]
