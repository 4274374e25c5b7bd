"""What the data report counts, warns of and shows, on tables made for the purpose."""

from __future__ import annotations

import importlib.util
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from hilum.config import CleanConfig, PrepareConfig
from hilum.doctor import Check
from hilum.pixels import Pack
from hilum.report.dataset.checks import data_checks
from hilum.report.dataset.numbers import count, label_vectors, positives
from hilum.report.dataset.originals import find_originals
from hilum.report.dataset.page import page, write_data_report
from hilum.report.dataset.samples import choose, make_samples, odd_ones
from hilum.report.dataset.shares import Patients, lifts
from hilum.report.dataset.tables import colour, heat_map, lift_text, strongest, summary
from hilum.table import Table, clean, read_source


def made_table(
    labels: dict[str, list[int | None]], boxes: pl.DataFrame | None = None, **columns: Any
) -> Table:
    n = len(next(iter(labels.values())))
    frame = {
        "image_id": [f"i{row}" for row in range(n)],
        "path": [f"{row}.png" for row in range(n)],
        "patient_id": [f"p{row}" for row in range(n)],
        "source": ["csv"] * n,
        **columns,
        **labels,
    }
    return Table.make(pl.DataFrame(frame), list(labels), "", boxes)


def packed(table: Table, **changes: Any) -> Pack:
    """A pack in memory: every image of one gray, all different."""
    n, size = len(table), 16
    gray = np.arange(n) % 251
    stats = pl.DataFrame(
        {
            "image_id": table.frame["image_id"],
            "slot": np.arange(n),
            "sum": gray * size**2,
            "squares": gray**2 * size**2,
            "digest": [f"{row:04d}" for row in range(n)],
        }
    )
    info = {"source": "csv", "created": "today", "hilum": "0", "table_fingerprint": "1" * 64, "root": ""}
    nothing = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    values = {
        "path": Path("a-pack"),
        "table": table,
        "pixels": np.broadcast_to(gray.astype(np.uint8)[:, None, None], (n, size, size)),
        "slots": np.arange(n),
        "prepare": PrepareConfig(size=size),
        "fingerprint": "0" * 64,
        "excluded": nothing,
        "info": info,
        "stats": stats,
    }
    return Pack(**(values | changes))


def checks_of(pack: Pack) -> dict[str, Check]:
    return {check.name: check for check in data_checks(pack, count(pack))}


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
    numbers = count(packed(table))
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


def test_the_summary_tells_what_it_is() -> None:
    table = made_table(
        {"Edema": [1, 0, 0, 0], "Hernia": [1, 1, 1, 0]},
        sex=["F", "M", "M", "M"],
        view=["frontal"] * 4,
        age=[40.0, 50.0, 60.0, 71.0],
    )
    pack = packed(table)
    assert summary(pack, count(pack)) == (
        "4 images of 4 patients (source: csv), aged 40 to 71 years (median 55); 75% male, 25% female; "
        "all frontal. "
        "Of 2 findings, Hernia is the most frequent (3 images, 75.0%), Edema the rarest (1, 25.0%); 1 image "
        "(25.0%) has none."
    )
    one = packed(table.select(("Edema",)))
    assert "Edema is positive in 1 image (25.0%)." in summary(one, count(one))


def test_a_pack_without_findings_or_ages_has_a_page(tmp_path: Path) -> None:
    bare = made_table({"Edema": [1, 0]})
    table = Table.make(bare.frame.drop("Edema"), [], "")
    text = write_data_report(packed(table), tmp_path / "bare.html").read_text()
    assert "No finding is labelled." in text
    assert "No age is known." in text


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
    levels = [check.level for check in data_checks(packed(table), count(packed(table)))]
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
    (found,) = count(pack).dependences
    assert (found.high.value, found.low.value, found.finding) == ("AP", "PA", "Edema")
    assert found.times > 2


def test_without_a_dependence_there_is_seldom_an_alarm() -> None:
    alarms = sum(bool(count(packed(film(seed, dependent=False))).dependences) for seed in range(1, 21))
    assert alarms <= 1


def test_groups_hold_all_rows_of_their_value_and_those_that_do_not_say() -> None:
    table = made_table(
        {"Edema": [1, 1, 0, 0, 0, 1]},
        sex=["F", "F", "M", "M", None, None],
        age=[5.0, 17.9, 18.0, 60.0, 80.0, None],
    )
    groups = {(group.attribute, group.value): group for group in count(packed(table)).groups}
    assert groups["sex", "F"].rates[0].share == 1
    assert groups["sex", "not said"].rates[0].share == 0.5
    assert [key[1] for key in groups if key[0] == "age_band"] == [
        "0-17", "18-39", "60-79", "80+", "not said",
    ]  # fmt: skip
    assert groups["age_band", "0-17"].images == 2
    assert not any(key[0] == "projection" for key in groups)


def test_the_heat_map_shows_lifts_below_and_counts_above_the_diagonal() -> None:
    rng = np.random.default_rng(5)
    a = rng.random(400) < 0.5
    labels = {"A": a, "B": a & (rng.random(400) < 0.9), "C": ~a & (rng.random(400) < 0.6), "Never": a & ~a}
    numbers = count(packed(made_table({name: mark.astype(int).tolist() for name, mark in labels.items()})))
    heat = heat_map(numbers)
    assert heat["names"] == ["A", "B", "C"]
    assert heat["left_out"] == 1
    for i, j in itertools.combinations(range(3), 2):
        first, second = labels[heat["names"][i]], labels[heat["names"][j]]
        assert heat["rows"][i]["cells"][j]["text"] == f"{(first & second).sum():,}"
        lift = 400 * (first & second).sum() / (first.sum() * second.sum())
        cell = heat["rows"][j]["cells"][i]
        assert cell["text"] == lift_text(lift)
        assert cell["real"]
    more, less = strongest(numbers)
    assert [(p.first, p.second) for p in more] == [("A", "B")]
    assert {p.second for p in less} == {"C"}


