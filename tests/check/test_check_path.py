"""Damage is noticed when something is opened, or by `hilum check`, which names what it is in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum import seals
from hilum.check import check
from hilum.config import Config, PrepareConfig
from hilum.errors import DataError, PackError, RunError, WeightsError
from hilum.files import read_parquet, write_json, write_parquet
from hilum.metrics import Predictions, fit_judge
from hilum.models import read_weights
from hilum.pixels import Pack, build_pack
from hilum.runs import Run
from hilum.table import read_source
from hilum.train import load_state, save_weights

SIDE, IMAGES = 32, 24


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `pack` and `runs/a-1`."""
    folder = tmp_path_factory.mktemp("healthy")
    draw = np.random.default_rng(0)
    (folder / "films").mkdir()
    lines = ["path,patient,Edema"]
    for number in range(IMAGES):
        cv2.imwrite(str(folder / "films" / f"{number:02d}.png"), draw.integers(1, 255, (40, 40), np.uint8))
        lines.append(f"{number:02d}.png,p{number},{number % 2}")
    (folder / "films" / "table.csv").write_text("\n".join(lines))
    pack = build_pack(read_source("csv", folder / "films"), folder / "pack", PrepareConfig(size=SIDE))
    run = Run.create(folder / "runs", Config(name="a"), {"status": "done"})
    ids = pack.table.frame.select("image_id", "patient_id").with_columns(part=pl.lit("valid"))
    write_parquet(run.path / "images.parquet", ids)
    write_json(run.path / "environment.json", {})
    targets = (np.arange(IMAGES) % 2).astype(np.float32)[:, None]
    logits = draw.normal(size=(IMAGES, 1)).astype(np.float32) + targets
    valid = Predictions(
        ids["image_id"].to_numpy(), ("Edema",), logits, targets, "valid", ids["patient_id"].to_numpy()
    )
    judge = fit_judge(valid, run.config.scores)
    run.write_judge(judge)
    write_json(
        run.path / "data.json",
        {
            "findings": ["Edema"], "split": {"id": "s", "by": "patient", "counts": {}}, "pack": str(pack.path),
            "pack_fingerprint": pack.fingerprint, "prepare": {"size": SIDE}, "mean": 0.5, "sd": 0.25,
        },
    )  # fmt: skip
    run.write_scores(valid, judge.score(valid))
    save_weights(
        {"a": torch.arange(200.0)}, run.path / "checkpoints" / "best.safetensors", {"findings": ["Edema"]}
    )
    return folder


@pytest.fixture
def copied(healthy: Path, tmp_path: Path) -> Path:
    return shutil.copytree(healthy, tmp_path / "copy")


def overwrite(path: Path, at: float, data: bytes) -> None:
    content = bytearray(path.read_bytes())
    start = int(at * (len(content) - len(data)))
    content[start : start + len(data)] = data
    path.write_bytes(bytes(content))


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8 % len(content)] ^= 1 << bit % 8
    path.write_bytes(bytes(content))


def test_what_is_healthy_is_as_written(healthy: Path) -> None:
    (pack,) = check(healthy / "pack")
    assert (pack.kind, pack.damaged, pack.without, pack.rows) == ("pack", [], [], IMAGES)
    (run,) = check(healthy / "runs")
    assert (run.kind, run.damaged, run.without) == ("run", [], [])
    (file,) = check(healthy / "runs" / "a-1" / "checkpoints" / "best.safetensors")
    assert (file.files, file.damaged) == (1, [])


