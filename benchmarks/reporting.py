"""The report of a large run: 26,410 validation images x 12 findings, predictions of 20 epochs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hilum.config import make_config
from hilum.files import write_json, write_parquet
from hilum.metrics import Predictions, fit_judge, score
from hilum.runs import Run

IMAGES, FINDINGS, EPOCHS = 26_410, 12, 20
"""Of each part. The 2020 framework published figures of a validation part of this size."""

REPORT = """
import sys, time
started = time.perf_counter()
from hilum.runs import Run
from hilum.report import write_report
path = write_report(Run(sys.argv[1]), figures=len(sys.argv) > 2)
seconds = time.perf_counter() - started
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
print(seconds, int(status["VmHWM"].split()[0]) / 1024, path.stat().st_size / 2**20)
"""


def rows() -> list[dict[str, Any]]:
    """Measured rows; see `benchmarks.__main__`."""
    work = f"report of {IMAGES:,} images x {FINDINGS} findings, {EPOCHS} epochs"
    with tempfile.TemporaryDirectory() as folder:
        run = large_run(Path(folder))
        page, both = (min(_measured(run, figures) for _ in range(3)) for figures in (False, True))
    return [
        {
            "work": f"{work}{what}",
            "target": target,
            "ours": found[0],
            "unit": "s",
            "note": f"from the command on, imports included; peak {found[1]:,.0f} MiB; page {found[2]:.1f} MiB",
        }
        for what, target, found in (
            ("", "< 15 s", page),
            (", and its figures as SVG and PNG", "", both),
        )
    ]


def _measured(run: Run, figures: bool) -> tuple[float, float, float]:
    """Seconds, peak resident MiB, and MiB of the page, of a process of its own."""
    command = [sys.executable, "-c", REPORT, str(run.path), *(["figures"] if figures else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    seconds, memory, size = map(float, done.stdout.split())
    return seconds, memory, size


def large_run(folder: Path) -> Run:
    """A finished run without a model: logits are drawn around the truth, better with every epoch."""
    run = Run.create(folder / "runs", make_config({"name": "large", "scores": {"threshold": "youden"}}), {})
    findings = tuple(f"Finding {number + 1}" for number in range(FINDINGS))
    sizes = {"train": IMAGES, "valid": IMAGES, "test": IMAGES}
    for epoch in range(1, EPOCHS + 1):
        sides: dict[str, Any] = {}
        for part in ("train", "valid"):
            made = predictions(part, sizes[part], findings, 0.5 + 0.05 * epoch, epoch)
            made.save(run.epoch_folder(epoch) / f"{part}.parquet")
            valid = made if part == "valid" else Predictions(**{**vars(made), "part": "valid"})
            scores = score(made, fit_judge(valid, run.config.scores).thresholds)
            sides[part] = {"loss": float(scores.value("log_loss")), "scores": scores.to_json()}
        entry = {"epoch": epoch, "lr": 1e-3, "seconds": 60.0, "images_per_second": 440.0, "improved": True}
        write_json(run.epoch_folder(epoch) / "summary.json", {**entry, **sides})
    parts = {part: predictions(part, size, findings, 1.5, EPOCHS) for part, size in sizes.items()}
    judge = fit_judge(parts["valid"], run.config.scores)
    run.write_judge(judge)
    for part in ("valid", "test"):
        run.write_scores(parts[part], judge.score(parts[part]))
    _describe(run, parts)
    return run


def predictions(part: str, count: int, findings: tuple[str, ...], strength: float, seed: int) -> Predictions:
    """Targets at prevalences from 2 to 40 %, three images a patient, and logits that know them a little."""
    truth, noise = np.random.default_rng([1, *part.encode()]), np.random.default_rng([seed, *part.encode()])
    rates = np.linspace(0.4, 0.02, len(findings))
    targets = (truth.random((count, len(findings))) < rates).astype(np.float32)
    logits = noise.normal(size=targets.shape) + strength * (targets - 0.5) + np.log(rates / (1 - rates))
    ids = np.array([f"{part}{row:06d}" for row in range(count)], dtype=object)
    patients = np.array([f"{part}{row // 3:05d}" for row in range(count)], dtype=object)
    return Predictions(ids, findings, logits.astype(np.float32), targets, part, patients, patients)


def _describe(run: Run, parts: dict[str, Predictions]) -> None:
    """data.json, environment.json and images.parquet."""
    rng = np.random.default_rng(0)
    counts = {name: {"images": len(part), "patients": len(part) // 3} for name, part in parts.items()}
    prevalence = [
        {
            "finding": finding,
            "part": name,
            "positive": int((part.targets[:, j] == 1).sum()),
            "negative": int((part.targets[:, j] == 0).sum()),
            "unscored": 0,
        }
        for name, part in parts.items()
        for j, finding in enumerate(part.findings)
    ]
    write_json(
        run.path / "data.json",
        {
            "pack": "/gone",
            "pack_fingerprint": "0" * 64,
            "table_fingerprint": "1" * 64,
            "source": "chexpert",
            "findings": list(parts["valid"].findings),
            "prepare": {"size": 320, "fit": "squash", "clahe": 0.0},
            "mean": 0.5064,
            "sd": 0.1667,
            "excluded": 0,
            "clean": [],
            "split": {"id": "0" * 12, "by": "patient", "counts": counts},
            "prevalence": prevalence,
        },
    )
    write_json(run.path / "environment.json", {"python": sys.version.split()[0], "packages": {}})
    frames = [
        pl.DataFrame(
            {
                "image_id": pl.Series(part.image_ids, dtype=pl.String),
                "part": [name] * len(part),
                "patient_id": pl.Series(part.patient_ids, dtype=pl.String),
                "study_id": pl.Series(part.study_ids, dtype=pl.String),
                "view": ["frontal"] * len(part),
                "projection": rng.choice(["AP", "PA"], len(part)),
                "age": pl.Series(rng.integers(18, 90, len(part)), dtype=pl.Float32),
                "sex": rng.choice(["F", "M"], len(part)),
                "source": ["chexpert"] * len(part),
            }
        )
        for name, part in parts.items()
    ]
    write_parquet(run.path / "images.parquet", pl.concat(frames))
    run.write_info({**run.info, "status": "done", "seconds": 1200.0})