def test_colours_are_symmetric_in_the_logarithm() -> None:
    depth = {lift: colour(lift).rsplit(",", 1)[1] for lift in (0.25, 4.0, 1 / 8, 8.0, 30.0, 0.0, 1.0)}
    assert depth[0.25] == depth[4.0]
    assert depth[1 / 8] == depth[8.0] == depth[30.0] == depth[0.0]
    assert depth[1.0] == " 0.00)"
    assert colour(float("nan")) == ""


def test_samples_have_few_other_findings_and_different_patients() -> None:
    n = 40
    table = made_table(
        {
            "No Finding": [0] * n,
            "Edema": [1] * 20 + [0] * 20,
            "Hernia": [0] * 14 + [1] * 16 + [0] * 10,
            "Never": [0] * n,
        },
        patient_id=[f"p{row // 2 if row < 20 else row // 5 + 10}" for row in range(n)],
        view=["lateral"] * 6 + ["frontal"] * 34,
    )
    chosen = choose(table)
    assert list(chosen) == list(table.findings)
    assert chosen["Never"] == []
    assert all(6 <= row < 14 for row in chosen["Edema"])
    assert chosen["Edema"] == choose(table)["Edema"]
    assert chosen["Edema"] != choose(table, seed=3)["Edema"]
    # Two patients have a hernia alone; two more are shown before either of them comes again.
    patients = table.frame["patient_id"].to_list()
    assert [row >= 20 for row in chosen["Hernia"]] == [True, True, False, False]
    assert len({patients[row] for row in chosen["Hernia"]}) == 4
    shown = [row for rows in chosen.values() for row in rows]
    assert len(set(shown)) == len(shown)


def test_boxes_are_framed_where_the_picture_shows_all_of_the_image() -> None:
    boxes = pl.DataFrame(
        {"image_id": ["i3"], "finding": ["Edema"], "x": [0.1], "y": [0.2], "width": [0.3], "height": [0.4]}
    )
    table = made_table({"Edema": [1] * 9}, boxes)
    first = make_samples(packed(table))["Edema"][0]
    assert first.image_id == "i3"
    assert first.boxes == (pytest.approx((0.1, 0.2, 0.3, 0.4)),)
    padded = packed(table, prepare=PrepareConfig(size=16, fit="pad"))
    assert make_samples(padded)["Edema"][0].boxes == ()


def test_odd_ones_are_the_flattest_darkest_and_brightest_each_once() -> None:
    pack = packed(made_table({"Edema": [0] * 20}))
    noisy = pack.stats.with_columns(
        squares=pl.col("squares") + pl.col("slot").ne(7).cast(pl.Int64) * 256 * 100
    )
    odd = odd_ones(packed(pack.table, stats=noisy), each=1)
    assert [(o.why, o.image_id, round(o.mean), round(o.sd)) for o in odd] == [
        ("least contrast", "i7", 7, 0),
        ("darkest", "i0", 0, 10),
        ("brightest", "i19", 19, 10),
    ]
    assert len(odd_ones(packed(made_table({"Edema": [0] * 3})))) == 3


def test_names_from_the_data_are_text_in_the_page(tmp_path: Path) -> None:
    table = made_table({"<b>Edema": [1, 0, 1], "A & B": [1, 1, 0]}, image_id=["<i>1", "2", "3"])
    text = write_data_report(packed(table), tmp_path / "odd.html").read_text()
    assert "&lt;b&gt;Edema" in text
    assert "<b>Edema" not in text
    assert "<i>1" not in text


def test_many_findings_stay_small(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = {f"Finding {j}": (rng.random(300) < 0.2).astype(int).tolist() for j in range(60)}
    pack = packed(made_table(labels))
    path = write_data_report(pack, tmp_path / "many.html")
    assert path.stat().st_size < 5_000_000
    shown = page(pack, count(pack), (), make_samples(pack), find_originals(pack))
    assert len(shown["heat"]["names"]) == 30
    assert all(len(entry["samples"]) == 2 for entry in shown["samples"])


@pytest.mark.real
def test_chexpert_after_the_2020_cleaning_has_802_label_vectors() -> None:
    found = importlib.util.find_spec("torchxrayvision")
    if found is None or found.origin is None:
        pytest.skip("torchxrayvision is not installed")
    everything = read_source("chexpert", Path(found.origin).parent / "data")
    table, _ = clean(everything, CleanConfig(views=("frontal",), studies_below=5, projections=("AP", "PA")))
    twelve = table.select([name for name in table.findings if name not in ("No Finding", "Support Devices")])
    vectors = label_vectors(twelve)
    assert len(vectors) == 802
    assert [(v.findings, v.images) for v in vectors[:5]] == [
        ((), 25_805),
        (("Lung Opacity",), 12_816),
        (("Lung Opacity", "Pleural Effusion"), 10_586),
        (("Edema",), 4_834),
        (("Pleural Effusion",), 4_770),
    ]
    yes = positives(twelve)
    found_lifts = lifts(yes, yes, Patients.of(table.frame["patient_id"]))
    assert found_lifts.lift[5, 6] == pytest.approx(581 * 131_748 / (7_923 * 3_511))
