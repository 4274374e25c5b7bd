"""`hilum runs`, and `hilum runs show`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli.options import AsJson, RunFolder
from hilum.cli.show import show_json, show_table
from hilum.text import shown, with_interval

if TYPE_CHECKING:
    from hilum.runs import Run

runs = typer.Typer(
    name="runs",
    help="The runs of a folder, best first; `hilum runs show RUN` tells all of one.",
    invoke_without_command=True,
)


@runs.callback()
def leaderboard(
    context: typer.Context,
    folder: Annotated[Path, typer.Option(help="The folder that keeps the runs.")] = Path("runs"),
    by: Annotated[str, typer.Option(help="The score to sort by.")] = "roc_auc",
    part: Annotated[str, typer.Option(help="The part whose scores are shown: valid or test.")] = "valid",
    as_json: AsJson = False,
) -> None:
    """The runs of a folder, best first."""
    if context.invoked_subcommand:
        return
    from hilum import api

    rows = api.leaderboard(folder, by=by, part=part)
    if as_json:
        show_json(rows)
    elif not rows:
        typer.echo(f"there are no runs in {folder} yet.")
    else:
        _show(rows, folder, by, part)


def _show(rows: list[dict[str, Any]], folder: Path, by: str, part: str) -> None:
    from hilum.metrics import of_part
    from hilum.runs import ScoredTest, merge_warnings

    ends = f"{by}_low", f"{by}_high"
    hidden = {*ends, "test_part"} | (set() if any(row["warnings"] for row in rows) else {"warnings"})
    columns = [name for name in rows[0] if name not in hidden]
    brief = [
        {
            **row,
            by: with_interval(row[by], *(row[end] for end in ends)),
            "warnings": len(row["warnings"]) or "",
        }
        for row in rows
    ]
    show_table(columns, [[row[name] for name in columns] for row in brief], f"{folder}, by {by} on {part}")
    if all(row[by] is None for row in rows):
        typer.echo(f"none of them has {by} of {part} yet; hilum evaluate RUN --part {part} scores one.")
    for warning in [*of_part(part), *merge_warnings((row["run"], row["warnings"]) for row in rows)]:
        typer.echo(f"note: {warning}")
    for text in dict.fromkeys(str(ScoredTest(**row["test_part"])) for row in rows if row["test_part"]):
        typer.echo(text)


@runs.command("show")
def _show_run(
    run: RunFolder,
    all_settings: Annotated[bool, typer.Option("--all", help="Show defaults too.")] = False,
    epochs: Annotated[
        bool, typer.Option("--epochs", help="Show its epochs instead, as while it trained.")
    ] = False,
    column: Annotated[
        list[str] | None,
        typer.Option(help="With --epochs: a score to show in place of its own; may be repeated."),
    ] = None,
    parts: Annotated[
        list[str] | None, typer.Option("--part", help="With --epochs: train or valid; give both for both.")
    ] = None,
    per_finding: Annotated[
        bool, typer.Option("--per-finding", help="With --epochs: a line for each finding too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Settings, data and scores of one run, or its epochs."""
    from hilum.config import settings
    from hilum.runs import Run, scored_test

    found = Run(run)
    if epochs or column or parts or per_finding:
        _show_epochs(found, {"columns": column, "parts": parts, "per_finding": per_finding}, as_json)
    elif as_json:
        scores = {part: s.to_json() for part in ("valid", "test") if (s := found.scores(part))}
        scored = scored_test(found)
        told = {"warnings": found.warnings, "test_part": scored and scored.to_json(), "scores": scores}
        show_json({"info": found.info, "settings": settings(found.config), "data": found.data, **told})
    else:
        _show_about(found)
        _show_settings(found, all_settings)
        _show_data(found)


def _show_about(run: Run) -> None:
    """How it came about, and what must be known of it."""
    info = run.info
    typer.echo(
        f"{run.path}: {info['status']}, {run.extent} in {info['seconds']:,.1f} s, begun {info['created']}"
    )
    if run.members:
        rows = [[str(member.path), member.epoch or "best", member.weight] for member in run.members]
        show_table(["member", "epoch", "weight"], rows, title="The mean of these models")
    if head := run.head:
        between = "" if head["low"] is None else f" [{head['low']:.3f}, {head['high']:.3f}]"
        score = f"{head['by']} {head['score']:.3f}{between} out of {head['folds']} folds"
        typer.echo(f"head: {head['told']}; {score}; on vectors of {head['encoder']['name']}")
    for warning in run.warnings:
        typer.echo(f"warning: {warning}")
    for text in (run.config.notes.strip(), run.measured and f"measured on these data: {run.measured}"):
        if text:
            typer.echo(text.strip())


def _show_settings(run: Run, every: bool) -> None:
    from hilum.config import ABOUT, Config, settings

    now, default = settings(run.config), settings(Config())
    keys = [key for key in now if key not in ABOUT and (every or now[key] != default[key])]
    rows = [[key, shown(now[key]), shown(default[key])] for key in keys]
    title = "Settings" if every else "Settings that differ from the defaults"
    show_table(["setting", "value", "default"], rows, title=title)


def _show_data(run: Run) -> None:
    """The parts and their scores."""
    from hilum.runs import scored_test

    split = run.data["split"]
    rows = [[name, count["images"], count["patients"]] for name, count in split["counts"].items()]
    title = f"Data: {run.data['source']}, split {split['id']} by {split['by']}"
    show_table(["part", "images", "patients"], rows, title=title)
    for part in ("valid", "test"):
        if (known := run.scores(part)) is not None:
            show_table(*known.table(), title=f"Scores on {part}")
            for warning in known.warnings:
                if warning not in run.warnings:
                    typer.echo(f"note: {warning}")
    if (scored := scored_test(run)) is not None:
        typer.echo(str(scored))


def _show_epochs(run: Run, asked: dict[str, Any], as_json: bool) -> None:
    """The lines of a run's epochs, as it showed them or as other knobs ask for."""
    from hilum.config import make_config
    from hilum.track import EpochTable, check_track

    entries = [start, *run.history] if (start := run.start) else run.history
    if as_json:
        show_json(entries)
        return
    track = run.config.track.model_dump() | {"tensorboard": "off", "mlflow": "", "callbacks": ()}
    track |= {name: value for name, value in asked.items() if value}
    config = make_config({"track": track}, origin="--part")
    if any(asked.values()):  # what it showed itself is shown as it is kept, also a plugin's score
        check_track(config.track)
    for line in EpochTable(config.track, run.config.train.epochs, None).whole(entries):
        typer.echo(line)
