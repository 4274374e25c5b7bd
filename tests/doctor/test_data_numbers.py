"""What is counted of a pack and warned of, on tables made for the purpose."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hilum.config import CleanConfig
from hilum.doctor.numbers import DataNumbers, _label_vectors
from hilum.doctor.packed import _checks
from hilum.doctor.patients import Patients
from hilum.doctor.report import Check
from hilum.pixels import Pack
from hilum.table import Table, clean, read_source
from made_packs_of_tables import made_table, packed


def checks_of(pack: Pack) -> dict[str, Check]:
    return {check.name: check for check in _checks(pack, DataNumbers.of(pack))}


def test_labels_vectors_and_findings_per_image_are_counted() -> None:
    table = made_table(
        {
            "No Finding": [None, None, None, None, 1, None],
            "Edema": [1, 1, -1, 0, None, 1],
            "Hernia": [1, 1, 0, 1, 0, 0],
        },
        patient_id=["a", "a", "b", "b", "c", "d"],
        study_id=["1", "2", "3", "3", "4", "5"],
        age=[20.0, 24.0, 31.0, None, 90.0, 20.0],
        sex=["F", "F", "M", "M", None, "M"],
    )
    numbers = DataNumbers.of(packed(table))
    edema = numbers.findings[1]
    assert (edema.positive, edema.negative, edema.uncertain, edema.blank, edema.patients) == (3, 1, 1, 1, 2)
    assert numbers.per_image == {0: 2, 1: 2, 2: 2}
    assert numbers.distinct_vectors == 5
    assert numbers.vectors[0].findings == ("Edema", "Hernia")
    assert numbers.vectors[0].images == 2
    assert (numbers.patients, numbers.studies) == (4, 5)
    assert numbers.per_patient == {"images": {"1": 2, "2": 2}, "studies": {"1": 3, "2": 1}}
    assert numbers.ages["bins"][:3] == [[20, 2, 1, 0], [25, 0, 0, 0], [30, 0, 1, 0]]
    assert numbers.ages["bins"][-1] == [90, 0, 0, 1]
    assert (numbers.ages["known"], numbers.ages["median"]) == (5, 24.0)
    assert sum(row[1] for row in numbers.gray["bins"]) == 6
    (pair,) = [p for p in numbers.pairs if {p.first, p.second} == {"Edema", "Hernia"}]
    assert (pair.both, pair.expected) == (2, 1.5)
    json.dumps(numbers.to_json(), allow_nan=False)


def test_warnings_name_blank_uncertain_inseparable_and_one_patients_findings() -> None:
    n = 60
    half = [1] * 30 + [0] * 30
    table = made_table(
        {
            "No Finding": [1] * 3 + [None] * (n - 3),
            "Blank": [None] * n,
            "Twin": half,
            "Other Twin": half,
            "Inner": [1] * 25 + [0] * 35,
            "Unsure": [1] * 5 + [-1] * 20 + [0] * 20 + [None] * 15,
            "Rarely said": [1] * 10 + [None] * (n - 10),
        },
        patient_id=["same"] * 30 + [f"p{row}" for row in range(30)],
    )
    found = checks_of(packed(table))
    assert found["all-blank"].message == "Blank in every row: Blank."
    assert (
        found["always-together"].message == "Positive on exactly the same images: Twin and Other Twin (30)."
    )
    assert "Inner with Twin (25)" in found["only-together"].message
    assert found["uncertain"].message == "Often called uncertain where mentioned at all: Unsure (44%)."
    assert found["uncertain"].level == "warning"
    assert "Twin (30 images of 1 patient)" in found["few-patients"].message
    assert found["no-finding"].message == "3 images have both No Finding and a finding."
    assert "Rarely said (83%)" in found["mostly-blank"].message
    levels = [check.level for check in _checks(packed(table), DataNumbers.of(packed(table)))]
    assert levels == sorted(levels, key=("fault", "warning", "note").index)


def test_devices_may_be_there_with_no_finding() -> None:
    table = made_table({"No Finding": [1, 1, None], "Support Devices": [1, 1, 0], "Edema": [0, 0, 1]})
    assert "no-finding" not in checks_of(packed(table))


def test_equal_pictures_in_two_parts_are_a_fault_without_a_look_at_pixels() -> None:
    table = made_table({"Edema": [1, 0, 1, 0]}, official_split=["train", "train", "test", "test"])
    pack = packed(table)
    stats = pack.stats.with_columns(digest=pl.Series(["a", "b", "b", "c"]))
    found = checks_of(packed(table, stats=stats))
    assert found["exact-duplicates"].level == "fault"
    assert "1 group of identical pictures lies in two official parts" in found["exact-duplicates"].message
    assert found["contradicting-labels"].level == "fault"
    assert "exact-duplicates" not in checks_of(pack)


def film(seed: int, dependent: bool) -> Table:
    """Two images a patient; Edema is three times as frequent on AP films, or not."""
    rng, n = np.random.default_rng(seed), 600
    ap = np.repeat(rng.random(n // 2) < 0.5, 2)
    rate = np.where(ap, 0.45, 0.15) if dependent else 0.3
    return made_table(
        {
            name: (rng.random(n) < (rate if name == "Edema" else 0.3)).astype(int).tolist()
            for name in ("Edema", "A", "B")
        },
        projection=np.where(ap, "AP", "PA").tolist(),
        sex=rng.choice(["F", "M"], n).tolist(),
        patient_id=[f"p{row // 2}" for row in range(n)],
    )


def test_a_finding_that_goes_with_the_projection_is_named() -> None:
    pack = packed(film(0, dependent=True))
    check = checks_of(pack)["depends-on-projection"]
    assert check.level == "warning"
    assert check.message.startswith("A finding depends on projection: Edema 4")
    (found,) = DataNumbers.of(pack).dependences
    assert (found.high.value, found.low.value, found.finding) == ("AP", "PA", "Edema")
    assert found.times > 2


def test_without_a_dependence_there_is_seldom_an_alarm() -> None:
    alarms = sum(
        bool(DataNumbers.of(packed(film(seed, dependent=False))).dependences) for seed in range(1, 21)
    )
    assert alarms <= 1


def test_groups_hold_all_rows_of_their_value_and_those_that_do_not_say() -> None:
    table = made_table(
        {"Edema": [1, 1, 0, 0, 0, 1]},
        sex=["F", "F", "M", "M", None, None],
        age=[5.0, 17.9, 18.0, 60.0, 80.0, None],
    )
    groups = {(group.attribute, group.value): group for group in DataNumbers.of(packed(table)).groups}
    assert groups["sex", "F"].rates[0].share == 1
    assert groups["sex", "not said"].rates[0].share == 0.5
    assert [key[1] for key in groups if key[0] == "age_band"] == [
        "0-17", "18-39", "60-79", "80+", "not said",
    ]  # fmt: skip
    assert groups["age_band", "0-17"].images == 2
    assert not any(key[0] == "projection" for key in groups)


@pytest.mark.real
def test_chexpert_after_the_2020_cleaning_has_802_label_vectors() -> None:
    found = importlib.util.find_spec("torchxrayvision")
    if found is None or found.origin is None:
        pytest.skip("torchxrayvision is not installed")
    everything = read_source("chexpert", Path(found.origin).parent / "data")
    table, _ = clean(everything, CleanConfig(views=("frontal",), studies_below=5, projections=("AP", "PA")))
    twelve = table.select([name for name in table.findings if name not in ("No Finding", "Support Devices")])
    vectors = _label_vectors(twelve)
    assert len(vectors) == 802
    assert [(v.findings, v.images) for v in vectors[:5]] == [
        ((), 25_805),
        (("Lung Opacity",), 12_816),
        (("Lung Opacity", "Pleural Effusion"), 10_586),
        (("Edema",), 4_834),
        (("Pleural Effusion",), 4_770),
    ]
    yes = twelve.codes == 1
    found_lifts = Patients.of(table.frame["patient_id"]).lifts(yes, yes)
    assert found_lifts.lift[5, 6] == pytest.approx(581 * 131_748 / (7_923 * 3_511))
