"""Embedding from files against torchxrayvision's own way, and a store of 100,000 images."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
import torchvision
from skimage.io import imread

from benchmarks.images import FINDINGS, pack_of, write_radiographs
from hilum.config import ModelConfig, PrepareConfig
from hilum.device import pick_device
from hilum.features import FeatureStore
from hilum.features.columns import ABOUT, DIGEST
from hilum.features.embed import embed, info_of
from hilum.models import Normalisation, build_model
from hilum.pixels.pack import Pack
from hilum.predict import Encoder, EncoderSettings, Vectors

SIZE = 224
IMAGES, PEER_IMAGES, PEER_BATCH = 768, 128, 32
TOLD = 5840
"""Images that the row speaks of: rates are measured on fewer, three times in turn."""
STORED, ADDED, WIDTH = 100_000, 100, 1024
ROUNDS = 3


def rows() -> list[dict[str, Any]]:
    """Measured rows; see `benchmarks.__main__`."""
    with tempfile.TemporaryDirectory() as folder:
        return [_embedding(Path(folder) / "embedding"), *_large_store(Path(folder) / "store")]


def _embedding(folder: Path) -> dict[str, Any]:
    files = write_radiographs(folder / "files", IMAGES)
    encoder, peer = _densenet(), _peer()
    ours, theirs = [], []
    for turn in range(ROUNDS):
        started = time.perf_counter()
        pack = Pack.open(pack_of(files, folder / f"pack{turn}", SIZE))
        embed(encoder, pack, FeatureStore.open(folder / f"features{turn}", create=True))
        ours.append(TOLD / len(files) * (time.perf_counter() - started))
        started = time.perf_counter()
        _loop(peer, files[:PEER_IMAGES])
        theirs.append(TOLD / PEER_IMAGES * (time.perf_counter() - started))
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    return {
        "work": f"embedding {TOLD:,} images, DenseNet121, {SIZE} px, JPEG of 390 x 320: packing, vectors, store",
        "target": ">= 4x",
        "ours": statistics.median(ours),
        "peer": statistics.median(theirs),
        "ratio": statistics.median(ratios),
        "unit": "s",
        "note": f"{encoder.precision}; peer: torchxrayvision's DenseNet121, fp32, its own reading (skimage), "
        f"batch {PEER_BATCH}; scaled from {IMAGES} and {PEER_IMAGES} images",
    }


def _densenet() -> Encoder:
    device = pick_device("auto")
    config = ModelConfig(name="densenet121")
    model, normalisation = build_model(config, 1, SIZE), Normalisation((0.5,), (0.25,))
    prepare = PrepareConfig(size=SIZE)
    encoder = Encoder("densenet121", "drawn", model, config, normalisation, prepare=prepare, device=device)
    encoder.vectors(np.zeros((16, SIZE, SIZE), np.uint8))
    return encoder


def _peer() -> torch.nn.Module:
    import torchxrayvision as xrv

    model: torch.nn.Module = xrv.models.DenseNet(weights=None).eval().to(pick_device("auto"))
    return model


@torch.no_grad()
def _loop(model: Any, files: list[Path]) -> None:
    """As torchxrayvision's documentation reads images and takes features, in batches."""
    import torchxrayvision as xrv

    fit = torchvision.transforms.Compose([xrv.datasets.XRayCenterCrop(), xrv.datasets.XRayResizer(SIZE)])
    device = next(model.parameters()).device
    for start in range(0, len(files), PEER_BATCH):
        images = [
            fit(xrv.datasets.normalize(imread(path), 255)[None]) for path in files[start : start + PEER_BATCH]
        ]
        model.features2(torch.from_numpy(np.stack(images)).float().to(device)).cpu()


