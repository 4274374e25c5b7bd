"""Suspects made by hand, in a pack of drawn pictures."""

from __future__ import annotations

from typing import Any

from hilum.noise import REASONS, Suspects
from hilum.pixels import Pack
from hilum.records import from_json


def make_suspects(pack: Pack, findings: tuple[str, ...] = ("Edema",), each: int = 3) -> Suspects:
    """`each` suspects a finding, alternately labelled positive and negative, each with five neighbours."""
    ids = pack.table.image_ids
    place = str(pack.path)

    def near(row: int, given: int) -> list[dict[str, Any]]:
        labels = (given, 1 - given, None, 1 - given, given)
        return [
            {"image_id": ids[row + step], "similarity": 0.99 - step / 100, "label": label}
            | {"pack": place, "slot": row + step}
            for step, label in enumerate(labels, 1)
        ]

    suspects = []
    for column, finding in enumerate(findings):
        for row in range(each):
            at, given = column * each + row, 1 - row % 2
            suspects.append(
                {"image_id": ids[at], "patient_id": f"patient {at}", "finding": finding, "given": given}
                | {"probability": 0.02 if given else 0.97, "rank": row + 1, "quality": 0.02}
                | {"reasons": REASONS[: row % 4], "neighbours": near(at, given), "pack": place, "slot": at}
            )
    share = {"images": 200, "positives": 50, "negatives": 150, "wrong_positive": 0.1, "wrong_negative": 0.02}
    rates = [{"finding": finding, "suspects": each, **share} for finding in findings]
    how = {"store": "features", "encoder": "tiny net", "candidate": "logistic, C 0.1"}
    how |= {"folds": 5, "repeats": 3, "threshold": 0.95}  # type: ignore[dict-item]
    return from_json(Suspects, {"rates": rates, "suspects": suspects, **how})
