"""`Predictions`: kept as Parquet, refused where they do not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hilum.errors import DataError
from hilum.metrics import Predictions, Thresholds, score


def made(patients: bool = True) -> Predictions:
    return Predictions(
        np.array(["a", "b"], object),
        ("Edema", "Lung Lesion"),
        np.array([[-1.5, 2], [0, 60]], np.float32),
        np.array([[0, 1], [np.nan, 0]], np.float32),
        "valid",
        np.array(["p1", "p2"], object) if patients else None,
    )


@pytest.mark.parametrize("patients", [True, False])
def test_what_is_saved_is_loaded(tmp_path: Path, patients: bool) -> None:
    path = tmp_path / "deep" / "valid.parquet"
    predictions = made(patients)
    predictions.save(path)
    again = Predictions.load(path, "valid")
    np.testing.assert_array_equal(again.logits, predictions.logits)
    np.testing.assert_array_equal(again.targets, predictions.targets)
    assert again.targets.dtype == again.logits.dtype == np.float32
    assert list(again.image_ids) == ["a", "b"]
    assert (again.findings, again.part) == (predictions.findings, "valid")
    assert (again.patient_ids is None) == (not patients)
    assert [p.name for p in path.parent.iterdir()] == ["valid.parquet"]


@given(hnp.arrays(np.float32, (5, 2), elements=st.floats(-100, 100, width=32)))
def test_probabilities_are_the_sigmoid(logits: np.ndarray) -> None:
    predictions = Predictions(np.arange(5).astype(str).astype(object), ("A", "B"), logits, logits * 0, "test")
    np.testing.assert_allclose(predictions.probabilities, 1 / (1 + np.exp(-logits.astype(float))), atol=1e-15)


def test_findings_are_selected_by_name() -> None:
    chosen = made().select(["Lung Lesion"])
    assert chosen.findings == ("Lung Lesion",)
    np.testing.assert_array_equal(chosen.logits[:, 0], [2, 60])
    assert repr(chosen) == "Predictions(valid: 2 images, 1 finding)"
    with pytest.raises(DataError, match="did you mean 'Edema'"):
        made().select(["Oedema"])


def test_wrong_shapes_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"need logits and targets of shape \(1, 2\)"):
        Predictions(np.array(["a"], object), ("A", "B"), np.zeros((1, 1)), np.zeros((1, 2)), "test")
    with pytest.raises(DataError, match="cannot be read as predictions"):
        Predictions.load(tmp_path / "none.parquet", "test")
    (tmp_path / "junk.parquet").write_bytes(b"junk")
    with pytest.raises(DataError, match="cannot be read as predictions"):
        Predictions.load(tmp_path / "junk.parquet", "test")
    pl.DataFrame({"image_id": ["a"], "logit:A": [1.0]}).write_parquet(tmp_path / "half.parquet")
    with pytest.raises(DataError, match="holds no predictions"):
        Predictions.load(tmp_path / "half.parquet", "test")


@pytest.mark.parametrize(
    ("column", "values", "why"),
    [
        ("image_id", None, "has no column 'image_id'"),
        ("image_id", [1, 2], "'image_id' should hold text, and is Int64"),
        ("image_id", [b"a", b"b"], "'image_id' should hold text, and is Binary"),
        ("image_id", ["a", None], "should name every image once"),
        ("image_id", ["a", "a"], "should name every image once"),
        ("patient_id", [True, False], "'patient_id' should hold text, and is Boolean"),
        ("logit:Edema", ["0.5", "x"], "'logit:Edema' should hold numbers, and is String"),
        ("logit:Edema", [[1.0], [2.0]], "'logit:Edema' should hold numbers"),
        ("target:Edema", None, "has no column 'target:Edema'"),
        ("target:Edema", ["", ""], "'target:Edema' should hold numbers"),
        ("target:Edema", [1.0, 7.0], "targets should be 0, 1 or NaN"),
        ("target:Edema", [1.0, -1.0], "targets should be 0, 1 or NaN"),
        ("target:Edema", [float("inf"), 0.0], "targets should be 0, 1 or NaN"),
    ],
)
def test_a_column_of_something_else_is_told(
    tmp_path: Path, column: str, values: list[object] | None, why: str
) -> None:
    path = tmp_path / "p.parquet"
    made().save(path)
    frame = pl.read_parquet(path)
    frame = frame.drop(column) if values is None else frame.with_columns(pl.Series(column, values))
    frame.write_parquet(path)
    with pytest.raises(DataError, match=why):
        Predictions.load(path, "test")


def test_a_notebook_shows_what_is_scored_per_finding() -> None:
    shown = made()._repr_html_()
    cells = [row.split("</td>", 1)[-1] for row in shown.split("<tbody>")[1].split("</tr>")[:2]]
    assert cells == [
        "<td>0</td><td>1</td><td>1</td><td>0.341</td>",
        "<td>1</td><td>1</td><td>0</td><td>0.940</td>",
    ]
    assert "valid, 2 images" in shown


def of_shares(probabilities: np.ndarray, **more: object) -> Predictions:
    count = len(probabilities)
    targets = (np.arange(count) % 4 == 0)[:, None]
    return Predictions.from_probabilities(
        [f"i{n}" for n in range(count)], ["Edema"], probabilities, targets, **more
    )


def test_probabilities_come_back_as_they_were_of_shares() -> None:
    shares = np.array([[0.0], [1e-12], [0.3], [1.0]])
    found = of_shares(shares, patient_ids=["a", "a", "b", "b"])
    np.testing.assert_allclose(found.probabilities, shares, atol=1e-15)
    assert found.part == "test"
    assert list(found.patient_ids) == ["a", "a", "b", "b"]
    assert np.isfinite(found.logits).all()


@pytest.mark.parametrize("wrong", [1.02, -0.1, np.nan])
def test_what_is_no_probability_is_refused_by_name(wrong: float) -> None:
    with pytest.raises(DataError, match=r"'i1', Edema: expected a probability between 0 and 1; it is"):
        of_shares(np.array([[0.5], [wrong], [0.1]]))


def test_logits_that_look_like_probabilities_are_asked_about() -> None:
    shares = np.linspace(0.02, 0.98, 40)[:, None]
    ids = np.array([f"i{n}" for n in range(40)], dtype=object)
    targets = (np.arange(40) % 4 == 0)[:, None].astype(np.float32)
    wrong = Predictions(ids, ("Edema",), shares, targets, "test")
    assert "from_probabilities" in wrong.doubts[0]
    told = score(wrong, Thresholds(np.array([0.5]), ("Edema",))).warnings
    assert wrong.doubts[0] in told
    assert not of_shares(shares).doubts
    assert not replace(wrong, logits=shares * 0.1).doubts  # an untrained network's
    assert not wrong.take(np.arange(5)).doubts


def test_equal_ids_and_unknown_parts_are_refused() -> None:
    found = of_shares(np.array([[0.1], [0.2], [0.3]]))
    twice = np.array([0, 1, 1])
    with pytest.raises(DataError, match="image 'i1' is there 2 times"):
        found.take(twice)
    assert len(replace(found, part="train").take(twice)) == 3  # a sampling may show an image twice
    with pytest.raises(DataError, match=r"no part 'tset'; did you mean 'test'"):
        replace(found, part="tset")


def test_a_frame_has_a_row_an_image_and_finding() -> None:
    found = Predictions.from_probabilities(
        ["a", "b"],
        ["Edema", "Mass"],
        [[0.25, 0.5], [0.75, 0.1]],
        [[1, np.nan], [0, 1]],
        patient_ids=["p", "p"],
    )
    frame = found.frame(found.probabilities >= 0.5)
    assert frame.columns == [
        *("image_id", "patient_id", "study_id", "finding", "target", "logit", "probability", "decision")
    ]
    assert frame["image_id"].to_list() == ["a", "a", "b", "b"]
    assert frame["finding"].to_list() == ["Edema", "Mass", "Edema", "Mass"]
    assert frame["target"].to_list() == [1, None, 0, 1]
    assert frame["probability"].to_list() == pytest.approx([0.25, 0.5, 0.75, 0.1])
    assert frame["decision"].to_list() == [False, True, True, False]
    assert "decision" not in found.frame().columns
    assert len(found.frame().to_pandas()) == 4
