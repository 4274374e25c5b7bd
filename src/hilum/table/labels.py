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
_UNCERTAIN_CLASS = 2.0
"""Target of an uncertain label under the policy `multiclass`."""

_Floats = npt.NDArray[np.float32]


def targets_of(codes: _Floats, policy: LabelsConfig, *, scoring: bool = False) -> _Floats:
    """Label codes to what is learned, or to what scores are counted against.

    Args:
        codes: float32 [n, k], of 1, 0, -1, NaN for blank, and `UNUSABLE`.
        policy: what -1 and blank become.
        scoring: what the source calls uncertain counts only where the policy makes it 0 or 1.

    Returns:
        float32 [n, k]: 0, 1 and NaN (not scored); to learn from, also a soft value between, or 2, the class of its
        own that `multiclass` makes of uncertain labels.
    """
    becomes = {"zeros": 0.0, "ones": 1.0}
    if not scoring:
        becomes |= {"smooth": policy.smooth_value, "multiclass": _UNCERTAIN_CLASS}
    targets = np.where(codes == UNCERTAIN, np.float32(becomes.get(policy.uncertain, np.nan)), codes)
    if policy.blank == "zeros":
        targets = np.where(np.isnan(codes), np.float32(0.0), targets)
    targets = np.where(codes == UNUSABLE, np.float32(np.nan), targets)
    return targets.astype(np.float32, copy=False)