@given(bit=st.integers(0, 10**9), which=st.sampled_from(["table.parquet", "best.safetensors"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_flipped_bit_is_noticed(healthy: Path, tmp_path: Path, bit: int, which: str) -> None:
    source = next(healthy.rglob(which))
    path = Path(shutil.copy(source, tmp_path / which))
    assert seals.state_of(path) == "whole"
    flip(path, bit)
    noticed = seals.state_of(path)
    # The flip may hit the checksum's own name, and then there is none any more: as with any other file.
    assert (
        noticed == "changed"
        or (noticed in ("unsealed", "torn") and next(iter(seals.UNSEALED)).encode() not in path.read_bytes())
        or unreadable(path)
    )


def unreadable(path: Path) -> bool:
    try:
        _ = read_parquet(path) if path.suffix == ".parquet" else read_weights(path)
    except (OSError, pl.exceptions.PolarsError, WeightsError):
        return True
    return False


@given(start=st.integers(0, IMAGES - 1), length=st.integers(1, 6 * SIDE * SIDE))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_pixels_that_are_gone_are_named_and_refused(
    healthy: Path, tmp_path: Path, start: int, length: int
) -> None:
    shutil.rmtree(tmp_path / "pack", ignore_errors=True)
    path = shutil.copytree(healthy / "pack", tmp_path / "pack")
    content = bytearray((path / "pixels.npy").read_bytes())
    first = len(content) - IMAGES * SIDE * SIDE + start * SIDE * SIDE
    last = min(first + length, len(content))
    content[first:last] = bytes(last - first)
    (path / "pixels.npy").write_bytes(bytes(content))
    (found,) = check(path)
    damaged = range(start, start + -(-(last - first) // (SIDE * SIDE)))
    assert [line[:2] for line in found.damaged] == [f"{number:02d}" for number in damaged]
    pack = Pack(path, look=False)
    with pytest.raises(
        PackError, match=rf"is damaged: pixels.npy no longer holds the pixels of '{start:02d}"
    ):
        pack.images(pack.slots[[start]])


def test_a_pack_that_was_damaged_all_over_is_not_opened(copied: Path) -> None:
    overwrite(copied / "pack" / "pixels.npy", 1.0, bytes(SIDE * SIDE * (IMAGES - 1)))
    with pytest.raises(PackError, match="hilum check"):
        Pack(copied / "pack")


def test_a_label_that_was_changed_does_not_fit_the_fingerprint(copied: Path) -> None:
    frame = read_parquet(copied / "pack" / "table.parquet")
    write_parquet(copied / "pack" / "table.parquet", frame.with_columns(Edema=1 - pl.col("Edema")))
    (found,) = check(copied / "pack")
    assert found.damaged == [
        "pack.json: settings, labels and pixels do not give the fingerprint that it names."
    ]


def cut(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "weights": (
        lambda run: flip(run / "checkpoints" / "best.safetensors", 40_001),
        "checkpoints/best.safetensors",
    ),
    "weights empty": (
        lambda run: (run / "checkpoints" / "best.safetensors").write_bytes(b""),
        "checkpoints/best.safetensors: it is cut short",
    ),
    "weights cut in their header": (
        lambda run: cut(run / "checkpoints" / "best.safetensors", 100),
        "checkpoints/best.safetensors: it is cut short",
    ),
    "images cut": (lambda run: cut(run / "images.parquet", 100), "images.parquet: it is cut short"),
    "weights gone": (
        lambda run: (run / "checkpoints" / "best.safetensors").unlink(),
        "best.safetensors is missing",
    ),
    "predictions": (
        lambda run: flip(run / "predictions" / "valid.parquet", 4001),
        "predictions/valid.parquet",
    ),
    "images": (lambda run: overwrite(run / "images.parquet", 0.5, bytes(8)), "images.parquet"),
    "scores cut": (lambda run: (run / "scores" / "valid.json").write_text("{"), "scores/valid.json"),
    "scores other": (lambda run: (run / "scores" / "valid.json").write_text("{}"), "valid.json is damaged"),
    "thresholds": (
        lambda run: (run / "scores" / "thresholds.json").write_text('{"a": 1}'),
        "thresholds.json",
    ),
    "status": (
        lambda run: write_json(run / "run.json", {**Run(run).info, "status": 7}),
        "run.json is damaged: status",
    ),
    "no data": (lambda run: (run / "data.json").unlink(), "data.json is missing"),
    "data empty": (lambda run: (run / "data.json").write_text("{}"), "data.json is damaged: findings"),
    "data deep": (lambda run: (run / "data.json").write_text("[" * 100_000), "data.json"),
    "settings": (lambda run: (run / "config.toml").write_text("[optimiser]\nlr = 1\n"), "config.toml"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_damaged_in_a_run_is_named_and_the_other_run_is_not(copied: Path, name: str) -> None:
    damage, said = DAMAGES[name]
    other = shutil.copytree(copied / "runs" / "a-1", copied / "runs" / "b-1")
    damage(other)
    first, second = check(copied / "runs")
    assert first.damaged == []
    assert len(second.damaged) == 1
    assert said in second.damaged[0]


def test_damaged_weights_are_not_loaded(copied: Path) -> None:
    path = copied / "runs" / "a-1" / "checkpoints" / "best.safetensors"
    flip(path, 40_001)
    with pytest.raises(WeightsError, match="is damaged: by its checksum it is not what was written"):
        read_weights(path)
    model = torch.nn.Linear(1, 1)
    with pytest.raises(RunError, match="damaged"):
        load_state(path, model, torch.optim.SGD(model.parameters()))


def test_damaged_predictions_are_not_read(copied: Path) -> None:
    flip(copied / "runs" / "a-1" / "predictions" / "valid.parquet", 4001)
    with pytest.raises(DataError, match="its checksum differs"):
        Run(copied / "runs" / "a-1").predictions("valid")


def test_what_an_earlier_hilum_wrote_opens_and_is_said(copied: Path, hilum: Callable[..., object]) -> None:
    frame = pl.read_parquet(copied / "pack" / "table.parquet")
    frame.write_parquet(copied / "pack" / "table.parquet")
    assert len(Pack(copied / "pack")) == IMAGES
    code, out, _ = hilum("check", copied / "pack")  # type: ignore[misc]
    assert code == 0
    assert "without a checksum, from an earlier hilum: table.parquet" in out


def test_the_command(copied: Path, hilum: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = hilum("check", copied / "runs")
    assert code == 0
    assert out.strip().endswith("all as written")
    flip(copied / "runs" / "a-1" / "checkpoints" / "best.safetensors", 40_001)
    code, out, _ = hilum("check", copied / "runs" / "a-1", "--json")
    assert code == 1
    assert json.loads(out)[0]["damaged"] == [
        "checkpoints/best.safetensors: its checksum is not that of what was written."
    ]
    code, out, err = hilum("check", copied / "films")
    assert code == 2
    assert "cannot be checked: it is no run, pack" in err
