from __future__ import annotations

from pathlib import Path

import numpy as np
from made_tables import make_table

from hilum.config import SplitConfig
from hilum.table.split import make_split
from hilum.table.table import _Gap


def test_marks_are_positives_then_traits():
    table = make_table([0, 1, 2], Common=[1, -1, None], sex=["F", None, "M"], view=["frontal"] * 3)
    names, marks = table.marks()
    assert names == ("Common", "Rare", "Very rare", "sex F", "sex M", "view frontal")
    np.testing.assert_array_equal(marks[:, [0, 3, 4, 5]], [[1, 1, 0, 1], [0, 0, 0, 1], [0, 0, 1, 1]])


def test_a_table_without_findings_has_no_marks():
    table = make_table([0], sex=[None]).select(["Common"])
    bare = type(table).make(table.frame.drop("Common"), [])
    assert bare.marks()[1].shape == (1, 0)


def test_gaps_over_two_points_widest_first():
    n = 200
    table = make_table(
        list(range(n)),
        Common=[1] * 10 + [0] * 90 + [1] * 13 + [0] * 87,
        Rare=[0] * 100 + [1] * 5 + [0] * 95,
        **{"Very rare": [1] * 10 + [0] * 90 + [1] * 12 + [0] * 88},
        sex=["F"] * n,
    )
    first, second = np.arange(100), np.arange(100, 200)
    assert [gap.name for gap in table.rate_gaps(first, second)] == ["Rare", "Common"]
    assert table.rate_gaps(first, second)[0] == _Gap("Rare", 0.0, 0.05)
    assert [gap.name for gap in table.rate_gaps(first, second, points=4)] == ["Rare"]
    assert table.rate_gaps(first, np.zeros(0, np.int64)) == ()


def test_patients_in_two_parts():
    table = make_table([0, 0, 1, 2, 1], official_split=["train", "test", "train", "valid", None])
    parts = table.official_parts()
    assert {part: rows.tolist() for part, rows in parts.items()} == {
        "train": [0, 2],
        "valid": [3],
        "test": [1],
    }
    assert table.shared_patients(parts) == {("train", "test"): ("p0",)}


def test_findings_without_positives(tmp_path: Path):
    table = make_table([0, 1], Common=[1, 0], Rare=[-1, None], **{"Very rare": [0, 0]})
    (tmp_path / "split.csv").write_text("image_id,part\ni0,train\ni1,valid\n")
    split = make_split(table, SplitConfig(by="file", file=str(tmp_path / "split.csv")), 0)
    assert "No positive in train: Rare, Very rare." in split.warnings
    assert "No positive in valid: Common, Rare, Very rare." in split.warnings
