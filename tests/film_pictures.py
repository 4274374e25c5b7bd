"""Drawn chest films and other pictures on disk, for the tests of what is a film."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import polars as pl
from benchmarks.film_variants import sketch
from benchmarks.no_films import KINDS

from hilum.table import Table


def chest(seed: int, side: int = 64) -> npt.NDArray[np.uint8]:
    """A drawn film that no network has learned from."""
    return np.asarray(cv2.resize(sketch(np.random.default_rng([9001, seed])), (side, side)), np.uint8)


def other(kind: str, seed: int = 0) -> npt.NDArray[np.uint8]:
    """A picture of a kind of `KINDS` that no network has learned from."""
    return KINDS[kind](np.random.default_rng([9001, list(KINDS).index(kind), seed]))


def mixed(folder: Path, films: int, others: Sequence[str] = (), **columns: object) -> Table:
    """A table of drawn films, then of pictures of these kinds; files are written below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {f"film{i}.png": chest(i) for i in range(films)}
    pictures |= {f"{kind}{i}.png": other(kind, i) for i, kind in enumerate(others)}
    for name, picture in pictures.items():
        assert cv2.imwrite(str(folder / name), picture)
    n = len(pictures)
    frame = {
        "image_id": [Path(name).stem for name in pictures],
        "path": list(pictures),
        "patient_id": [f"p{i // 2}" for i in range(n)],
        "source": ["csv"] * n,
        "Edema": [i % 2 for i in range(n)],
        "Mass": [i % 3 % 2 for i in range(n)],
    }
    return Table.make(pl.DataFrame(frame | columns), ["Edema", "Mass"], folder)
