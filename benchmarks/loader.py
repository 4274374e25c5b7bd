"""The loader alone: `Feed` over a pack against PIL, torchvision transforms and a DataLoader over JPEG files."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.images import FINDINGS, pack_of, write_radiographs
from benchmarks.reference import reference_loader
from hilum.batches import Feed
from hilum.config import AugmentConfig
from hilum.device import pick_device
from hilum.pixels import Pack

SIZE, BATCH, FILES, COPIES, ROUNDS, SECONDS = 320, 16, 384, 8, 5, 1.0
"""The pack has every file `COPIES` times, since one pass over the files alone is too short to time; a pass
over it is cut short after `SECONDS`."""


def rows() -> list[dict[str, Any]]:
    """Measured rows; see `benchmarks.__main__`."""
    with tempfile.TemporaryDirectory() as folder:
        files = write_radiographs(Path(folder) / "images", FILES)
        pack = Pack(pack_of(files, Path(folder) / "pack", SIZE, COPIES))
        return [_row(files, pack, 0.0, ">= 10x"), _row(files, pack, 0.2, ">= 2x")]


def _row(files: list[Path], pack: Pack, share: float, target: str) -> dict[str, Any]:
    feed = Feed(
        pack.pixels,
        pack.slots,
        torch.zeros(len(pack.slots), len(FINDINGS)).numpy(),
        mean=0.5064167,
        sd=0.16673872,
        device=pick_device("auto"),
        batch=BATCH,
        augment=AugmentConfig(share=share),
        shuffle=True,
        verify=pack.verify,
    )
    peer = reference_loader(files, SIZE, BATCH, share, len(FINDINGS))
    ours_rate, peer_rate, ratios = [], [], []
    for turn in range(ROUNDS + 1):
        ours = _images_per_second((batch.images for batch in feed.epoch(turn)), SECONDS)
        theirs = _images_per_second(images.to(feed.device) for images, _ in peer)
        if turn:
            ours_rate.append(ours)
            peer_rate.append(theirs)
            ratios.append(ours / theirs)
    return {
        "work": f"loader alone, {SIZE} px, batch {BATCH}, {share:.0%} augmented",
        "target": target,
        "ours": statistics.median(ours_rate),
        "peer": statistics.median(peer_rate),
        "unit": "images/s",
        "ratio": statistics.median(ratios),
        "note": "peer: PIL + torchvision transforms + DataLoader with 4 workers, JPEG of 390 x 320",
    }


def _images_per_second(batches: Iterable[Tensor], at_most: float = float("inf")) -> float:
    started, count = time.perf_counter(), 0
    for images in batches:
        count += len(images)
        if time.perf_counter() - started > at_most:
            break
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return count / (time.perf_counter() - started)
