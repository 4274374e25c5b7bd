"""What the data report says and shows, on tables made for the purpose."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hilum.config import PrepareConfig
from hilum.doctor import PackReport
from hilum.report.dataset.page import (
    _colour,
    _heat_map,
    _lift_text,
    _page,
    _summary,
    write_data_report,
)
from hilum.report.dataset.samples import _choose, make_samples, odd_ones
from hilum.table import Table
from made_packs_of_tables import made_table, packed


def test_the_summary_tells_what_it_is() -> None:
    table = made_table(
        {"Edema": [1, 0, 0, 0], "Hernia": [1, 1, 1, 0]},
        sex=["F", "M", "M", "M"],
        view=["frontal"] * 4,
        age=[40.0, 50.0, 60.0, 71.0],
    )
    pack = packed(table)
    assert _summary(PackReport.of(pack)) == (
        "4 images of 4 patients (source: csv), aged 40 to 71 years (median 55); 75% male, 25% female; "
        "all frontal. "
        "Of 2 findings, Hernia is the most frequent (3 images, 75.0%), Edema the rarest (1, 25.0%); 1 image "
        "(25.0%) has none."
    )
    one = packed(table.select(("Edema",)))
    assert "Edema is positive in 1 image (25.0%)." in _summary(PackReport.of(one))


def test_a_pack_without_findings_or_ages_has_a_page(tmp_path: Path) -> None:
    bare = made_table({"Edema": [1, 0]})
    table = Table.make(bare.frame.drop("Edema"), [], "")
    text = write_data_report(packed(table), tmp_path / "bare.html").read_text()
    assert "No finding is labelled." in text
    assert "No age is known." in text


def test_the_heat_map_shows_lifts_below_and_counts_above_the_diagonal() -> None:
    rng = np.random.default_rng(5)
    a = rng.random(400) < 0.5
    labels = {"A": a, "B": a & (rng.random(400) < 0.9), "C": ~a & (rng.random(400) < 0.6), "Never": a & ~a}
    table = made_table({name: mark.astype(int).tolist() for name, mark in labels.items()})
    found = PackReport.of(packed(table))
    heat = _heat_map(found)
    assert heat["names"] == ["A", "B", "C"]
    assert heat["left_out"] == 1
    for i, j in itertools.combinations(range(3), 2):
        first, second = labels[heat["names"][i]], labels[heat["names"][j]]
        assert heat["rows"][i]["cells"][j]["text"] == f"{(first & second).sum():,}"
        lift = 400 * (first & second).sum() / (first.sum() * second.sum())
        cell = heat["rows"][j]["cells"][i]
        assert cell["text"] == _lift_text(lift)
        assert cell["real"]
    more, less = found.numbers.strongest(table.diseases, 8)
    assert [(p.first, p.second) for p in more] == [("A", "B")]
    assert {p.second for p in less} == {"C"}


def test_colours_are_symmetric_in_the_logarithm() -> None:
    depth = {lift: _colour(lift).rsplit(",", 1)[1] for lift in (0.25, 4.0, 1 / 8, 8.0, 30.0, 0.0, 1.0)}
    assert depth[0.25] == depth[4.0]
    assert depth[1 / 8] == depth[8.0] == depth[30.0] == depth[0.0]
    assert depth[1.0] == " 0.00)"
    assert _colour(float("nan")) == ""


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
    chosen = _choose(table)
    assert list(chosen) == list(table.findings)
    assert chosen["Never"] == []
    assert all(6 <= row < 14 for row in chosen["Edema"])
    assert chosen["Edema"] == _choose(table)["Edema"]
    assert chosen["Edema"] != _choose(table, seed=3)["Edema"]
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
    shown = _page(PackReport.of(pack), make_samples(pack), odd_ones(pack))
    assert len(shown["heat"]["names"]) == 30
    assert all(len(entry["samples"]) == 2 for entry in shown["samples"])
