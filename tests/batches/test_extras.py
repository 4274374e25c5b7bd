"""Augmentations of plugins repeat, whatever the batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from hilum.batches import Feed
from hilum.config import AugmentConfig
from hilum.errors import ConfigError
from hilum.plugins import using

TEXT = """
AUGMENTATIONS = {
    "dim": (lambda g, n: g.uniform(0.5, 1, n).astype("float32"), lambda x, d: x * d[:, None, None, None]),
    "few": (lambda g, n: g.random(1), lambda x, d: x),
    "flat": (lambda g, n: g.random(n), lambda x, d: x.mean()),
}
"""
PIXELS = np.random.default_rng(0).integers(0, 256, (11, 8, 8)).astype(np.uint8)


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "mine.py").write_text(TEXT)
    with using(tmp_path / "mine.py"):
        yield


def shown(name: str, batch: int, **settings: object) -> torch.Tensor:
    """Images of an epoch, in their own order."""
    augment = AugmentConfig.model_validate({"extra": [name], "share": 0, **settings})
    about = {"mean": 0.0, "sd": 1.0, "device": "cpu", "seed": 3, "shuffle": True, "augment": augment}
    feed = Feed(PIXELS, np.arange(11), np.zeros((11, 1), np.float32), batch=batch, **about)
    batches = list(feed.epoch(2))
    rows = np.concatenate([one.rows for one in batches])
    return torch.cat([one.images for one in batches])[torch.from_numpy(np.argsort(rows))]


@pytest.mark.parametrize("share", [0, 1])
def test_what_is_drawn_does_not_depend_on_the_batches(share: float) -> None:
    one, two = shown("dim", 3, share=share, flip=1), shown("dim", 11, share=share, flip=1)
    assert torch.equal(one, two)
    plain = torch.from_numpy(PIXELS).float().div(255).unsqueeze(1)
    if not share:
        factors = (one.sum((1, 2, 3)) / plain.sum((1, 2, 3))).tolist()
        assert 0.5 <= min(factors) < max(factors) <= 1
        assert len({round(factor, 3) for factor in factors}) > 8


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("few", r"drew an array \[1\]; expected one row for each of 11 images"),
        ("flat", r"gave \[\]; expected images \[3, 1, 8, 8\]"),
        ("dimm", "no plugin has 'dimm' in AUGMENTATIONS; did you mean 'dim'"),
    ],
)
def test_what_is_no_augmentation(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        shown(name, 4)
