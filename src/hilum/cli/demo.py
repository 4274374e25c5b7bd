"""`hilum demo`: the main job, end to end, on the built-in phantom study."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

_SIZE = 128


def demo(
    out: Annotated[Path, typer.Option(help="Where everything is kept.")] = Path("demo"),
    patients: Annotated[int, typer.Option(help="Patients of the phantom study.")] = 500,
    epochs: Annotated[int, typer.Option(help="Epochs to train; 0 is the recipe's.")] = 0,
) -> int:
    """Draw a phantom study, check it, pack it, train a network, score it, and say where the report is."""
    from hilum.cli.app import main

    study, pack, runs = out / "phantom", out / "packs" / f"phantom-{_SIZE}", out / "runs"
    change = ["--set", f"train.epochs={epochs}"] if epochs else []
    for command in (
        ["phantom", "--out", study, "--patients", patients],
        ["doctor", "chexpert", study],
        ["pack", "chexpert", study, "--out", pack, "--size", _SIZE],
        ["train", "phantom-resnet18", "--data", pack, "--out", runs, *change],
        ["runs", "--folder", runs],
    ):
        words = [str(word) for word in command]
        typer.echo(f"\n$ hilum {shlex.join(words)}")
        if code := main(words):
            return code
    from hilum.runs import list_runs

    report = max((run.path / "report.html" for run in list_runs(runs)), key=lambda path: path.stat().st_mtime)
    typer.echo(f"The report, for your browser: {report.resolve()}")
    return 0
