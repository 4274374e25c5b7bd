"""hilum: a lab bench for chest X-ray classifiers.

The types that carry everything are here; `hilum.api` has a function for every command. Both are loaded when first
used, so that `import hilum` takes no time::

    from hilum import Run, api

    run = api.train("recipes/pneumonia-resnet18.toml", data="pneumonia:chest_xray")
    api.evaluate(run, "test")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hilum.version import __version__

if TYPE_CHECKING:
    from hilum.config import Config
    from hilum.errors import HilumError
    from hilum.metrics.predictions import Predictions
    from hilum.metrics.results import Scores
    from hilum.pixels.pack import Pack
    from hilum.predict import Predictor
    from hilum.runs import Run
    from hilum.table.table import Table

__all__ = [
    "Config",
    "HilumError",
    "Pack",
    "Predictions",
    "Predictor",
    "Run",
    "Scores",
    "Table",
    "__version__",
    "api",
]

_HOMES = {
    "Config": "hilum.config",
    "HilumError": "hilum.errors",
    "Pack": "hilum.pixels.pack",
    "Predictions": "hilum.metrics.predictions",
    "Predictor": "hilum.predict",
    "Run": "hilum.runs",
    "Scores": "hilum.metrics.results",
    "Table": "hilum.table.table",
}


def __getattr__(name: str) -> Any:
    if name == "api":
        return importlib.import_module("hilum.api")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'hilum' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__
