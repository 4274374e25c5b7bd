"""Scoring a finished run on a part of its data, at operating points that the validation part chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hilum.config import ScoresConfig
from hilum.errors import ConfigError, did_you_mean
from hilum.files import write_json
from hilum.metrics import UNITS, Judge, Predictions, Scores, Thresholds, fit_judge, score
from hilum.predict import raw_predictions
from hilum.runs import Run
from hilum.text import items

COMBINE = ("max", "mean")


@dataclass(frozen=True)
class Evaluation:
    """A part, judged.

    Attributes:
        scores: of what is judged, of the findings asked for, with what the run knows against them.
        judge: calibration and thresholds, and the unit.
        before: scores of the same units without calibration, for the comparison of Brier score and ECE (decisions
            are at 0.5); None where nothing was calibrated.
    """

    scores: Scores
    judge: Judge
    before: Scores | None


def judge_part(
    run: Run,
    part: str = "test",
    *,
    per: str | None = None,
    combine: str | None = None,
    device: str = "auto",
    batch: int = 64,
    again: bool = False,
    findings: Sequence[str] = (),
) -> Evaluation:
    """Score a part with the run's best weights and keep predictions and scores in the run.

    Args:
        run: a run with at least one finished epoch, or an ensemble.
        part: `test`, `valid` or `train` of the run's own split.
        per: `image`, `study` or `patient`; the run's own unit by default. For another one calibration and
            thresholds are fitted anew, on the run's validation part per that unit, and the scores are kept
            beside the run's own, as `scores/test.per-study-max.json`.
        combine: `max` or `mean` of a unit's logits; the run's own by default.
        device: where models run.
        batch: images per step.
        again: look at the images even where the run has kept their predictions.
        findings: to give scores of, and means over; the run keeps those of all. `scores.include` by default.

    Raises:
        ConfigError: no such unit, or no such finding.
        DataError: the run's split has no such part, its images have no ids of the unit, or kept predictions are of
            other images.
        PackError: the pack is gone, or is no longer the one that the run was trained on.
        RunError: the run is not finished enough.
    """
    own = run.judge
    config = _config(own.config, per, combine)
    chosen = items(findings) or config.include
    known = own.thresholds.findings
    for name in chosen:
        if name not in known:
            raise ConfigError(f"there is no finding {name!r} in {run.path}; {did_you_mean(name, known)}")
    raw = raw_predictions(run, part, device=device, batch=batch, again=again)
    run.write_predictions(raw)
    if config == own.config:
        judge = own
        scores = judge.score(raw)
        run.write_scores(raw, scores)
    else:
        judge = fit_judge(raw_predictions(run, "valid", device=device, batch=batch), config)
        scores = judge.score(raw)
        name = f"{part}.per-{config.unit}" + ("" if config.unit == "image" else f"-{config.combine}")
        write_json(run.path / "scores" / f"{name}.json", {**scores.to_json(), "judge": judge.to_json()})
    if not chosen:
        return Evaluation(scores.warned(run.warnings), judge, _before(judge, raw))
    some, part_of = judge.select(chosen), raw.select(chosen)
    scores = scores.select(chosen) if chosen == config.include else some.score(part_of)
    return Evaluation(scores.warned(run.warnings), some, _before(some, part_of))


def _config(config: ScoresConfig, per: str | None, combine: str | None) -> ScoresConfig:
    """The settings of section `scores` with another unit."""
    unit, way = per or config.unit, combine or config.combine
    if unit not in UNITS:
        raise ConfigError(f"scores are not per {unit!r}; {did_you_mean(unit, UNITS)}")
    if way not in COMBINE:
        raise ConfigError(f"logits of a unit are combined by max or mean, not by {way!r}.")
    if unit == "image":
        way = config.combine
    return config.model_copy(update={"unit": unit, "combine": way})


def _before(judge: Judge, raw: Predictions) -> Scores | None:
    if not judge.calibration.parameters:
        return None
    units = raw.per(judge.config.unit, judge.config.combine)
    half = Thresholds(np.full(len(units.findings), 0.5), units.findings)
    return score(units, half)
