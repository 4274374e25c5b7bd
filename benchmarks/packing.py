"""Packing: reading and resizing an image against PIL and skimage, cores, and resident memory."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import polars as pl
from PIL import Image
from skimage.io import imread
from skimage.transform import resize

from hilum.config import PrepareConfig
from hilum.cores import cores
from hilum.pixels import build_pack, load_image
from hilum.table import Table

SIZE = 320
SIZES = ((1300, 1000, 2.2), (2828, 2320, 7.0))
"""Height, width and film noise. The noise makes the files as long as the real ones of that size: 0.2 MB for the
paediatric pneumonia set (1.15 GB, 5,856 files), 2.0 MB for full-size CheXpert (439 GB, 224,316 files)."""
FILES, ROUNDS = 3, 7
FEW, MANY = 500, 4000

MEMORY = """
import sys
from pathlib import Path
from benchmarks.packing import build_pack, PrepareConfig, SIZE, table_of
table = table_of(Path(sys.argv[1]), int(sys.argv[2]))
build_pack(table, sys.argv[3], PrepareConfig(size=SIZE))
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) / 1024)  # getrusage would count the parent's peak too
"""


def rows() -> list[dict[str, Any]]:
    """Measured rows; see `benchmarks.__main__`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found: list[dict[str, Any]] = []
        for height, width, noise in SIZES:
            files = _write(folder / f"{height}", height, width, noise)
            found += _reading(files, height, width)
        return [*found, *_scaling(folder / "2828", folder), _memory(folder / "1300", folder)]


def radiograph(height: int, width: int, noise: float, seed: int) -> npt.NDArray[np.uint8]:
    """Shapes of every size, and film noise."""
    random = np.random.default_rng(seed)
    picture = np.full((height, width), 128, np.float32)
    for cells, weight in ((6, 55.0), (24, 25.0), (80, 12.0), (240, 6.0)):
        grid = random.normal(0, weight, (cells, cells)).astype(np.float32)
        picture += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    picture += random.normal(0, noise, (height, width)).astype(np.float32)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _write(folder: Path, height: int, width: int, noise: float) -> list[Path]:
    folder.mkdir()
    files = [folder / f"{index}.jpg" for index in range(FILES)]
    for index, path in enumerate(files):
        cv2.imwrite(str(path), radiograph(height, width, noise, index), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return files


def table_of(folder: Path, count: int) -> Table:
    """A table of `count` images that are a few files, over and over."""
    names = sorted(path.name for path in folder.iterdir())
    ids = [str(index) for index in range(count)]
    paths = [names[index % len(names)] for index in range(count)]
    frame = pl.DataFrame({"image_id": ids, "path": paths, "patient_id": ids, "source": ["benchmark"] * count})
    return Table.make(frame, (), folder)


def _ours(path: Path) -> object:
    return load_image(path, PrepareConfig(size=SIZE))


def _pil(path: Path) -> object:
    with Image.open(path) as image:
        return np.asarray(image.convert("L").resize((SIZE, SIZE)))


def _skimage(path: Path) -> object:
    """As torchxrayvision's data sets and its XRayResizer do: read, scale to -1024..1024, resize [1, h, w]."""
    image = (2 * (imread(path).astype(np.float32) / 255) - 1) * 1024
    return resize(image[None], (1, SIZE, SIZE), mode="constant", preserve_range=True).astype(np.float32)


def _in_turn(works: dict[str, Callable[[Path], object]], files: list[Path]) -> dict[str, float]:
    """Median milliseconds of processor time an image takes, in turn, so that all meet the same neighbours."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    taken: dict[str, list[float]] = {name: [] for name in works}
    try:
        for turn in range(ROUNDS + 1):
            for name, work in works.items():
                started = time.process_time()
                for path in files:
                    work(path)
                if turn:  # the first is for warming up
                    taken[name].append((time.process_time() - started) / len(files) * 1e3)
    finally:
        cv2.setNumThreads(threads)
    return {name: statistics.median(values) for name, values in taken.items()}


def _reading(files: list[Path], height: int, width: int) -> list[dict[str, Any]]:
    found = _in_turn({"ours": _ours, "pil": _pil, "skimage": _skimage}, files)
    kilobytes = statistics.mean(path.stat().st_size for path in files) / 1e3
    return [
        {
            "work": f"{height} x {width} JPEG of {kilobytes:,.0f} kB to {SIZE} px, per core, against {peer}",
            "target": f">= {target}x",
            "ours": found["ours"],
            "peer": found[name],
            "ratio": found[name] / found["ours"],
            "unit": "ms",
            "note": note,
        }
        for name, peer, target, note in (
            ("pil", "PIL", 1.5, "open, convert('L'), resize"),
            ("skimage", "skimage", 8, "imread, resize: torchxrayvision's way"),
        )
    ]


def _scaling(images: Path, folder: Path) -> list[dict[str, Any]]:
    """Images/s of whole builds on 1, 2 and 4 threads, in turn."""
    counts = [count for count in (1, 2, 4) if count <= cores()]
    table = table_of(images, 192)
    speed: dict[int, list[float]] = {count: [] for count in counts}
    had: dict[int, list[float]] = {count: [] for count in counts}
    for turn in range(3):
        for count in counts:
            started, used = time.perf_counter(), time.process_time()
            build_pack(table, folder / f"scaling-{turn}-{count}", PrepareConfig(size=SIZE), workers=count)
            seconds = time.perf_counter() - started
            speed[count].append(len(table) / seconds)
            had[count].append((time.process_time() - used) / seconds)
    median = {count: statistics.median(values) for count, values in speed.items()}
    return [
        {
            "work": f"packing 2828 x 2320 JPEGs on {count} threads against 1",
            "target": "near linear",
            "ours": median[count],
            "peer": median[1],
            "ratio": median[count] / median[1],
            "unit": "images/s",
            "note": f"whole builds, with writing and syncing; {statistics.median(had[count]):.1f} cores were free",
        }
        for count in counts[1:]
    ]


def _memory(images: Path, folder: Path) -> dict[str, Any]:
    """Peak resident memory of a process that packs few and one that packs many images."""
    peak = {}
    for count in (FEW, MANY):
        command = [sys.executable, "-c", MEMORY, str(images), str(count), str(folder / f"memory-{count}")]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
        )
        peak[count] = float(done.stdout)
    return {
        "work": f"peak resident memory of packing {MANY:,} images against {FEW:,}",
        "target": "< 1,000 MiB for any number",
        "ours": peak[MANY],
        "peer": peak[FEW],
        "ratio": peak[MANY] / peak[FEW],
        "unit": "MiB",
        "note": f"{MANY * SIZE * SIZE / 2**20:,.0f} MiB of pixels written; a ratio of 1 is no growth",
    }
