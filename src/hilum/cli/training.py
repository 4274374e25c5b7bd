"""`hilum train`, `runs`, `reproduce`."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli.options import AsJson, Quiet, RunFolder, SourceOptions
from hilum.text import many, shown, with_interval

if TYPE_CHECKING:
    from hilum.runs import Run

Folder = Annotated[Path, typer.Option("--in", help="The folder that keeps the runs.")]


def train(
    recipe: Annotated[
        Path | None, typer.Argument(help="A TOML file, or the name of one that comes with hilum.")
    ] = None,
    data: Annotated[str, typer.Option(help="A pack, or SOURCE:FOLDER to pack first, into the cache.")] = "",
    change: Annotated[
        list[str] | None, typer.Option("--set", help="SECTION.KEY=VALUE, over the recipe's; may be repeated.")
    ] = None,
    option: SourceOptions = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="A CSV of verdicts on labels (image_id, finding, verdict, by, when); see `hilum noise`."
        ),
    ] = None,
    folder: Folder = Path("runs"),
    name: Annotated[str, typer.Option(help="What the run is called; the recipe's name by default.")] = "",
    repeats: Annotated[
        int, typer.Option(min=1, help="Train this many runs with seeds seed, seed + 1, ..., on one split.")
    ] = 1,
    resume: Annotated[Path | None, typer.Option(help="Go on with this run, stopped or killed.")] = None,
    quiet: Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the validation scores as JSON.")] = False,
) -> None:
    """Train a model as a recipe says, into a new run, and score its validation part."""
    from hilum import api
    from hilum.device import leads
    from hilum.errors import ConfigError
    from hilum.table import parse_options

    if resume is not None and recipe is not None:
        raise ConfigError("hilum train takes a recipe or --resume RUN, not both.")
    if resume is not None:
        if data or change or option or labels or name or repeats > 1:
            raise ConfigError(
                "--resume goes on as the run began: --data, --set, --option, --labels, --name and --repeats "
                "do not go with it."
            )
        runs = [api.resume(resume, quiet=quiet)]
    elif recipe is None:
        raise ConfigError("hilum train needs a recipe (a TOML file, see recipes/) or --resume RUN.")
    else:
        command = "hilum " + shlex.join(sys.argv[1:])
        parse_options(option or ())  # says what is no NAME=VALUE
        change = [*(change or ()), *(f"data.options.{text}" for text in option or ())]
        change += [f"labels.overlay={json.dumps(str(labels))}"] if labels else []
        runs = api.repeat(
            recipe, repeats, data=data, change=change, folder=folder, name=name, command=command, quiet=quiet
        )
    if not leads():
        return
    if len(runs) > 1:
        _show_repeats(runs, as_json)
    else:
        _show_result(runs[0], as_json)


def reproduce(
    run: Annotated[Path, typer.Argument(help="A finished run.")],
    folder: Annotated[
        Path | None, typer.Option("--in", help="Where the repetition is kept; beside the run by default.")
    ] = None,
    quiet: Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the differences as JSON.")] = False,
) -> None:
    """Train a run again from its own files and say whether every score agrees (exit 1 if not)."""
    from hilum import api
    from hilum.cli.show import show_json, show_table
    from hilum.device import other_conditions
    from hilum.errors import CheckFailed
    from hilum.runs import Run

    again, differences = api.reproduce(run, folder=folder, quiet=quiet)
    conditions = other_conditions(Run.open(run).environment, again.environment)
    if as_json:
        show_json(
            {
                "run": str(again.path),
                "agrees": not differences,
                "differences": differences,
                "other_conditions": conditions,
            }
        )
    elif not differences:
        typer.echo(
            f"{again.path}: every loss and score of {many(len(again.history), 'epoch')} agrees with {run}."
        )
    else:
        rows = [list(difference.values()) for difference in differences[:20]]
        show_table(["epoch", "what", str(run), str(again.path)], rows)
    if differences:
        why = f" The first was made under other conditions: {'; '.join(conditions)}." if conditions else ""
        raise CheckFailed(f"{again.path} and {run} differ in {many(len(differences), 'number')}.{why}")


runs = typer.Typer(
    name="runs",
    help="The runs of a folder, best first; `hilum runs show RUN` tells all of one.",
    invoke_without_command=True,
)


@runs.callback()
def leaderboard(
    context: typer.Context,
    folder: Folder = Path("runs"),
    by: Annotated[str, typer.Option(help="The score to sort by.")] = "roc_auc",
    part: Annotated[str, typer.Option(help="The part whose scores are shown: valid or test.")] = "valid",
    as_json: AsJson = False,
) -> None:
    """The runs of a folder, best first."""
    if context.invoked_subcommand:
        return
    from hilum import api
    from hilum.cli.show import show_json, show_table
    from hilum.metrics import of_part
    from hilum.runs import ScoredTest, gathered

    rows = api.leaderboard(folder, by=by, part=part)
    if as_json:
        show_json(rows)
    elif not rows:
        typer.echo(f"there are no runs in {folder} yet.")
    else:
        ends = f"{by}_low", f"{by}_high"
        hidden = {*ends, "test_part"} | (set() if any(row["warnings"] for row in rows) else {"warnings"})
        columns = [name for name in rows[0] if name not in hidden]
        spans = [with_interval(row[by], *(row[end] for end in ends)) for row in rows]
        brief = [
            {**row, by: span, "warnings": len(row["warnings"]) or ""}
            for row, span in zip(rows, spans, strict=True)
        ]
        table = [[row[name] for name in columns] for row in brief]
        show_table(columns, table, title=f"{folder}, by {by} on {part}")
        if all(row[by] is None for row in rows):
            typer.echo(f"none of them has {by} of {part} yet; hilum evaluate RUN --split {part} scores one.")
        for warning in [*of_part(part), *gathered((row["run"], row["warnings"]) for row in rows)]:
            typer.echo(f"note: {warning}")
        for text in dict.fromkeys(str(ScoredTest(**row["test_part"])) for row in rows if row["test_part"]):
            typer.echo(text)


@runs.command("show")
def show_run(
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
    from hilum.cli.show import show_json, show_table
    from hilum.config import ABOUT, Config, settings
    from hilum.runs import Run, scored_test

    found = Run.open(run)
    if epochs or column or parts or per_finding:
        _show_epochs(found, column or (), parts or (), per_finding, as_json)
        return
    now, default = settings(found.config), settings(Config())
    if as_json:
        scores = {part: s.to_json() for part in ("valid", "test") if (s := found.scores(part))}
        scored = scored_test(found)
        told = {"warnings": found.warnings, "test_part": scored and scored.to_json(), "scores": scores}
        show_json({"info": found.info, "settings": now, "data": found.data, **told})
        return
    info, data = found.info, found.data
    typer.echo(
        f"{found.path}: {info['status']}, {found.extent} in {info['seconds']:,.1f} s, begun {info['created']}"
    )
    if found.members:
        show_table(
            ["member", "epoch", "weight"],
            [[str(member.path), member.epoch or "best", member.weight] for member in found.members],
            title="The mean of these models",
        )
    if head := found.head:
        between = "" if head["low"] is None else f" [{head['low']:.3f}, {head['high']:.3f}]"
        score = f"{head['by']} {head['score']:.3f}{between} out of {head['folds']} folds"
        typer.echo(f"head: {head['told']}; {score}; on vectors of {head['encoder']['name']}")
    for warning in found.warnings:
        typer.echo(f"warning: {warning}")
    for text in (found.config.notes.strip(), found.measured and f"measured on these data: {found.measured}"):
        if text:
            typer.echo(text.strip())
    keys = [key for key in now if key not in ABOUT and (all_settings or now[key] != default[key])]
    show_table(
        ["setting", "value", "default"],
        [[key, shown(now[key]), shown(default[key])] for key in keys],
        title="Settings" if all_settings else "Settings that differ from the defaults",
    )
    counts = data["split"]["counts"]
    show_table(
        ["part", "images", "patients"],
        [[name, c["images"], c["patients"]] for name, c in counts.items()],
        title=f"Data: {data['source']}, split {data['split']['id']} by {data['split']['by']}",
    )
    for part in ("valid", "test"):
        if (known := found.scores(part)) is not None:
            show_table(*known.table(), title=f"Scores on {part}")
            for warning in known.warnings:
                if warning not in found.warnings:
                    typer.echo(f"note: {warning}")
    if (scored := scored_test(found)) is not None:
        typer.echo(str(scored))


def _show_repeats(runs: list[Run], as_json: bool) -> None:
    from hilum.cli.show import show_json, show_table
    from hilum.compare import over_seeds
    from hilum.metrics import of_part
    from hilum.runs import told_by

    rows = over_seeds(runs)
    told = [*of_part("valid"), *told_by(runs)]
    if as_json:
        scored = [(run, scores) for run in runs if (scores := run.scores("valid"))]
        each = [{"run": str(run.path), "seed": run.config.seed, "valid": s.to_json()} for run, s in scored]
        show_json({"runs": each, "over_seeds": rows, "warnings": told})
        return
    seeds = f"seeds {runs[0].config.seed} to {runs[-1].config.seed}"
    over = ", means over findings" if len(runs[0].data["findings"]) > 1 else ""
    title = f"Validation scores of {runs[0].config.name} over {many(len(runs), 'run')}, {seeds}{over}"
    columns = ["score", "mean", "sd", "min", "max"]
    show_table(columns, [[row[name] for name in columns] for row in rows], title=title)
    for warning in told:
        typer.echo(f"note: {warning}")
    typer.echo("runs: " + ", ".join(str(run.path) for run in runs))
    typer.echo(
        "Compare them with another recipe's runs: hilum compare RUN RUN ... (after hilum evaluate RUN)"
    )


def _show_epochs(
    run: Run, columns: Sequence[str], parts: Sequence[str], per_finding: bool, as_json: bool
) -> None:
    """The lines of a run's epochs, as it showed them or as other knobs ask for."""
    from hilum.cli.show import show_json
    from hilum.config import make_config
    from hilum.track import EpochTable, check_track

    entries = [start, *run.history] if (start := run.start) else run.history
    if as_json:
        show_json(entries)
        return
    track = run.config.track.model_dump() | {"tensorboard": "off", "mlflow": ""}
    track |= {"columns": columns} if columns else {}
    track |= {"parts": parts} if parts else {}
    config = make_config({"track": track | ({"per_finding": True} if per_finding else {})}, origin="--part")
    check_track(config.track)
    for line in EpochTable(config.track, run.config.train.epochs, None).whole(entries):
        typer.echo(line)


def _show_result(run: Run, as_json: bool) -> None:
    from hilum.cli.show import show_json, show_table

    scores = run.scores("valid")
    if scores is None:
        return
    if as_json:
        valid = scores.to_json()
        show_json(
            {"run": str(run.path), "best_epoch": run.best_epoch, "valid": valid, "warnings": run.warnings}
        )
        return
    show_table(*scores.table(), title=f"Validation scores of {run.name}, {_weights(run)}")
    for warning in scores.warnings:
        typer.echo(f"note: {warning}")
    typer.echo(f"report: {run.path / 'report.html'}")


def _weights(run: Run) -> str:
    best = run.best_epoch
    return f"epoch {best}" if best else "with the head that it began with"
