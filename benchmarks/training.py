"""The training loop: its overhead, its speed against the reference loop, and its memory."""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torchvision.models import resnet34

from benchmarks.images import pack_of, write_radiographs
from benchmarks.reference import reference_loader
from hilum.config import Config, make_config
from hilum.device import has_bf16
from hilum.train import make_job, train
from hilum.train.learner import Learner

SIZE, BATCH, STEPS, ROUNDS, FINDINGS = 320, 16, 8, 8, 5


def rows() -> list[dict[str, Any]]:
    """Measured rows; see `benchmarks.__main__`."""
    with tempfile.TemporaryDirectory() as folder:
        files = write_radiographs(Path(folder) / "images", BATCH * STEPS * 2)
        pack = pack_of(files, Path(folder) / "pack", SIZE)
        config = make_config(
            {
                "data": {"path": str(pack)},
                "split": {"valid": 0.5},
                "prepare": {"size": SIZE},
                "model": {"name": "resnet34"},
                "train": {"batch": BATCH, "epochs": 1000},
            }
        )
        ours = _ours(config)
        found = _compare({"ours": ours[0], "constant": ours[1], "peer": _reference(files[: BATCH * STEPS])})
        return [*_speed_rows(found), _memory_row(Path(folder))]


def _speed_rows(found: dict[str, float]) -> list[dict[str, Any]]:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    images = BATCH * STEPS
    return [
        {
            "work": f"loop overhead: epoch over the same steps on one batch (ResNet34, {SIZE} px, 20 % augmented)",
            "target": "<= 1.05",
            "ours": found["ours"],
            "peer": found["constant"],
            "unit": "s",
            "ratio": found["ours"] / found["constant"],
            "note": "peer is the constant batch; less is better",
        },
        {
            "work": f"ResNet34, {SIZE} px, batch {BATCH}, end to end, against the reference loop",
            "target": ">= 2.5x" if has_bf16(device) else ">= 1.3x",
            "ours": images / found["ours"],
            "peer": images / found["peer"],
            "unit": "images/s",
            "ratio": found["peer"] / found["ours"],
            "note": "peer: fp32, NCHW, PIL + transforms + DataLoader with 4 workers",
        },
    ]


def _ours(config: Config) -> tuple[Callable[[], None], Callable[[], None]]:
    """One epoch from the pack, and the same steps on one batch that never changes."""
    job = make_job(config)
    learner = Learner(job)
    feed = learner.feed(job.part("train"), training=True)
    steps = feed.steps(0)
    constant = next(iter(feed.epoch(0)))
    learner.model.train()

    def epoch() -> None:
        learner.progress.step = 0
        for batch in feed.epoch(learner.progress.epoch):
            learner.step(batch, steps)
        _wait()

    def repeated() -> None:
        learner.progress.step = 0
        for _ in range(steps):
            learner.step(constant, steps)
        _wait()

    return epoch, repeated


def _reference(files: list[Path]) -> Callable[[], None]:
    """The 2020 framework's loop, as its readme describes it."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = resnet34(num_classes=FINDINGS)
    model.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    model.to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, weight_decay=1e-5)
    loss_of = nn.BCEWithLogitsLoss()
    loader = reference_loader(files, SIZE, BATCH, share=0.2, findings=FINDINGS)

    def epoch() -> None:
        for images, targets in loader:
            optimizer.zero_grad()
            loss = loss_of(model(images.to(device)), targets.to(device))
            loss.backward()
            optimizer.step()
            loss.item()
        _wait()

    return epoch


def _compare(ways: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Median seconds of each, run in turn; the first round of each warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        # Each way follows each other way: what one leaves in caches and in the allocator burdens no one of them.
        order = list(ways.items())
        for name, run in order if turn % 2 else reversed(order):
            started = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def _memory_row(folder: Path) -> dict[str, Any]:
    """Peak resident memory of a training in a process of its own: few images and epochs against many."""
    few = pack_of(write_radiographs(folder / "few", 200), folder / "few.pack", 64, copies=1)
    many = pack_of(write_radiographs(folder / "few", 200), folder / "many.pack", 64, copies=40)
    small, large = (_peak(folder, pack, epochs) for pack, epochs in ((few, 2), (many, 4)))
    return {
        "work": "peak resident memory while training: 8,000 images x 4 epochs over 200 images x 2 epochs",
        "target": "does not grow",
        "ours": large,
        "peer": small,
        "unit": "MB",
        "ratio": large / small,
        "note": "64 px, a small CNN; peer is the small run; less is better",
    }


def _peak(folder: Path, pack: Path, epochs: int) -> float:
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_train_and_measure, (str(folder / "runs"), str(pack), epochs))


def _train_and_measure(folder: str, pack: str, epochs: int) -> float:
    config = make_config(
        {
            "data": {"path": pack},
            "prepare": {"size": 64},
            "model": {"name": "densenet-small"},
            "train": {"epochs": epochs, "batch": 32},
        }
    )
    train(config, folder=folder, quiet=True)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
