"""Suspects made by hand, in a pack of drawn pictures."""

from __future__ import annotations

from dataclasses import make_dataclass

from hilum.noise import DUPLICATE, ERROR, LEARNING, Neighbour, Suspect, Suspects
from hilum.pixels import Pack

NoiseRate = make_dataclass(
    "NoiseRate",
    ["finding", "images", "positives", "negatives", "wrong_positive", "wrong_negative", "suspects"],
)


def make_suspects(pack: Pack, findings: tuple[str, ...] = ("Edema",), each: int = 3) -> Suspects:
    """`each` suspects a finding, alternately labelled positive and negative, each with five neighbours."""
    ids = pack.table.image_ids
    place = str(pack.path)

    def near(row: int, given: int) -> tuple[Neighbour, ...]:
        labels = (given, 1 - given, None, 1 - given, given)
        return tuple(
            Neighbour(ids[row + step], 0.99 - step / 100, label, place, row + step)
            for step, label in enumerate(labels, 1)
        )

    suspects = []
    for column, finding in enumerate(findings):
        for row in range(each):
            at, given = column * each + row, 1 - row % 2
            probability = 0.02 if given else 0.97
            suspects.append(
                Suspect(
                    *(ids[at], f"patient {at}", finding, given, probability, row + 1, 0.02),
                    *((LEARNING, ERROR, DUPLICATE)[: row % 4], near(at, given), place, at),
                )
            )
    rates = tuple(NoiseRate(finding, 200, 50, 150, 0.1, 0.02, each) for finding in findings)
    return Suspects(rates, tuple(suspects), "features", "tiny net", "logistic, C 0.1", 5, 3, 0.95)
