"""Sections that only some runs have: published figures, members, scores per study, a choice of findings."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from report_runs import CHEXPERT

from hilum.pixels import Pack
from hilum.report import panels, write_report
from hilum.report.content import value_of
from hilum.report.examples import make_examples
from hilum.report.numbers import _scored_parts
from hilum.report.published import _Published
from hilum.runs import Run

MakeRun = Callable[..., Run]


def text_of(run: Run) -> str:
    html = write_report(run).read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_published_figures_stand_beside_the_runs(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(CHEXPERT[:2])
    fixed: dict[str, Any] = {
        "n": 624,
        "positives": 390,
        "split": "official test part",
        "source": "A paper 2020",
    }
    rows = [
        _Published(
            "A net", "roc_auc", 0.912, **fixed, warning="Other images.", finding=CHEXPERT[0], part="test"
        ),
        _Published(
            "A net", "recall", 0.813, **fixed, warning="Other images.", finding=CHEXPERT[0], part="test"
        ),
        _Published("B net", "roc_auc", 0.714, **fixed, warning="", finding=CHEXPERT[1], part="valid"),
        _Published("C net", "roc_auc", 0.615, **fixed, warning="", finding="Not learned", part="test"),
    ]
    monkeypatch.setattr(panels, "published", lambda _: rows)
    text = text_of(run)
    assert text.count("Other images.") == 1
    assert "C net" not in text
    test, valid = _scored_parts(run)
    for value, part, name, j in (
        (0.912, test, "roc_auc", 0),
        (0.813, test, "recall", 0),
        (0.714, valid, "roc_auc", 1),
    ):
        own = value_of(part.scores, name, j)
        assert f"390 {value:.3f} {own.text} {own.range}" in text


def test_without_published_figures_there_is_no_section(make_run: MakeRun) -> None:
    assert 'id="published"' not in write_report(make_run(CHEXPERT[:1])).read_text()


def test_an_ensemble_names_its_members_and_what_they_score(make_run: MakeRun) -> None:
    members = [make_run(CHEXPERT[:2], config={"seed": seed}) for seed in (3, 4)]
    run = make_run(CHEXPERT[:2], epochs=1, best=1)
    named = [
        {"run": f"../{m.name}", "epoch": epoch, "weight": 1.0}
        for m, epoch in zip(members, (None, 2), strict=True)
    ]
    gone = {"run": "../gone", "epoch": None, "weight": 2.0}
    run.write_info({**run.info, "members": [*named, gone]})
    text = text_of(run)
    scores = members[0].scores("test")
    assert scores is not None
    assert "The average of 3 models (resnet18), trained on 400 images" in text
    assert f"{members[0].name} resnet18 3 25.0 % {scores.text('roc_auc')[:5]}" in text
    assert f"{members[1].name}, epoch 2 resnet18 4 25.0 % –" in text
    assert "gone no longer where it was – 50.0 %" in text
    assert "hilum reproduce" not in text


def test_a_run_judged_per_study_says_so_and_shows_an_image_of_the_study(
    make_run: MakeRun, small_pack: Pack
) -> None:
    run = make_run(CHEXPERT[:2], pack=small_pack, config={"scores": {"unit": "patient", "combine": "max"}})
    text = text_of(run)
    assert "Test, 100 patients" in text
    assert "on the 100 test patients is" in text
    part = _scored_parts(run)[0]
    raw = run.predictions("test")
    assert raw.patient_ids is not None
    for example in make_examples(part, small_pack):
        row = list(raw.image_ids).index(example.image_id)
        j = CHEXPERT.index(example.finding)
        own = raw.patient_ids == raw.patient_ids[row]
        assert raw.logits[row, j] == raw.logits[own, j].max()
        assert example.probability == pytest.approx(1 / (1 + np.exp(-float(raw.logits[row, j]))))


def test_only_the_findings_asked_for_are_shown(make_run: MakeRun) -> None:
    run = make_run(CHEXPERT[:4], config={"scores": {"include": ["Lung Lesion", "Cardiomegaly"]}})
    part = _scored_parts(run)[0]
    assert part.scores.findings == part.predictions.findings == ("Lung Lesion", "Cardiomegaly")
    write_report(run)
    curves = pl.read_parquet(run.path / "figures" / "curves.parquet")
    assert set(curves["finding"]) == {"Lung Lesion", "Cardiomegaly"}
    whole = run.scores("test")
    assert whole is not None
    mean = np.mean([whole["roc_auc"][j] for j in (3, 1)])
    assert f"the mean ROC AUC on the 200 test images is {mean:.3f}" in text_of(run)


def test_a_finding_is_not_a_group_of_itself(make_run: MakeRun) -> None:
    run = make_run(("Edema", "Support Devices"))
    images = run.images
    devices = pl.Series("Support Devices", np.arange(len(images)) % 2, dtype=pl.Int8)
    images.with_columns(devices).write_parquet(run.path / "images.parquet")
    html = write_report(run).read_text()
    rows = re.findall(r'<th scope="row">([^<]+)</th><td class="text">(?:yes|no)</td>', html)
    assert set(rows) == {"Edema"}
