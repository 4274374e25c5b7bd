"""What runs say of images, how well, and which is better."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hilum.api.opened import opened, with_report
from hilum.compare import RunsCompared, compare_runs
from hilum.config import CompareConfig, EnsembleConfig, EvaluateConfig, PredictFilesConfig, with_fields
from hilum.ensemble import ensemble as _ensemble
from hilum.evaluate import Evaluation
from hilum.evaluate import judge_part as _judge_part
from hilum.locks import writing
from hilum.metrics import Scores
from hilum.predict import Predicted
from hilum.predict import predict as _predict
from hilum.report import write_comparison, write_report
from hilum.runs import Run


@with_fields
def evaluate(run: Run | str | Path, settings: EvaluateConfig) -> Scores:
    """Score a part, keep the scores in the run, and write its report again.

    Args:
        run: with at least one finished epoch; or of `heads` or `ensemble`.
        settings: which part, and how.

    Raises:
        ConfigError: no such part, unit or finding.
        DataError: the run's split has no such part.
        PackError: the pack is gone, damaged, or no longer the one that the run was trained on.
        RunError: the run is not finished enough.
        InUse: another process writes the run.
    """
    return judge(run, settings=settings).scores


@with_fields
def judge(run: Run | str | Path, settings: EvaluateConfig) -> Evaluation:
    """The same as `evaluate`, with the same errors.

    Args:
        run: with at least one finished epoch; or of `heads` or `ensemble`.
        settings: which part, and how.

    Returns:
        The scores, the calibration and thresholds that they were judged by, and the scores before calibration.
    """
    found = opened(run)
    with writing(found.path):
        judged = _judge_part(found, **dict(settings))
        with_report(found)
    return judged


@with_fields
def ensemble(
    members: Sequence[str | Path], out: str | Path, settings: EnsembleConfig, *, command: str = ""
) -> Run:
    """Average runs, or epochs of runs, into a new run, and write its report.

    Args:
        members: folders of finished runs; `RUN@3` is the model that epoch 3 gave (see `train.keep_epochs`).
        out: the new run's folder; it must not be there yet.
        settings: how.
        command: what the user typed, kept in run.json.

    Raises:
        ConfigError: fewer than two different members, or weights that do not fit them.
        RunError: a member is unfinished, an ensemble, or unlike the first; or `out` exists.
    """
    return with_report(_ensemble(members, out, command=command, **dict(settings)))


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


@with_fields
def predict(
    run: Run | str | Path,
    images: Sequence[str | Path] | str | Path,
    settings: PredictFilesConfig,
    *,
    out: str | Path | None = None,
) -> Predicted:
    """Look at images with a run's best weights.

    Args:
        run: a finished run, a run of `heads`, or an ensemble.
        images: files (PNG, JPEG, DICOM), folders of them, or packs.
        settings: how.
        out: a file for probabilities and decisions, `.csv` or `.parquet`, one row an image and finding; none is
            written by default.

    Returns:
        A result an image, which holds the error of a file that is unreadable, or no picture as the run learned.

    Raises:
        InputError: there is no such file, or the run has no finished epoch.
        ConfigError: `out` has another suffix.
        PackError: a pack's images are prepared in another way than the run's, or are damaged.
        DiskError: `out` cannot be written.
    """
    return _predict(run, images, out=out, **dict(settings))


@with_fields
def compare(
    runs: Sequence[Run | str | Path], settings: CompareConfig, *, out: str | Path | None = None
) -> RunsCompared:
    """Say which runs are better and whether it is real; see `hilum.compare.compare_runs`.

    Args:
        runs: two at least; the group of the first is what others are compared with.
        settings: on which part, and by which score.
        out: a folder for the page, its figure and its numbers; none are written by default.

    Raises:
        ConfigError: no score is called so.
        RunError: too few runs, or runs that cannot be compared: the message says in what they differ.
        DataError: other images or labels, or nothing that can be scored.
        DiskError: `out` cannot be written.
    """
    compared = compare_runs(runs, part=settings.part, by=settings.by, include=settings.findings)
    if out is not None:
        write_comparison(compared, out)
    return compared
