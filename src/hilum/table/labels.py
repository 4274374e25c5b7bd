"""What a source said of a finding, and what that becomes for training and for scoring.

The codes are CheXpert's (Irvin et al. 2019): 1 positive, 0 negative, -1 uncertain, null not mentioned.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hilum.config import LabelsConfig

POSITIVE, NEGATIVE, UNCERTAIN = 1, 0, -1
UNUSABLE = -2
"""A label that is never scored, whatever the policy. No source has it: only a verdict of an overlay makes it."""
UNCERTAIN_CLASS = 2.0
"""Target of an uncertain label under the policy `multiclass`."""

FloatArray = npt.NDArray[np.float32]


def training_targets(codes: FloatArray, policy: LabelsConfig) -> FloatArray:
    """Label codes to training targets.

    Args:
        codes: float32 [n, k], of 1, 0, -1, NaN for blank, and `UNUSABLE`.
        policy: what -1 and blank become.

    Returns:
        float32 [n, k]: 0, 1, a soft value between, `UNCERTAIN_CLASS` under `multiclass`; NaN is not scored.
    """
    becomes = {
        "zeros": 0.0,
        "ones": 1.0,
        "ignore": np.nan,
        "smooth": policy.smooth_value,
        "multiclass": UNCERTAIN_CLASS,
    }
    targets = np.where(codes == UNCERTAIN, np.float32(becomes[policy.uncertain]), codes)
    if policy.blank == "zeros":
        targets = np.where(np.isnan(codes), np.float32(0.0), targets)
    targets = np.where(codes == UNUSABLE, np.float32(np.nan), targets)
    return targets.astype(np.float32, copy=False)


def scoring_targets(codes: FloatArray, policy: LabelsConfig) -> FloatArray:
    """Label codes to what scores are counted against: float32 [n, k] of 0, 1 and NaN (not scored).

    A label that the source calls uncertain is scored only where the policy makes it 0 or 1.
    """
    hard = (
        policy if policy.uncertain in {"zeros", "ones"} else policy.model_copy(update={"uncertain": "ignore"})
    )
    return training_targets(codes, hard)
