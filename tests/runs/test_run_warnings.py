"""What runs know against their scores, and how many of a folder were scored on one test part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.config import Config
from hilum.files import write_json
from hilum.runs import Run, merge_warnings, scored_test, scored_tests, warnings_of
from hilum.runs.warnings import own_warnings
from hilum.table import BY_IMAGE

DATA = {
    "findings": ["Edema"], "split": {"id": "4f2a", "by": "patient", "counts": {}}, "pack": "p",
    "pack_fingerprint": "0", "prepare": {"size": 64}, "mean": 0.5, "sd": 0.25,
}  # fmt: skip
SENTENCES = st.lists(st.sampled_from(["One.", "Two.", "Three.", "Four."]), max_size=5)


@pytest.mark.parametrize(
    ("info", "data", "told"),
    [
        ({"status": "done"}, {}, ()),
        ({"status": "done", "warnings": ["A.", "B.", "A."]}, {}, ("A.", "B.")),
        ({"status": "done", "warnings": None}, {"split": {"by": "patient"}}, ()),
        ({"status": "done", "warnings": []}, {"split": {"by": "image"}}, (f"{BY_IMAGE}.",)),
        (
            {"status": "done", "warnings": [f"{BY_IMAGE} (patients in two parts: train and test: 3)."]},
            {"split": {"by": "image"}},
            (f"{BY_IMAGE} (patients in two parts: train and test: 3).",),
        ),
        (
            {"status": "stopped", "warnings": ["A."]},
            {},
            (
                "The run is not finished (status: stopped); its scores are provisional. "
                "hilum train --resume goes on with it.",
                "A.",
            ),
        ),
    ],
)
def test_what_a_run_knows(info: dict[str, Any], data: dict[str, Any], told: tuple[str, ...]) -> None:
    assert own_warnings(info, data) == told


@given(st.lists(SENTENCES, max_size=4))
def test_each_sentence_is_told_once_with_its_runs(told: list[list[str]]) -> None:
    lines = merge_warnings((f"r{i}", sentences) for i, sentences in enumerate(told))
    bodies = [line.rsplit(": ", 1)[-1] for line in lines]
    assert len(set(bodies)) == len(bodies)
    assert set(bodies) == {sentence for sentences in told for sentence in sentences}
    for line, body in zip(lines, bodies, strict=True):
        names = [f"r{i}" for i, sentences in enumerate(told) if body in sentences]
        assert line == (body if len(names) == len(told) else f"{', '.join(names)}: {body}")


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    runs = [
        Run.create(tmp_path / folder, Config(name="a"), {"status": "done", "warnings": told})
        for folder, told in (("one", ["Both.", "First."]), ("two", ["Both."]))
    ]
    assert warnings_of(runs) == ["Both.", f"{tmp_path / 'one' / 'a-1'}: First."]
    runs[1] = Run.create(tmp_path / "two", Config(name="b"), {"status": "done", "warnings": ["Both."]})
    assert warnings_of(runs) == ["Both.", "a-1: First."]


def run_with(
    folder: Path, test: dict[str, str], scored: bool = True, train: tuple[str, ...] = ("t1",)
) -> Run:
    """A run whose test part has these images, image -> patient."""
    run = Run.create(folder, Config(name="a"), {"status": "done"})
    write_json(run.path / "data.json", DATA)
    rows = [(image, patient, "test") for image, patient in test.items()]
    rows += [(image, image, "train") for image in train]
    frame = pl.DataFrame(rows, ["image_id", "patient_id", "part"], orient="row")
    frame.write_parquet(run.path / "images.parquet")
    if scored:
        (run.path / "scores").mkdir()
        (run.path / "scores" / "test.json").write_text("{}")
    return run


def test_one_test_part_is_one_whatever_else_differs(tmp_path: Path) -> None:
    """Another division of the rest, another order and other columns are the same test part; others are not."""
    first = run_with(tmp_path, {"x": "p", "y": "q"})
    assert str(scored_test(first)).endswith("2 images) was scored by 1 run of this folder.")
    other = run_with(tmp_path, {"y": "q", "x": "p"}, train=("t1", "t2"))
    other.images.with_columns(view=pl.lit("frontal")).write_parquet(other.path / "images.parquet")
    old = run_with(tmp_path, {"x": "p", "y": "q"})
    (old.path / "images.parquet").rename(old.path / "split.parquet")
    unscored = run_with(tmp_path, {"x": "p", "y": "q"}, scored=False)
    others = [
        run_with(tmp_path, {"x": "p"}),
        run_with(tmp_path, {"x": "p", "y": "p"}),
        run_with(tmp_path, {"x": "p", "z": "q"}),
    ]
    counts = {
        path: found.runs for path, found in scored_tests([Run(p) for p in sorted(tmp_path.iterdir())]).items()
    }
    assert counts == {run.path: 3 for run in (first, other, old)} | {run.path: 1 for run in others}
    assert scored_test(unscored) is None
    found = scored_test(old)
    assert found is not None
    assert (found.images, found.runs) == (2, 3)
    assert str(found).endswith(
        "was scored by 3 runs of this folder: the best of them looks better than it is."
    )


def test_links_and_damaged_runs_are_not_counted(tmp_path: Path) -> None:
    run, damaged = (run_with(tmp_path, {"x": "p"}) for _ in range(2))
    (damaged.path / "images.parquet").write_text("no Parquet")
    (tmp_path / "best").symlink_to(run.path.name, target_is_directory=True)
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "run.json").write_text(json.dumps({"format": 0}))
    for path in (run.path, tmp_path / "best"):
        found = scored_test(Run(path))
        assert found is not None
        assert found.runs == 1
