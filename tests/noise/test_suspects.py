"""Suspects as plain values."""

from __future__ import annotations

import json

from hilum.noise.suspects import REASONS, Neighbour, NoiseRate, Suspect, Suspects
from hilum.records import from_json, to_json

FOUND = Suspects(
    rates=(NoiseRate("Edema", 100, 40, 60, 0.1, 0.05, 2),),
    suspects=(
        Suspect(
            image_id="a",
            patient_id="p",
            finding="Edema",
            given=1,
            probability=0.02,
            rank=1,
            quality=0.02,
            reasons=REASONS[1:],
            neighbours=(Neighbour("b", 0.99, 0, "pack", 7), Neighbour("c", 0.9, None, "pack", 8)),
            pack="pack",
            slot=3,
        ),
        Suspect("d", "q", "Edema", 0, 0.9, 2, 0.1, (), (), "pack", 4),
    ),
    store="features",
    encoder="densenet",
    candidate="logistic",
    folds=5,
    repeats=3,
    threshold=0.9,
    warnings=("said",),
)


def test_a_trip_through_json_changes_nothing() -> None:
    """Reports and scripts read what a command wrote."""
    assert from_json(Suspects, json.loads(json.dumps(to_json(FOUND)))) == FOUND


def test_the_frame_has_a_row_a_suspect_and_is_readable() -> None:
    """Lists become text, so that the frame can be a CSV."""
    frame = FOUND.frame()
    assert frame["image_id"].to_list() == ["a", "d"]
    assert frame.row(0, named=True) | {"pack": ""} == {
        "finding": "Edema",
        "rank": 1,
        "image_id": "a",
        "patient_id": "p",
        "given": 1,
        "probability": 0.02,
        "quality": 0.02,
        "reasons": "confident error; near duplicate",
        "neighbours": "b c",
        "neighbour_labels": "0 ?",
        "pack": "",
        "slot": 3,
    }
    assert frame["reasons"][1] == ""


def test_no_suspects_are_a_frame_without_rows() -> None:
    """Columns are there all the same."""
    empty = Suspects((), (), "s", "e", "c", 5, 1, 0.9).frame()
    assert empty.height == 0
    assert "image_id" in empty.columns


def test_the_rate_of_all_is_that_of_both_classes_by_their_size() -> None:
    """4 of 40 and 3 of 60 are 7 of 100."""
    assert FOUND.rates[0].wrong == 0.07
    assert [one.image_id for one in FOUND.of("Edema")] == ["a", "d"]
    assert FOUND.of("Fracture") == ()
