"""How `hilum evaluate` prints what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from hilum.cli.show import show_table

if TYPE_CHECKING:
    from hilum.evaluate import Evaluation
    from hilum.metrics import Calibration, Scores


_FEW = 3
"""Up to so many findings every score is shown without being asked for."""


def show_evaluation(judged: Evaluation, every: bool = False) -> None:
    """Print scores per finding, how they came about, calibration before and after, and what a reader must know."""
    scores = judged.scores
    typer.echo(f"Scores on {scores.heading}{_method(scores)}")
    show_table(*scores.table())
    if every or len(scores.findings) <= _FEW:
        _show_every(scores, every)
    else:
        typer.echo("--all shows every score with its interval.")
    if len(scores.findings) > 1:
        _show_combined(scores)
    typer.echo(judged.judge.text)
    for finding, why in judged.judge.thresholds.fallbacks.items():
        typer.echo(f"  threshold of {finding}: 0.5, because {why}")
    _show_calibration(judged)
    for finding, why in scores.reasons.items():
        typer.echo(f"note: {finding}: {why}.")
    for warning in scores.warnings:
        typer.echo(f"note: {warning}")


def _method(scores: Scores) -> str:
    """What the brackets hold."""
    found = scores.intervals
    if found is None:
        return ""
    return f"; in brackets {100 * found.level:g} % intervals over {found.patients:,} patients"


def _show_every(scores: Scores, every: bool) -> None:
    """Scores by rows and findings by columns, with intervals: every one, or the usual ones."""
    from hilum.metrics import COUNTS, SCORES, per_finding

    many = len(scores.findings) > 1
    columns = ["Score", *scores.findings, *(["mean"] if many else [])]
    rows: list[list[Any]] = [
        [heading, *(int(value) for value in scores[name]), *([None] if many else [])]
        for name, heading in COUNTS.items()
    ]
    rows += [
        [
            SCORES[name].heading,
            *(scores.text(name, j) for j in range(len(scores.findings))),
            *([scores.text(name)] if many else []),
        ]
        for name in per_finding()
        if every or SCORES[name].usual
    ]
    show_table(columns, rows, title="Every score" if every else "Scores; --all shows the others, too")


def _show_combined(scores: Scores) -> None:
    from hilum.metrics import SCORES, over_all
    from hilum.text import plural

    rows = [
        [SCORES[name].heading.replace("images", plural(scores.unit)), scores.text(name)]
        for name in over_all()
    ]
    show_table(["All findings together", "Score"], rows)


def _show_calibration(judged: Evaluation) -> None:
    """Brier score and ECE before and after, where anything was calibrated."""
    calibration, before, after = judged.judge.calibration, judged.before, judged.scores
    if calibration.method == "none":
        return
    if before is None:
        for finding, why in calibration.fallbacks.items():
            typer.echo(f"  {finding} is not calibrated: {why}")
        return
    names = ("brier", "ece")
    rows = [
        [
            finding,
            *(float(side[name][j]) for name in names for side in (before, after)),
            _told(calibration, finding),
        ]
        for j, finding in enumerate(after.findings)
    ]
    if len(after.findings) > 1:
        rows.append(["mean", *(side.value(name) for name in names for side in (before, after)), ""])
    columns = ["Finding", "Brier before", "Brier after", "ECE before", "ECE after", "Map"]
    show_table(columns, rows, title="Probabilities before and after calibration")


def _told(calibration: Calibration, finding: str) -> str:
    """A finding's map in words, or why it has none."""
    if finding not in calibration.parameters:
        return f"as it is: {calibration.fallbacks.get(finding, '')}"
    return calibration.parameters[finding].text
