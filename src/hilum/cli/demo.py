"""`hilum demo`: the main job, end to end, on the built-in phantom study."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

SIZE = 128


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Option("--in", help="Where everything is kept.")] = Path("demo"),
    patients: Annotated[int, typer.Option(help="Patients of the phantom study.")] = 500,
    epochs: Annotated[int, typer.Option(help="Epochs to train; 0 is the recipe's.")] = 0,
) -> int:
    """Draw a phantom study, check it, pack it, train a network, score it, and say where the report is."""
    hilum: Callable[..., int | None] = context.find_root().command
    study, pack, runs = folder / "phantom", folder / "packs" / f"phantom-{SIZE}", folder / "runs"
    change = ["--set", f"train.epochs={epochs}"] if epochs else []
    for command in (
        ["phantom", study, "--patients", patients],
        ["doctor", "chexpert", study],
        ["pack", "chexpert", study, pack, "--size", SIZE],
        ["train", "phantom-resnet18", "--data", pack, "--in", runs, *change],
        ["runs", "--in", runs],
    ):
        words = [str(word) for word in command]
        typer.echo(f"\n$ hilum {shlex.join(words)}")
        if code := hilum(words, standalone_mode=False):
            return code
    from hilum.runs import list_runs

    report = max((run.path / "report.html" for run in list_runs(runs)), key=lambda path: path.stat().st_mtime)
    typer.echo(f"The report, for your browser: {report.resolve()}")
    return 0
