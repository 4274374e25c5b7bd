"""Scores over columns: [n, k] targets and what a model says in, [k] numbers out. numpy only.

Targets are 1 (positive), 0 (negative) and NaN (unknown: not scored). Every score is of the positive class. `score`
gives all of them for `Predictions` at `Thresholds`; each alone is here by its name in `SCORES`, as a function of
columns: `from hilum.metrics import roc_auc`.
"""

from typing import Any

import lazy_loader

_shown, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if not name.startswith("_") and name not in __all__ and name in (scores := _shown("SCORES")):
        return scores[name]
    return _shown(name)
