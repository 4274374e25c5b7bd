"""Every score, once: `registry` has all, and `from hilum.metrics.values import f1` gives one of them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hilum.metrics.values.engine import Score


def __getattr__(name: str) -> "Score":
    from hilum.metrics.values.registry import SCORES

    if name in SCORES:
        return SCORES[name]
    raise AttributeError(f"there is no score hilum.metrics.values.{name}")
