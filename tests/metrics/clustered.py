"""Predictions of patients with several images, for tests of intervals."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hilum.metrics import Predictions

TIED = [-2.0, -1.0, 0.0, 0.5, 2.0]


def made(
    targets: object, logits: object, patients: object = None, part: str = "test", unit: str = "image"
) -> Predictions:
    logits = np.asarray(logits, dtype=np.float32)
    names = tuple(f"Finding {j}" for j in range(logits.shape[1]))
    ids = np.array([f"i{row}" for row in range(len(logits))], dtype=object)
    owners = None if patients is None else np.array([f"p{p}" for p in np.asarray(patients)], dtype=object)
    return Predictions(ids, names, logits, np.asarray(targets, dtype=np.float32), part, owners, None, unit)


def simulated(
    rows: int, findings: int, patients: int, *, seed: int = 0, shift: float = 1.2, share: float = 0.2
) -> Predictions:
    rng = np.random.default_rng(seed)
    owner = rng.integers(0, patients, rows)
    targets = (rng.random((rows, findings)) < share).astype(np.float32)
    own = rng.normal(size=(patients, findings))[owner]
    logits = 0.6 * own + 0.8 * rng.normal(size=(rows, findings)) + shift * targets - 0.5
    return made(targets, logits, owner)


@st.composite
def clustered(draw: st.DrawFn, rows: int = 25) -> Predictions:
    """Ties, NaN, one class, one row, one patient: all may happen."""
    n, k = draw(st.integers(1, rows)), draw(st.integers(1, 3))
    target = st.sampled_from([0.0, 1.0, float("nan")]) if draw(st.booleans()) else st.sampled_from([0.0, 1.0])
    value = st.sampled_from(TIED) if draw(st.booleans()) else st.floats(-30, 30, width=32)
    targets = draw(hnp.arrays(np.float32, (n, k), elements=target))
    logits = draw(hnp.arrays(np.float32, (n, k), elements=value))
    patients = draw(hnp.arrays(np.int64, n, elements=st.integers(0, max(0, n // 2))))
    return made(targets, logits, patients)
