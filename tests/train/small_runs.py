"""What tests of training share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hilum.config import Config, make_config


def with_settings(config: Config, *changes: str) -> Config:
    """The config with `section.key=value` changes."""
    return make_config(config.model_dump(), changes)


def weights_of(path: Path) -> dict[str, np.ndarray]:
    """All tensors of a checkpoint."""
    from safetensors.numpy import load_file

    return load_file(path)
