"""The table after each epoch: what it holds, how wide it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.config import ScoresConfig, TrackConfig
from hilum.metrics import COUNTS, SCORES, Predictions, Thresholds, fit_thresholds, score
from hilum.track.lines import _HEADINGS as HEADINGS
from hilum.track.lines import EpochTable
from hilum.track.lines import _terminal_width as terminal_width

FINDINGS = ("Edema", "Enlarged Cardiomediastinum", "Fracture")


def _scores(part: str, thresholds: Thresholds | None = None) -> tuple[Any, Thresholds]:
    random = np.random.default_rng(len(part))
    targets = random.integers(0, 2, (40, 3)).astype(np.float32)
    targets[:, 2] = 0
    logits = (targets + random.normal(0, 1, (40, 3))).astype(np.float32)
    ids = np.array([f"i{i}" for i in range(40)], object)
    made = Predictions(ids, FINDINGS, logits, targets, part)
    thresholds = thresholds or fit_thresholds(made, ScoresConfig())
    return score(made, thresholds).to_json(), thresholds


def _entry(epoch: int = 1, **more: Any) -> dict[str, Any]:
    valid, thresholds = _scores("valid")
    train, _ = _scores("train", thresholds)
    return {
        "epoch": epoch,
        "improved": epoch == 1,
        "lr": 1e-3,
        "seconds": 12.34,
        "images_per_second": 1234.5,
        "train": {"loss": 0.51234, "scores": train},
        "valid": {"loss": None, "scores": valid},
        **more,
    }


def _table(width: int | None = None, epochs: int = 20, **settings: Any) -> EpochTable:
    return EpochTable(TrackConfig(**settings), epochs, width)


def test_every_score_has_a_short_heading() -> None:
    assert set(HEADINGS) == set(COUNTS)
    headings = [*HEADINGS.values(), *(score.short for score in SCORES.values())]
    assert len(set(headings)) == len(headings)
    assert 0 < min(map(len, headings)) <= max(map(len, headings)) <= 6


@pytest.mark.parametrize("parts", [("valid",), ("train",), ("train", "valid")])
@pytest.mark.parametrize("per_finding", [False, True])
@pytest.mark.parametrize("epochs", [9, 99, 20_000])
def test_the_default_columns_fit_into_80_characters(
    parts: tuple[str, ...], per_finding: bool, epochs: int
) -> None:
    table = _table(epochs=epochs, parts=parts, per_finding=per_finding)
    entry = _entry(epochs, seconds=359_000.0, improved=True, images_per_second=98_765.4)
    lines = [*table.heading(entry), *table.lines(entry)]
    assert max(map(len, lines)) == 80
    assert all(line == line.rstrip() for line in lines)


def test_a_line_says_losses_scores_speed_and_whether_it_is_best() -> None:
    entry = _entry()
    mean = entry["valid"]["scores"]["mean"]
    above, names = _table().heading(entry)
    (line,) = _table().lines(entry)
    numbers = [mean[name]["value"] for name in TrackConfig().columns]
    assert line.split() == [
        "1/20", "1.0e-03", "0.5123", "–", *(f"{number:.3f}" for number in numbers), "1234", "12.3s", "best",
    ]  # fmt: skip
    assert names.split() == [
        "epoch",
        "lr",
        "train",
        "valid",
        "AUC",
        "AP",
        "rec.",
        "prec.",
        "F1",
        "acc.",
        "img/s",
        "time",
    ]
    assert above.split("loss")[1].strip() == "scores of valid, mean over 3 findings"
    assert above.index("loss") == names.index("train") - 1
    for heading, number in (("AUC", numbers[0]), ("F1", numbers[4])):
        assert (
            names.index(heading) + len(heading) == line.index(f"{number:.3f}", names.index(heading) - 5) + 5
        )
    assert not _table().lines(_entry(2))[0].endswith("best")


def test_both_parts_take_a_line_each() -> None:
    entry = _entry()
    train, valid = _table(parts=("train", "valid"), columns=("recall",)).lines(entry)
    recall = {part: entry[part]["scores"]["mean"]["recall"]["value"] for part in ("train", "valid")}
    assert train.split() == ["1/20", "1.0e-03", "train", "0.5123", f"{recall['train']:.3f}"]
    assert valid.split() == ["valid", "–", f"{recall['valid']:.3f}", "1234", "12.3s", "best"]
    assert train.index("0.5123") == valid.index("–") - 5


def test_findings_have_lines_with_the_references_columns() -> None:
    columns = (
        "true_positives",
        "predicted_positives",
        "recall",
        "precision",
        "f1",
        "roc_auc",
        "average_precision",
    )
    entry = _entry()
    mean, *findings = _table(per_finding=True, columns=columns).lines(entry)
    assert [line[:28].strip() for line in findings] == list(FINDINGS)
    for line, row in zip(findings, entry["valid"]["scores"]["per_finding"].values(), strict=True):
        shown = line[28:].split()
        assert shown[:2] == [str(row["true_positives"]), str(row["predicted_positives"])]
        rest = [row[name] for name in columns[2:]]
        assert shown[2:] == ["–" if value is None else f"{value:.3f}" for value in rest]
    assert findings[2].split()[-2:] == ["–", "–"]  # no positive: neither AUC nor AP
    total = sum(row["true_positives"] for row in entry["valid"]["scores"]["per_finding"].values())
    assert mean.split()[4] == str(total)


def test_combined_scores_are_in_the_epochs_line_alone() -> None:
    entry = _entry()
    line, first, *_ = _table(per_finding=True, columns=("exact_match", "micro_f1")).lines(entry)
    combined = entry["valid"]["scores"]["combined"]
    assert line.split()[4:6] == [f"{combined[name]:.3f}" for name in ("exact_match", "micro_f1")]
    assert first.split() == ["Edema", "–", "–"]


def test_a_score_that_an_older_run_does_not_have_is_a_dash() -> None:
    entry = _entry()
    del entry["valid"]["scores"]["mean"]["f2"]
    assert _table(columns=("f2",)).lines(entry)[0].split()[4] == "–"


@given(st.integers(20, 120), st.booleans(), st.booleans())
def test_a_narrow_terminal_drops_what_is_least_needed(width: int, both: bool, per_finding: bool) -> None:
    parts = ("train", "valid") if both else ("valid",)
    table, entry = _table(width, parts=parts, per_finding=per_finding), _entry()
    lines = table.lines(entry)
    if width >= 30:
        assert max(map(len, lines)) <= max(width, 30)
    order = ("lr", "rate", "time", *reversed(TrackConfig().columns))
    assert table.dropped == order[: len(table.dropped)]
    if width >= 80:
        assert not table.dropped
    assert "best" in "".join(lines)


def test_long_names_are_cut_where_the_scores_begin() -> None:
    entry = _entry()
    row = entry["valid"]["scores"]["per_finding"].pop("Edema")
    entry["valid"]["scores"]["per_finding"]["A finding with a name that no table can hold"] = row
    table = _table(per_finding=True)
    line = next(line for line in table.lines(entry) if line.startswith(" A finding"))
    assert line.startswith(f" A finding with a name tha… {row['roc_auc']:.3f}")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.0s"),
        (99.94, "99.9s"),
        (99.96, "1m40"),
        (3599.4, "59m59"),
        (3599.6, "1h00"),
        (90_000, "25h00"),
    ],
)
def test_times_are_short(seconds: float, shown: str) -> None:
    assert _table(columns=()).lines(_entry(2, seconds=seconds))[0].split()[-1] == shown


def test_slow_and_large_numbers() -> None:
    entry = _entry(2, images_per_second=7.25)
    entry["train"]["loss"] = 12345.678
    line = _table(columns=()).lines(entry)[0]
    assert line.split()[2:5] == ["1.235e+04", "–", "7.2"]


def test_the_width_is_that_of_the_terminal_on_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    assert terminal_width() is None
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "57")
    assert terminal_width() == 57
    monkeypatch.setenv("COLUMNS", "many")
    assert terminal_width() == 80
