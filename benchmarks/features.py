"""Embedding from files against torchxrayvision's own way, its memory, and a store of 100,000 images.

Real images are those of the paediatric pneumonia set: `pneumonia-224` in `HILUM_REAL_DATA`, or in `shared/data`
beside the checkout. Without them, drawn ones of CheXpert-small's size stand in, fewer, and scaled.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
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
from safetensors.torch import save_file
from skimage.io import imread

from benchmarks.images import FINDINGS, pack_of, table_of, write_radiographs
from hilum.config import ModelConfig, PrepareConfig
from hilum.device import pick_device
from hilum.features import EncoderInfo, FeatureStore, embed
from hilum.features.columns import ABOUT, DIGEST
from hilum.models import Normalisation, build_model
from hilum.pixels import Pack, build_pack
from hilum.predict import Encoder
from hilum.predict.encoder import Vectors
from hilum.table import Table, read_source

SIZE = 224
SHARED = Path(__file__).parents[2] / "shared" / "data"
REAL = Path(os.environ.get("HILUM_REAL_DATA", SHARED)) / "pneumonia-224"
TOLD, PEER_IMAGES, PEER_BATCH = 5840, 640, 32
"""Images that the row speaks of, all of which ours embeds; how many of them the peer's loop takes."""
DRAWN, PEER_DRAWN = 768, 128
"""Images where there are no real ones."""
FEW, MANY, SMALL = 1000, 8000, 32
"""Images of the two runs whose memory is compared, and their side in pixels."""
STORED, ADDED, WIDTH = 100_000, 100, 1024
ROUNDS = 3


MEMORY = """
import sys
from pathlib import Path
from hilum.cli import main
code = main(sys.argv[1:])
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) / 1024)  # getrusage would count the parent's peak too
sys.exit(code)
"""


def rows() -> list[dict[str, Any]]:
    """Measured rows; see `benchmarks.__main__`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [_embedding(folder / "embedding"), _memory(folder / "memory"), *_large_store(folder / "store")]


def _embedding(folder: Path) -> dict[str, Any]:
    """Packing, vectors and store against a plain loop, in turn; each time scaled to `TOLD` images."""
    table, of, count = _images(folder / "files")
    chosen = np.random.default_rng(0).permutation(len(table))[:count]
    files = [table.root / path for path in table.frame["path"][chosen]]
    encoder, peer = _densenet(), _peer()
    ours, theirs = [], []
    for turn in range(ROUNDS):
        started = time.perf_counter()
        pack = build_pack(table, folder / f"pack{turn}", PrepareConfig(size=SIZE))
        embed(encoder, pack, FeatureStore(folder / f"features{turn}", create=True))
        ours.append(TOLD / len(table) * (time.perf_counter() - started))
        started = time.perf_counter()
        _loop(peer, files)
        theirs.append(TOLD / len(files) * (time.perf_counter() - started))
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    return {
        "work": f"embedding {TOLD:,} {of}, DenseNet121, {SIZE} px: packing, vectors, store",
        "target": ">= 4x",
        "ours": statistics.median(ours),
        "peer": statistics.median(theirs),
        "ratio": statistics.median(ratios),
        "unit": "s",
        "note": f"{encoder.precision}, {_share(len(table))}; peer: torchxrayvision's DenseNet121, fp32, its own "
        f"reading (skimage), batch {PEER_BATCH}, {_share(len(files))}",
    }


def _images(folder: Path) -> tuple[Table, str, int]:
    """What to embed, what it is, and how many of it the peer takes."""
    if REAL.is_dir():
        table = read_source("pneumonia", REAL)
        return table.take(range(min(TOLD, len(table)))), "real JPEG files (pneumonia-224)", PEER_IMAGES
    return table_of(write_radiographs(folder, DRAWN)), "drawn JPEG files of 390 x 320", PEER_DRAWN


def _share(count: int) -> str:
    return f"all {count:,} timed" if count == TOLD else f"scaled from {count:,}"


def _memory(folder: Path) -> dict[str, Any]:
    """Peak resident memory of `hilum embed` as a command of its own, over few images and over many."""
    files = write_radiographs(folder / "files", 200, 64, 64)
    weights = folder / "weights.safetensors"
    save_file(build_model(ModelConfig(name="resnet18"), 1, SMALL).state_dict(), weights)
    peak = {}
    for count in (FEW, MANY):
        pack = pack_of(files, folder / f"pack{count}", SMALL, copies=count // len(files))
        command = ["embed", "resnet18", "--weights", weights, "--data", pack, "--out", folder / f"s{count}"]
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, *map(str, command), "--json"],
            capture_output=True,
            text=True,
            check=True,
        )
        peak[count] = float(done.stdout.split()[-1])
    return {
        "work": f"peak resident memory of `hilum embed`: {MANY:,} images against {FEW:,}",
        "target": "does not grow",
        "ours": peak[MANY],
        "peer": peak[FEW],
        "ratio": peak[MANY] / peak[FEW],
        "unit": "MiB",
        "note": f"ResNet18, {SMALL} px; {MANY * 2 * 512 * 4 / 2**20:,.0f} MiB of vectors written; a ratio of 1 is "
        "no growth",
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
        read = [imread(path) for path in files[start : start + PEER_BATCH]]
        gray = [image if image.ndim == 2 else image[..., 0] for image in read]
        images = [fit(xrv.datasets.normalize(image, 255)[None]) for image in gray]
        model.features2(torch.from_numpy(np.stack(images)).float().to(device)).cpu()


class _Ready:
    """Stands in for an encoder whose vectors cost nothing: what is left is the store's own time."""

    device = torch.device("cpu")

    def check(self, _: Pack) -> None:
        """Any will do."""

    def settings(self, prepare: PrepareConfig) -> dict[str, Any]:
        """Of no network."""
        about = {"model": {}, "normalisation": {}, "prepare": prepare.model_dump(), "precision": "fp32"}
        return {"name": "drawn", "origin": "drawn", **about, "width": WIDTH, "fingerprint": "0" * 64}

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
    pack = Pack(pack_of(files, folder / "pack", 64))
    store = FeatureStore(folder / "features", create=True)
    table = store.writable(EncoderInfo.of(encoder.settings(pack.prepare)), FINDINGS)
    for start in range(0, STORED, 4096):
        count = min(4096, STORED - start)
        table.add(_rows(start, count), *_vectors(count))
    table.tidy()
    adding, looking, under, recalls = [], [], [], []
    for turn in range(ROUNDS):
        frame = pack.table.frame.with_columns(pl.col("image_id") + f"-{turn}")
        again = Pack(**{**vars(pack), "table": type(pack.table)(frame, FINDINGS)})
        started = time.perf_counter()
        embed(encoder, again, store, batch=256)
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
