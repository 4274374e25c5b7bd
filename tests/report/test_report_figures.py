"""The numbers and pictures beside the report, and the command that writes them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import pytest
import typer
from report_runs import CHEXPERT

from hilum.drawing import COLOURS, image
from hilum.files import read_json
from hilum.metrics import SCORES, Cell, Predictions, reliability, roc_curves
from hilum.report import write_report
from hilum.report.content import Value, value_of
from hilum.report.drawing import BEFORE, reliability_plot, subgroup_plot
from hilum.report.numbers import Numbers
from hilum.runs import Run

MakeRun = Callable[..., Run]
NAMES = ("roc", "precision-recall", "progression", "confusion", "calibration", "subgroups-sex-recall")


def test_the_numbers_of_every_figure_lie_beside_it(make_run: MakeRun) -> None:
    run = make_run(CHEXPERT[:3], config={"scores": {"threshold": "youden", "calibrate": "platt"}})
    write_report(run)
    folder = run.path / "figures"
    assert sorted(path.name for path in folder.iterdir()) == [
        *("confusion.parquet", "curves.parquet", "progression.parquet", "reliability.json"),
        *("subgroups.json", "subgroups.parquet", "thresholds.json"),
    ]
    scores = run.scores("test")
    assert scores is not None
    confusion = pl.read_parquet(folder / "confusion.parquet").filter(part="test")
    assert confusion["true_positives"].to_list() == scores["true_positives"].tolist()
    progression = pl.read_parquet(folder / "progression.parquet")
    own = progression.filter(part="valid", score="roc_auc").sort("epoch")["value"].to_list()
    assert own == [entry["valid"]["scores"]["mean"]["roc_auc"]["value"] for entry in run.history]
    subgroups = pl.read_parquet(folder / "subgroups.parquet")
    assert set(subgroups["attribute"]) == {"sex", "age", "projection"}
    assert subgroups.filter(attribute="sex", finding=CHEXPERT[0])["images"].sum() == scores["images"][0]


def test_curves_are_those_of_the_judged_predictions(make_run: MakeRun) -> None:
    run = make_run(CHEXPERT[:2])
    write_report(run)
    curves = pl.read_parquet(run.path / "figures" / "curves.parquet")
    exact = roc_curves(run.judged("test"))
    for finding in CHEXPERT[:2]:
        drawn = curves.filter(part="test", finding=finding, curve="roc")
        assert len(drawn) <= 200
        area = np.trapezoid(drawn["y"], drawn["x"])
        assert area == pytest.approx(exact[finding].auc, abs=0.004)


def test_reliability_before_and_after_calibration(make_run: MakeRun) -> None:
    run = make_run(CHEXPERT[:2], config={"scores": {"calibrate": "platt"}})
    html = write_report(run).read_text()
    found = read_json(run.path / "figures" / "reliability.json")
    assert found["part"] == "test"
    raw, judged = run.predictions("test"), run.judged("test")
    for j, finding in enumerate(CHEXPERT[:2]):
        known = ~np.isnan(raw.targets[:, j])
        for side, predictions in (("before", raw), ("after", judged)):
            bins = found["findings"][finding][side]
            assert sum(bins["count"]) == known.sum()
            mean = np.average(bins["mean_probability"], weights=bins["count"])
            assert mean == pytest.approx(predictions.probabilities[known, j].mean())
            share = np.average(bins["share_positive"], weights=bins["count"])
            assert share == pytest.approx(predictions.targets[known, j].mean())
    assert "calibrated by <strong>platt</strong>" in html
    assert " → " in html


def test_the_smoothed_curve_lies_in_the_diagrams_and_beside_them(make_run: MakeRun) -> None:
    run = make_run(CHEXPERT[:2], config={"scores": {"calibrate": "platt"}})
    html = write_report(run).read_text()
    kept = read_json(run.path / "figures" / "reliability.json")["findings"]
    numbers, scores = Numbers.of(run), run.scores("test")
    assert scores is not None
    for j, diagram in enumerate(numbers.diagrams):
        assert diagram.before is not None
        assert kept[diagram.finding]["after"]["curve_share"] == diagram.after.curve[1].tolist()
        figure = reliability_plot(diagram, COLOURS["test"])
        assert image(figure) in html
        lines = [line for line in figure.axes[1].lines if line.get_linestyle() == "-"]
        drawn = {line.get_color(): line.get_xydata() for line in lines}
        assert np.array_equal(drawn[COLOURS["test"]], diagram.after.curve.T)
        assert np.array_equal(drawn[BEFORE], diagram.before.curve.T)
        for name in ("ici", "calibration_slope", "calibration_intercept"):
            assert value_of(scores, name, j).both in html


def test_the_smoothed_curve_of_a_calibrated_model_lies_near_the_diagonal() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(-1.5, 1.5, (10_000, 1))
    targets = (rng.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.float32)
    ids = np.array([str(row) for row in range(len(logits))], dtype=object)
    for off, nearest, furthest in ((0.0, 0.0, 0.03), (1.0, 0.12, 0.3)):
        p, share = reliability(Predictions(ids, ("A",), logits + off, targets, "test"))["A"].curve
        assert nearest <= np.abs(p - share).max() < furthest
    one = reliability(Predictions(ids, ("A",), logits, np.zeros_like(targets), "test"))["A"]
    assert one.curve.shape == (2, 0)


def test_other_thresholds_are_of_the_validation_part(make_run: MakeRun) -> None:
    run = make_run(CHEXPERT[:2])
    write_report(run)
    valid = run.judged("valid")
    for j, row in enumerate(read_json(run.path / "figures" / "thresholds.json")):
        assert row["finding"] == CHEXPERT[j]
        assert row["part"] == "Test"
        assert {other["rule"] for other in row["on_validation"]} >= {"best F1", "best F2", "recall of 0.95"}
        for other in row["on_validation"]:
            yes = valid.probabilities[:, j] >= other["threshold"]
            positive = valid.targets[:, j] == 1
            assert other["recall"] == pytest.approx(yes[positive].mean())
            if other["rule"] == "recall of 0.95":
                assert other["recall"] >= 0.95
        values = [other["threshold"] for other in row["on_validation"]]
        assert values == sorted(values)


def test_a_precision_that_cannot_be_had_is_said(make_run: MakeRun) -> None:
    run = make_run(CHEXPERT[:14])
    page = write_report(run).read_text()
    rows = read_json(run.path / "figures" / "thresholds.json")
    missed = [o for row in rows for o in row["on_validation"] if o["rule"].startswith("precision")]
    assert any(other["precision"] < 0.9 for other in missed)
    assert all((other["why_not"] != "") == (other["precision"] < 0.9) for other in missed)
    assert "not reached by any threshold" in page


def test_every_group_of_a_figure_is_in_sight_also_small_ones() -> None:
    """The interval of few patients may leave the scale, their point may not."""
    cells = [
        Cell("age", value, "Edema", 90, 40, 50, {"roc_auc": auc, "prevalence": 0.4}, {"roc_auc": ends}, few)
        for value, auc, ends, few in (("0-17", 0.31, (0.05, 0.8), True), ("18-39", 0.9, (0.82, 0.95), False))
    ]
    axes = subgroup_plot(cells, "roc_auc", "ROC AUC", {"Edema": 0.8}).axes[0]
    low, high = axes.get_xlim()
    assert 0.05 < low < 0.31
    assert high > 0.95


def test_every_figure_as_svg_and_png(make_run: MakeRun) -> None:
    run = make_run(CHEXPERT[:5])
    write_report(run, figures=True)
    for name in NAMES:
        svg = run.path / "figures" / f"{name}.svg"
        root = ET.parse(svg).getroot()
        texts = {"".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")}
        assert texts & {"Recall", "Epoch", "predicted", "Share positive"}
        picture = cv2.imread(str(svg.with_suffix(".png")))
        inches = float(str(root.get("width")).removesuffix("pt")) / 72
        assert picture.shape[1] == pytest.approx(300 * inches, abs=2)
        assert picture.std() > 5
    same = (run.path / "figures" / "roc.svg").read_bytes()
    write_report(run, figures=True)
    assert (run.path / "figures" / "roc.svg").read_bytes() == same


def test_a_run_that_has_just_begun_has_no_figures(make_run: MakeRun) -> None:
    run = make_run(CHEXPERT[:2], epochs=0)
    write_report(run, figures=True)
    assert not list((run.path / "figures").glob("*.svg"))
    assert Numbers.of(run).operating == []


def test_a_run_of_a_former_version_has_a_report(make_run: MakeRun) -> None:
    run = make_run(CHEXPERT[:3])
    (run.path / "scores" / "calibration.json").unlink()
    images = pl.read_parquet(run.path / "images.parquet")
    images.select("image_id", "patient_id", "part").write_parquet(run.path / "split.parquet")
    (run.path / "images.parquet").unlink()
    for part in ("valid", "test"):
        path = run.path / "scores" / f"{part}.json"
        former: dict[str, Any] = read_json(path)
        del former["intervals"]
        for row in former["per_finding"].values():
            for name in ("mcc", "partial_auc", "ece"):
                del row[name]
        path.write_text(json.dumps(former))
    page = write_report(run).read_text()
    assert "Nothing is known of the images by which they could be grouped." in page
    assert "% intervals over" not in page
    auc = SCORES["roc_auc"](run.predictions("test").targets, run.predictions("test").logits)
    assert all(f"{value:.3f}" in page for value in auc)


def test_the_command(make_run: MakeRun, hilum: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(CHEXPERT[:2])
    opened: list[str] = []
    monkeypatch.setattr(typer, "launch", opened.append)
    done = hilum("report", run.path, "--open", "--figures")
    assert done.code == 0, done.err
    assert done.out.split() == [str(run.path / "report.html"), "figures:", str(run.path / "figures")]
    assert opened == [(run.path / "report.html").resolve().as_uri()]
    assert (run.path / "figures" / "roc.png").is_file()


def test_what_is_no_run_is_one_message(tmp_path: Path, hilum: Callable[..., Any]) -> None:
    done = hilum("report", tmp_path / "nothing")
    assert done.code == 2
    assert "is not a run's folder" in done.err
    assert done.err.count("\n") <= 2


def test_how_a_value_is_shown() -> None:
    assert Value(0.5).both == "0.500"
    assert Value(float("nan")).text == "–"
    assert Value(0.9677, 0.953, 0.98).both == "0.968 (0.953–0.980)"
    assert Value(0.1, -0.05, 0.2).range == "-0.050 to 0.200"