class _Ready:
    """Stands in for an encoder whose vectors cost nothing: what is left is the store's own time."""

    device = torch.device("cpu")

    def check(self, _: Pack) -> None:
        """Any will do."""

    def settings(self, prepare: PrepareConfig) -> EncoderSettings:
        """Of no network."""
        return EncoderSettings("drawn", "drawn", {}, {}, prepare.model_dump(), "fp32", WIDTH, "0" * 64)

    def pack(
        self, _: Pack, slots: npt.NDArray[np.int64], batch: int
    ) -> Iterator[tuple[npt.NDArray[np.int64], Vectors]]:
        """Drawn vectors."""
        for start in range(0, len(slots), batch):
            rows = np.arange(start, min(start + batch, len(slots)))
            yield rows, Vectors(*_vectors(len(rows)))


def _large_store(folder: Path) -> list[dict[str, Any]]:
    encoder: Any = _Ready()
    files = write_radiographs(folder / "files", ADDED)
    pack = Pack.open(pack_of(files, folder / "pack", 64))
    store = FeatureStore.open(folder / "features", create=True)
    table = store.writable(info_of(encoder, pack), FINDINGS)
    for start in range(0, STORED, 4096):
        count = min(4096, STORED - start)
        table.add(_rows(start, count), *_vectors(count))
    table.tidy()
    adding, looking, under, recalls = [], [], [], []
    for turn in range(ROUNDS):
        frame = pack.table.frame.with_columns(pl.col("image_id") + f"-{turn}")
        again = Pack(**{**vars(pack), "table": type(pack.table)(frame, FINDINGS)})
        started = time.perf_counter()
        embed(encoder, again, store)
        adding.append(time.perf_counter() - started)
    for number in range(12):
        image = f"stored{number * 5000}"
        looking.append(_seconds(store, image))
        under.append(_seconds(store, image, "sex = 'F' and age > 60"))
        found, truth = (store.nearest(image, k=10, exact=exact)["image_id"] for exact in (False, True))
        recalls.append(len(set(found) & set(truth)) / 10)
    work = f"{STORED:,} images, {WIDTH} numbers twice"
    return [
        {
            "work": f"adding {ADDED} images to a store of {work}, beyond the embedding",
            "target": "< 1 s",
            "ours": statistics.median(adding),
            "unit": "s",
        },
        {
            "work": f"10 nearest of an image among {work}",
            "target": "< 0.1 s",
            "ours": statistics.median(looking[2:]),
            "unit": "s",
            "note": f"recall {statistics.mean(recalls):.3f} of what comparing all finds; "
            f"under \"sex = 'F' and age > 60\" {statistics.median(under[2:]):.3f} s",
        },
    ]


def _seconds(store: FeatureStore, image: str, where: str = "") -> float:
    started = time.perf_counter()
    store.nearest(image, k=10, where=where)
    return time.perf_counter() - started


def _vectors(count: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Vectors that lie as those of images do: along a few directions, not negative, with noise of their own."""
    shared, own = np.random.default_rng(0), np.random.default_rng()
    directions = shared.random((32, WIDTH), np.float32) ** 4
    made = [own.random((count, 32), np.float32) @ directions for _ in range(2)]
    made = [values * np.exp(own.normal(0, 0.15, values.shape)) for values in made]
    return made[0].astype(np.float32), made[1].astype(np.float32)


def _rows(start: int, count: int) -> pl.DataFrame:
    """What is known of images that were never there."""
    random = np.random.default_rng(start)
    ids = [f"stored{number}" for number in range(start, start + count)]
    drawn = {
        "image_id": ids,
        "patient_id": ids,
        "age": random.integers(18, 95, count),
        "sex": random.choice(["F", "M"], count),
        "source": ["benchmark"] * count,
        DIGEST: ids,
        **{name.lower().replace(" ", "_"): random.integers(0, 2, count) for name in FINDINGS},
    }
    kinds = {**ABOUT, DIGEST: pl.String(), **{name.lower().replace(" ", "_"): pl.Int8() for name in FINDINGS}}
    frame = pl.DataFrame(drawn)
    blank = [pl.lit(None).alias(name) for name in kinds if name not in drawn]
    return frame.with_columns(blank).select(pl.col(name).cast(kind) for name, kind in kinds.items())
