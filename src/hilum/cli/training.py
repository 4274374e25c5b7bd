"""`hilum train`, `reproduce`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli.options import AsJson, Change, Quiet, SourceOptions
from hilum.cli.show import show_json, show_table
from hilum.errors import CheckFailed, ConfigError
from hilum.text import many

if TYPE_CHECKING:
    from hilum.runs import Run


def train(
    recipe: Annotated[
        Path | None, typer.Argument(help="A TOML file, or the name of one that comes with hilum.")
    ] = None,
    data: Annotated[str, typer.Option(help="A pack, or SOURCE:FOLDER to pack first, into the cache.")] = "",
    set_: Change = None,
    option: SourceOptions = None,
    labels: Annotated[str, typer.Option(help="A CSV of verdicts on labels; see `hilum noise`.")] = "",
    out: Annotated[Path, typer.Option(help="The folder that keeps the runs.")] = Path("runs"),
    name: Annotated[str, typer.Option(help="What the run is called; the recipe's name by default.")] = "",
    repeats: Annotated[
        int, typer.Option(min=1, help="Train this many runs with seeds seed, seed + 1, ..., on one split.")
    ] = 1,
    resume: Annotated[Path | None, typer.Option(help="Go on with this run, stopped or killed.")] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train a model as a recipe says, into a new run, and score its validation part."""
    from hilum import api
    from hilum.device import leads
    from hilum.table import parse_options

    if resume is not None:
        _check_alone(recipe, bool(data or set_ or option or labels or name or repeats > 1))
        runs = [api.resume(resume, quiet=quiet)]
    elif recipe is None:
        raise ConfigError("hilum train needs a recipe (a TOML file, see recipes/) or --resume RUN.")
    else:
        command = "hilum " + shlex.join(sys.argv[1:])
        runs = api.repeat(
            recipe, repeats, data=data, change=set_ or (), options=parse_options(option or ()), labels=labels,
            out=out, name=name, command=command, quiet=quiet,
        )  # fmt: skip
    if leads():
        (_show_repeats if len(runs) > 1 else _show_result)(runs, as_json)


def _check_alone(recipe: Path | None, more: bool) -> None:
    """Refuse what does not go with --resume."""
    if recipe is not None:
        raise ConfigError("hilum train takes a recipe or --resume RUN, not both.")
    if more:
        raise ConfigError(
            "--resume goes on as the run began: --data, --set, --option, --labels, --name and --repeats "
            "do not go with it."
        )


def reproduce(
    run: Annotated[Path, typer.Argument(help="A finished run.")],
    out: Annotated[
        Path | None, typer.Option(help="The folder that keeps the repetition; the run's own by default.")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train a run again from its own files and say whether every score agrees (exit 1 if not)."""
    from hilum import api
    from hilum.device import other_conditions
    from hilum.runs import Run

    again, differences = api.reproduce(run, out=out, quiet=quiet)
    conditions = other_conditions(Run(run).environment, again.environment)
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


def _show_repeats(runs: list[Run], as_json: bool) -> None:
    from hilum.compare import over_seeds
    from hilum.metrics import of_part
    from hilum.runs import warnings_of

    rows = over_seeds(runs)
    told = [*of_part("valid"), *warnings_of(runs)]
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


def _show_result(runs: list[Run], as_json: bool) -> None:
    run = runs[0]
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
