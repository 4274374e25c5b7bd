"""Folds of cross-validation: whole patients, and every finding about equally frequent in each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hilum.errors import ConfigError, DataError
from hilum.table import deal


def folds_of(
    patient_ids: npt.NDArray[np.object_], targets: npt.NDArray[np.float32], folds: int, seed: int = 0
) -> npt.NDArray[np.int64]:
    """Which fold each row is in, int64 [n], 0 to folds - 1.

    Follows from the patients' ids, what they bring and the seed, whatever the order of rows.

    Args:
        patient_ids: [n]; no patient is in two folds. A row without one (None) is a patient of its own.
        targets: [n, k] of 0, 1 and NaN.
        folds: at least 2.
        seed: which of many equally good divisions.

    Raises:
        ConfigError: fewer than 2 folds.
        DataError: fewer patients than folds.
    """
    if folds < 2:
        raise ConfigError(f"cross-validation takes at least 2 folds; {folds} were asked for.")
    own = [f"\0{row}" if name is None else str(name) for row, name in enumerate(patient_ids)]
    names, patient = np.unique(np.array(own, dtype=np.str_), return_inverse=True)
    if len(names) < folds:
        raise DataError(
            f"{folds} folds take at least as many patients, and there are {len(names)}. Ask for fewer folds."
        )
    columns = [np.ones(len(patient)), *(targets == 1).T, *(targets == 0).T]
    brings = [np.bincount(patient, column, minlength=len(names)) for column in columns]
    amounts = np.stack([np.ones(len(names)), *brings], axis=1).astype(np.int64)
    return deal(names.tolist(), amounts, [1 / folds] * folds, "folds", seed)[patient]
