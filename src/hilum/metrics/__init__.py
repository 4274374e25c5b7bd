"""Scores over columns: [n, k] targets and scores in, [k] numbers out. numpy only.

Targets are 1 (positive), 0 (negative) and NaN (unknown: not scored). Every score is of the positive class.
`roc_auc` and its like are plain functions; `score` gives all of them for `Predictions` at `Thresholds`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
