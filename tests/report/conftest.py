"""Run folders and a pack to report on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import pytest
from report_runs import fill

from hilum.config import PrepareConfig, make_config
from hilum.pixels import Pack, build_pack
from hilum.runs import Run
from hilum.table import Table

MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """`make_run(findings, warnings=[...], config={...}, **what fill takes)`."""

    def make(
        findings: tuple[str, ...],
        *,
        warnings: tuple[str, ...] = (),
        config: dict[str, Any] | None = None,
        **filling: Any,
    ) -> Run:
        settings = {"name": "trial", **(config or {})}
        info = {"command": "hilum train trial.toml", "warnings": list(warnings)}
        return fill(Run.create(tmp_path / "runs", make_config(settings), info), findings, **filling)

    return make


@pytest.fixture(scope="session")
def small_pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """Two hundred tiny pictures, called as the test part's images are."""
    rng = np.random.default_rng(0)
    tmp_path = tmp_path_factory.mktemp("report")
    folder = tmp_path / "images"
    folder.mkdir()
    ids = [f"test-{row:03d}" for row in range(200)]
    for image_id in ids:
        cv2.imwrite(str(folder / f"{image_id}.png"), rng.integers(0, 255, (64, 64), dtype=np.uint8))
    frame = pl.DataFrame(
        {
            "image_id": ids,
            "path": [f"{image_id}.png" for image_id in ids],
            "patient_id": ids,
            "source": "phantom",
            "Edema": [0] * len(ids),
        }
    )
    return build_pack(
        Table.make(frame, ["Edema"], folder), tmp_path / "pack", PrepareConfig(size=64), workers=1
    )
