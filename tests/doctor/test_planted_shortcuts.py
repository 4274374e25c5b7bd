"""Each kind of trait that tells the label is named, and none of its twins where the same values tell nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_images import make_table

from hilum.doctor.pictures import _SCHEMA
from hilum.doctor.report import Check
from hilum.doctor.shortcuts import _Shortcut, _shortcuts, shortcut_checks
from hilum.table import Table

N = 120
Labels = np.ndarray[Any, Any]
Values = Callable[[Labels, np.random.Generator], list[Any]]


def either(positive: Any, *negative: Any) -> Values:
    """One value for positives, one of the others for negatives."""
    return lambda labels, rng: [positive if one else negative[rng.integers(len(negative))] for one in labels]


def number(low: float, high: float) -> Values:
    """Positives between, negatives on both sides."""

    def draw(labels: Labels, rng: np.random.Generator) -> list[int]:
        inside = rng.uniform(low, high, len(labels))
        outside = np.where(rng.random(len(labels)) < 0.5, low - 1 - inside % 50, high + 1 + inside % 50)
        return np.where(labels, inside, outside).round().astype(int).tolist()

    return draw


FILES: dict[str, tuple[dict[str, Values], str]] = {
    "exact size": ({"width": either(80, 72, 88)}, "80 x 100"),
    "image height": ({"height": number(400, 500)}, ""),
    "aspect ratio": ({"height": number(90, 110)}, ""),
    "bit depth": ({"bits": either(12, 8, 16)}, "12"),
    "colour mode": ({"mode": either("gray", "rgb")}, "gray"),
    "file format": ({"kind": either("jpeg", "png", "dicom")}, "jpeg"),
    "JPEG coding": ({"coding": either("JPEG quality 75", "JPEG quality 95", None)}, "JPEG quality 75"),
    "manufacturer": ({"manufacturer": either("GE", None)}, "GE"),
    "scanner model": ({"model": either(None, "A", "B")}, "(not said)"),
    "software": ({"software": either("1.2", "1.3", "2.0", "7")}, "1.2"),
    "detector": ({"detector": either("SN1", "SN2", "SN3")}, "SN1"),
    "modality": ({"modality": either("CR", "DX")}, "CR"),
    "photometric interpretation": ({"photometric": either("MONOCHROME1", "MONOCHROME2")}, "MONOCHROME1"),
    "station": ({"station": either("ROOM1", "ROOM2")}, ""),
    "institution": ({"institution": either("St Mary", "St John")}, ""),
    "date": ({"day": number(736000, 737000)}, ""),
}
TABLE: dict[str, tuple[dict[str, Values], str]] = {
    "source": ({"source": either("riverside", "harbour", "hill")}, "riverside"),
    "projection AP": ({"projection": either("AP", "PA")}, ""),
    "lateral view": ({"view": either("lateral", "frontal")}, ""),
    "column Hospital": ({"Hospital": either("A", "B", "C")}, "A in 100%"),
}
SECRET = ("ROOM", "St Mary", "736", "737")


def labels_of(seed: int = 0) -> Labels:
    return np.random.default_rng(seed).permutation(N) % 3 == 0


def files_with(**columns: list[Any]) -> pl.DataFrame:
    usual = {"state": ["ok"] * N, "width": [100] * N, "height": [100] * N, "bits": [8] * N}
    return pl.DataFrame(
        {**usual, **columns}, schema={n: k for n, k in _SCHEMA.items() if n in {*usual, *columns}}
    )


def table_with(labels: Labels, **columns: list[Any]) -> Table:
    return make_table(Path(), [f"{i}.png" for i in range(N)], **{"Finding": labels.astype(int)} | columns)


def checks_of(table: Table, files: pl.DataFrame | None) -> list[Check]:
    return list(shortcut_checks(table, files))


def drawn(values: dict[str, Values], labels: Labels) -> dict[str, list[Any]]:
    rng = np.random.default_rng(7)
    return {name: draw(labels, rng) for name, draw in values.items()}


@pytest.mark.parametrize("trait", FILES)
def test_a_fact_of_the_file_that_equals_the_label_is_a_fault(trait: str):
    values, how = FILES[trait]
    labels = labels_of()
    table, files = table_with(labels), files_with(**drawn(values, labels))
    found = {shortcut.trait: shortcut for shortcut in _shortcuts(table, files)}
    assert found[trait].auc >= 0.95
    assert how in found[trait].how
    check, *_ = checks_of(table, files)
    assert check.level == "fault"
    assert f"{trait} predicts" in check.message
    assert not any(word in str(check) for word in SECRET)
    chance = files_with(**drawn(values, labels_of(1)))
    assert [check.message for check in checks_of(table, chance)] == [
        "Nothing but the picture predicts a label with an AUC of 0.7."
    ]


@pytest.mark.parametrize("trait", TABLE)
def test_a_column_that_equals_the_label_is_a_fault(trait: str):
    values, how = TABLE[trait]
    labels = labels_of()
    (check,) = checks_of(table_with(labels, **drawn(values, labels)), None)
    assert check.level == "fault"
    assert trait in check.message
    assert how in check.message
    (fine,) = checks_of(table_with(labels, **drawn(values, labels_of(1))), None)
    assert fine.level == "ok"
    assert trait in fine.message
    assert "not looked at: sizes and kinds of files, scanner tags, dates" in fine.message


@given(seed=st.integers(0, 99), wrong=st.floats(0, 0.02), low=st.floats(-5e3, 5e3), wide=st.floats(0.5, 1e3))
@settings(max_examples=15, deadline=None)
def test_a_band_of_any_place_and_width_is_found(seed: int, wrong: float, low: float, wide: float):
    """Heights within a band have the finding, but for a share of wrong labels; exact, or in steps of it."""
    rng = np.random.default_rng(seed)
    n = 300
    height = rng.uniform(low - wide, low + 2 * wide, n)
    labels = ((height > low) & (height < low + wide)) ^ (rng.random(n) < wrong)
    day = pl.DataFrame({"width": [1] * n, "day": height}, schema={"width": pl.Int32, "day": pl.Float64})
    table = make_table(Path(), [f"{i}.png" for i in range(n)], Finding=labels.astype(int))
    (found,) = _shortcuts(table, day)
    assert found.trait == "date"
    assert found.auc > 0.9
    shuffled = day.with_columns(day=pl.Series(rng.permutation(height)))
    assert _shortcuts(table, shuffled) == []


@given(seed=st.integers(0, 999), share=st.floats(0, 0.2))
@settings(max_examples=15, deadline=None)
def test_how_much_a_class_tells_is_near_the_truth(seed: int, share: float):
    """Files of a format that is the label but for a share of them: the AUC is that of two coins."""
    rng = np.random.default_rng(seed)
    n = 400
    labels = rng.random(n) < 0.5
    png = labels ^ (rng.random(n) < share)
    files = pl.DataFrame({"width": [1] * n, "kind": np.where(png, "png", "jpeg")})
    table = make_table(Path(), [f"{i}.png" for i in range(n)], Finding=labels.astype(int))
    (found,) = _shortcuts(table, files)
    truth = (png[labels].mean() + (~png[~labels]).mean()) / 2
    assert found.auc == pytest.approx(truth, abs=0.01)


def test_values_of_one_patient_alone_tell_nothing():
    """Every patient has a scanner of his own: that the finding goes with it says nothing of others."""
    patients = [f"p{i // 4}" for i in range(N)]
    labels = np.array([int(p[1:]) % 2 == 0 for p in patients])
    table = table_with(labels, patient_id=patients)
    assert _shortcuts(table, files_with(model=patients)) == []


def test_films_of_few_patients_are_not_judged_and_that_is_said():
    labels = np.arange(N) < 60
    patients = [f"p{i // 30 if i < 60 else i}" for i in range(N)]
    table = table_with(labels, patient_id=patients)
    files = files_with(kind=np.where(labels, "png", "jpeg").tolist())
    assert _shortcuts(table, files) == []
    (check,) = checks_of(table, files)
    assert "not looked at: Finding (too few patients with or without)" in check.message


def folders(labels: Labels, **names: Any) -> list[_Shortcut]:
    paths = [names["of"](i, bool(one)) for i, one in enumerate(labels)]
    return _shortcuts(make_table(Path(), paths, Finding=labels.astype(int), source=["csv"] * N))


def test_a_folder_that_tells_the_label_is_named_unless_it_is_the_label():
    labels = labels_of()
    (found,) = folders(labels, of=lambda i, ill: f"{'river' if ill else 'hill'}/{i}.png")
    assert str(found) == "folder 1 predicts Finding (1.00): river in 100% of Finding and 0% of the others"
    assert folders(labels, of=lambda i, ill: f"{'finding' if ill else 'normal'}/{i}.png") == []
    assert folders(labels, of=lambda i, ill: f"{'train' if ill else 'test'}/{i}.png") == []


def test_below_the_folders_of_a_label_only_shared_names_count():
    labels = labels_of()
    own = folders(labels, of=lambda i, ill: f"{'finding/viral' if ill else 'normal/healthy'}/{i}.png")
    assert own == []
    shared = folders(
        labels,
        of=lambda i, ill: (
            f"{'finding' if ill else 'normal'}/{('A', 'B')[ill if i % 40 else not ill]}/{i}.png"
        ),
    )
    assert [shortcut.trait for shortcut in shared] == ["folder 2"]


@pytest.mark.parametrize("part", ["train", "test"])
def test_what_tells_the_label_in_one_part_alone_is_told_of_that_part(part: str):
    """As where all ill patients of a test part come from one hospital, and those of the training part from two."""
    labels = labels_of()
    parts = ["train" if i % 2 else "test" for i in range(N)]
    mixed = ["A" if i % 5 < 2 else "B" for i in range(N)]
    source = [
        ("A" if one else "B") if own == part else other
        for one, own, other in zip(labels, parts, mixed, strict=True)
    ]
    table = table_with(labels, official_split=parts, source=source)
    (check, *_) = checks_of(table, None)
    assert check.level == "fault"
    assert f"source predicts Finding in the {part} part (1.00): A in 100% of Finding" in check.message
    everywhere = table_with(labels, official_split=parts, source=["A" if one else "B" for one in labels])
    assert "part" not in checks_of(everywhere, None)[0].message


def test_age_and_sex_are_notes_until_they_decide():
    labels = labels_of()
    (check,) = checks_of(table_with(labels, sex=["M" if one else "F" for one in labels]), None)
    assert check.level == "warning"
    mostly = ["M" if one and i % 4 else "F" for i, one in enumerate(labels)]
    assert [check.level for check in checks_of(table_with(labels, sex=mostly), None)] == ["note"]


def test_clean_tables_of_many_seeds_have_no_false_alarm():
    """Drawn traits of every kind that have nothing to do with five findings, patients of one to six images."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(200), rng.integers(1, 7, 200))
        n = len(patient)
        ill = rng.random((200, 5)) < rng.uniform(0.1, 0.5, 5)
        per = {name: rng.integers(0, count, 200)[patient] for name, count in
               {"kind": 3, "model": 8, "detector": 60, "coding": 20, "station": 12}.items()}  # fmt: skip
        files = pl.DataFrame({name: value.astype(str) for name, value in per.items()}).with_columns(
            width=pl.Series(rng.integers(900, 3000, 200)[patient]),
            height=pl.Series(rng.choice([2048, 2544], n)),
            day=pl.Series(rng.uniform(0, 4000, n)),
        )
        frame = {"image_id": [str(i) for i in range(n)], "path": [f"{i}.png" for i in range(n)]}
        frame |= {"patient_id": [f"p{i}" for i in patient], "source": ["csv"] * n}
        findings = {f"F{j}": (ill[patient, j] & (rng.random(n) < 0.9)).astype(int) for j in range(5)}
        table = Table.make(pl.DataFrame(frame | findings), list(findings))
        assert [str(one) for one in _shortcuts(table, files) if one.auc >= 0.7] == []
