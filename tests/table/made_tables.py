"""Small tables for the tests of splits."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from hypothesis import strategies as st

from hilum.table.table import Table


def make_table(patients: list[int], seed: int = 0, **columns: Any) -> Table:
    """One image per entry of `patients`, with three findings of different rates."""
    n = len(patients)
    generator = np.random.default_rng(seed)
    codes = {
        name: np.where(generator.random(n) < rate, 1, generator.integers(-1, 1, n))
        for name, rate in {"Common": 0.5, "Rare": 0.1, "Very rare": 0.02}.items()
    }
    frame = pl.DataFrame(
        {
            "image_id": [f"i{i}" for i in range(n)],
            "path": [f"{i}.png" for i in range(n)],
            "patient_id": [f"p{patient}" for patient in patients],
            "source": ["test"] * n,
            "sex": generator.choice(["F", "M"], n),
            **codes,
            **columns,
        }
    )
    return Table.make(frame, list(codes))


def cohort(patients: int, seed: int = 0, **columns: Any) -> Table:
    """1 to 5 images for each of so many patients."""
    sizes = np.random.default_rng(seed).integers(1, 6, patients)
    return make_table(np.repeat(np.arange(patients), sizes).tolist(), seed, **columns)


tables = st.builds(
    make_table, st.lists(st.integers(0, 40), min_size=30, max_size=120), st.integers(0, 2**16)
).filter(lambda table: table.patients >= 10)
