"""Scoring a finished run on a part of its data, at operating points that the validation part chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from hilum.config import ScoresConfig
from hilum.errors import ConfigError, did_you_mean
from hilum.files import write_json
from hilum.metrics import Judge, Predictions, Scores, Thresholds, fit_judge, score
from hilum.predict import raw_predictions
from hilum.runs import Run, check_plugins
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

    def _repr_html_(self) -> str:
        return self.scores._repr_html_()


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

    For another unit calibration and thresholds are fitted anew, on the validation part per that unit, and the
    scores are kept beside the run's own, as `scores/test.per-study-max.json`.

    Args:
        run: as `part`, `device`, `batch` and `again` what `raw_predictions` takes, which raises all other errors.
        per: `image`, `study` or `patient`; the run's own unit by default.
        combine: `max` or `mean` of a unit's logits; the run's own by default.
        findings: to give scores of, and means over; the run keeps those of all. `scores.include` by default.

    Raises:
        ConfigError: no such unit, or no such finding.
    """
    looks = again or not (run.path / "predictions" / f"{part}.parquet").is_file()
    check_plugins(run, "SCORES", *(("MODELS", "BACKBONES") if looks else ()))
    judge, config = run.judge, _config(run.config.scores, per, combine)
    chosen = items(findings) or config.include
    _check_findings(run, chosen)
    raw = raw_predictions(run, part, device=device, batch=batch, again=again)
    run.write_predictions(raw)
    if config != judge.config:
        judge = fit_judge(raw_predictions(run, "valid", device=device, batch=batch), config)
    scores = _keep(run, raw, judge)
    if chosen:
        judge, raw = judge.select(chosen), raw.select(chosen)
        scores = scores.select(chosen) if chosen == config.include else judge.score(raw)
    return Evaluation(scores.warned(run.warnings), judge, _before(judge, raw))


def _check_findings(run: Run, chosen: Sequence[str]) -> None:
    known = run.thresholds.findings
    for name in chosen:
        if name not in known:
            raise ConfigError(f"there is no finding {name!r} in {run.path}; {did_you_mean(name, known)}")


def _keep(run: Run, raw: Predictions, judge: Judge) -> Scores:
    """Score a part and keep the scores: those of another unit than the run's own beside these."""
    scores, config = judge.score(raw), judge.config
    if config == run.config.scores:
        run.write_scores(raw, scores)
    else:
        name = f"{raw.part}.per-{config.unit}" + ("" if config.unit == "image" else f"-{config.combine}")
        write_json(run.path / "scores" / f"{name}.json", {**scores.to_json(), "judge": judge.to_json()})
    return scores


def _config(config: ScoresConfig, per: str | None, combine: str | None) -> ScoresConfig:
    """The settings of section `scores` with another unit."""
    unit, way = per or config.unit, combine or config.combine
    if unit not in (units := get_args(ScoresConfig.model_fields["unit"].annotation)):
        raise ConfigError(f"scores are not per {unit!r}; {did_you_mean(unit, units)}")
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
