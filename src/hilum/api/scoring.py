"""What runs say of images, how well, and which is better."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hilum.api.opened import opened, with_report
from hilum.compare import RunsCompared, compare_runs
from hilum.ensemble import ensemble as _ensemble
from hilum.evaluate import Evaluation
from hilum.evaluate import judge_part as _judge_part
from hilum.locks import writing
from hilum.metrics import Scores
from hilum.predict import FileResult, Predictor, expand
from hilum.report import write_comparison, write_report
from hilum.runs import Run


def evaluate(
    run: Run | str | Path,
    part: str = "test",
    *,
    per: str | None = None,
    combine: str | None = None,
    findings: Sequence[str] = (),
    again: bool = False,
    device: str = "auto",
) -> Scores:
    """Score a part, keep the scores in the run, and write its report again.

    Args:
        run: with at least one finished epoch; or of `heads` or `ensemble`.
        part: `test`, `valid` or `train` of the run's own split.
        per: what is judged as one: `image`, `study` or `patient`; the run's own unit by default.
        combine: `max` or `mean` of a unit's logits; the run's own by default.
        findings: to give scores of, and means over; the run keeps those of all.
        again: look at the images even where the run has kept their predictions.
        device: where the model runs.

    Raises:
        ConfigError: no such unit, or no such finding.
        DataError: the run's split has no such part.
        PackError: the pack is gone, damaged, or no longer the one that the run was trained on.
        RunError: the run is not finished enough.
        InUse: another process writes the run.
    """
    return judge(run, part, per=per, combine=combine, findings=findings, again=again, device=device).scores


def judge(
    run: Run | str | Path,
    part: str = "test",
    *,
    per: str | None = None,
    combine: str | None = None,
    findings: Sequence[str] = (),
    again: bool = False,
    device: str = "auto",
) -> Evaluation:
    """The same as `evaluate`, with the same arguments and errors.

    Returns:
        The scores, the calibration and thresholds that they were judged by, and the scores before calibration.
    """
    found = opened(run)
    with writing(found.path):
        judged = _judge_part(
            found, part, per=per, combine=combine, findings=findings, again=again, device=device
        )
        with_report(found)
    return judged


def ensemble(
    members: Sequence[str | Path],
    out: str | Path,
    *,
    of: str = "probabilities",
    raw: bool = False,
    weights: Sequence[float] = (),
    command: str = "",
    device: str = "auto",
) -> Run:
    """Average runs, or epochs of runs, into a new run, and write its report.

    Args:
        members: folders of finished runs; `RUN@3` is the model that epoch 3 gave (see `train.keep_epochs`).
        out: the new run's folder; it must not be there yet.
        of: average `probabilities` or `logits`.
        raw: average what the models say, rather than that calibrated as each member's run asks.
        weights: of the members, above 0; equal by default.
        command: what the user typed, kept in run.json.
        device: where models run, for images that a member has no predictions of.

    Raises:
        ConfigError: fewer than two different members, or weights that do not fit them.
        RunError: a member is unfinished, an ensemble, or unlike the first; or `out` exists.
    """
    run = _ensemble(members, out, of=of, raw=raw, weights=weights, command=command, device=device)
    return with_report(run)


def report(run: Run | str | Path, *, figures: bool = False) -> Path:
    """Write a run's report: one self-contained HTML file in its folder, and the numbers of its figures.

    Args:
        run: finished or not.
        figures: also write each figure into `figures/` as SVG and as PNG at 300 dpi.

    Returns:
        The page's path.

    Raises:
        RunError: the run's folder is not whole.
        DiskError: it cannot be written.
    """
    return write_report(opened(run), figures=figures)


def predict(
    run: Run | str | Path,
    images: Sequence[str | Path] | str | Path,
    *,
    force: bool = False,
    device: str = "auto",
) -> tuple[Predictor, list[FileResult]]:
    """Look at image files with a run's best weights.

    Args:
        run: a finished run.
        images: files (PNG, JPEG, DICOM), or folders of them.
        force: give probabilities also of pictures that are no chest films, or of views that the run did not learn.
        device: where the model runs.

    Returns:
        The predictor, for more images, and a result per file, which holds the error of a file that is unreadable,
        or no picture such as the run learned.

    Raises:
        InputError: there is no such file, or the run has no finished epoch.
    """
    paths = expand(images)
    predictor = Predictor(opened(run), device=device)
    return predictor, predictor.files(paths, force=force)


def compare(
    runs: Sequence[Run | str | Path],
    part: str = "test",
    *,
    by: str = "roc_auc",
    findings: Sequence[str] = (),
    out: str | Path | None = None,
) -> RunsCompared:
    """Say which runs are better and whether it is real; see `hilum.compare.compare_runs`.

    Args:
        runs: two at least; the group of the first is what others are compared with.
        part: whose images they are judged on.
        by: the score, a name of `hilum.metrics.SCORES`.
        findings: to compare; all by default.
        out: a folder for the page, its figure and its numbers; none are written by default.

    Raises:
        ConfigError: no score is called so.
        RunError: too few runs, or runs that cannot be compared: the message says in what they differ.
        DataError: other images or labels, or nothing that can be scored.
        DiskError: `out` cannot be written.
    """
    compared = compare_runs(runs, part=part, by=by, include=findings)
    if out is not None:
        write_comparison(compared, out)
    return compared
