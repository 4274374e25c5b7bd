"""`compare_runs`: groups of runs against the first group, on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from hilum.compare import words
from hilum.compare.groups import Group, SettingRow, differing_settings, group_runs, refuse_unlike
from hilum.config import ScoresConfig
from hilum.errors import ConfigError, DataError, RunError, did_you_mean
from hilum.metrics import (
    SCORES,
    Comparison,
    Predictions,
    Side,
    Thresholds,
    against,
    measure,
)
from hilum.records import to_json
from hilum.runs import Run
from hilum.table import PARTS
from hilum.text import escaped, items, many, table_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class GroupScores:
    """What one group scored.

    Attributes:
        name: of the group.
        runs: names of its runs.
        seeds: the seed of each.
        columns: findings that are compared; None is their mean, or a score over all findings.
        values: score of each run, [runs][c].
        means: over the runs, [c].
        lows: lower ends of the means' intervals over patients, and over seeds where there are several, [c].
        highs: upper ends.
        sds: standard deviation over the seeds, [c]; None for a single run.
    """

    name: str
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    columns: tuple[str | None, ...]
    values: tuple[tuple[float, ...], ...]
    means: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    sds: tuple[float, ...] | None

    @classmethod
    def of(cls, group: Group, measured: Side, config: ScoresConfig) -> GroupScores:
        """From what was measured."""
        method = "auto" if config.intervals == "none" else config.intervals
        low, high = measured.interval(config.level, method)
        return cls(
            group.name,
            tuple(run.name for run in group.runs),
            group.seeds,
            measured.columns,
            tuple(tuple(float(value) for value in row) for row in measured.values),
            _tuple(measured.mean),
            _tuple(low),
            _tuple(high),
            _tuple(np.sqrt(measured.spread)) if measured.runs > 1 else None,
        )


@dataclass(frozen=True)
class RunsCompared:
    """All groups, and each of them against the first.

    Attributes:
        part: whose images they are judged on.
        score: a name of `SCORES`.
        level: of the intervals.
        rows: images (studies, patients).
        unit: what a row is.
        patients: how many these are of.
        groups: the reference first.
        comparisons: one for each further group, against the reference; none where all runs are of one recipe.
        settings: in what the groups differ.
        warnings: what a reader must know, in plain words.
    """

    part: str
    score: str
    level: float
    rows: int
    unit: str
    patients: int
    groups: tuple[GroupScores, ...]
    comparisons: tuple[Comparison, ...]
    settings: tuple[SettingRow, ...]
    warnings: tuple[str, ...]

    @property
    def pairs(self) -> list[tuple[GroupScores, Comparison]]:
        """Each group but the reference, and what it is against the reference."""
        return list(zip(self.groups[1:], self.comparisons, strict=True))

    @property
    def sentences(self) -> list[str]:
        """The verdict on each group, in one sentence a group."""
        reference = self.groups[0].name
        if not self.comparisons:
            return [words.one_recipe(len(self.groups[0].runs))]
        return [words.verdict(comparison, group.name, reference) for group, comparison in self.pairs]

    def tables(self) -> list[tuple[str, list[str], list[list[Any]]]]:
        """Title, column headings and rows of each table: the groups, then each further group against the first."""
        first = self.groups[0]
        score, seeds = SCORES[self.score].heading, any(group.sds for group in self.groups)
        over = ", mean over findings" if len(first.columns) > 1 else ""
        rows = [
            [g.name, len(g.runs), g.means[-1], f"[{g.lows[-1]:.3f}, {g.highs[-1]:.3f}]"]
            + ([g.sds[-1] if g.sds else None] if seeds else [])
            for g in self.groups
        ]
        columns = ["group", "runs", score, f"{100 * self.level:g} % interval", *["sd over seeds"] * seeds]
        where = f"{self.part}, {many(self.rows, self.unit)} of {self.patients:,} patients"
        return [
            (f"{score}{over}: {where}", columns, rows),
            *(
                (f"{group.name} against {first.name}", *comparison.table(first.name, group.name))
                for group, comparison in self.pairs
            ),
        ]

    def plot(self) -> list[Axes]:
        """The forest plot, a panel for each further group: differences of findings and of their mean."""
        from hilum.metrics import forest_plot

        if not self.comparisons:
            return []
        return forest_plot(
            self.comparisons, [group.name for group in self.groups[1:]], self.groups[0].name
        ).axes

    def _repr_html_(self) -> str:
        shown = [table_html(columns, rows, title) for title, columns, rows in self.tables()]
        return "".join(shown) + "".join(
            f"<p>{escaped(told)}</p>" for told in (*self.warnings, *self.sentences)
        )

    def frame(self) -> pl.DataFrame:
        """One row an effect: `group`, `reference` and the fields of `Effect`."""
        rows = [
            {"group": group.name, "reference": self.groups[0].name, **to_json(effect)}
            for group, comparison in self.pairs
            for effect in comparison.effects
        ]
        return pl.DataFrame(rows, infer_schema_length=None)

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "part": self.part,
            "score": self.score,
            "level": self.level,
            "unit": self.unit,
            "rows": self.rows,
            "patients": self.patients,
            "groups": [to_json(group) for group in self.groups],
            "comparisons": [
                {"group": group.name, "reference": self.groups[0].name, **to_json(comparison)}
                for group, comparison in self.pairs
            ],
            "settings": {row.key: list(row.values) for row in self.settings},
            "sentences": self.sentences,
            "warnings": list(self.warnings),
        }


def compare_runs(
    paths: Sequence[str | Path | Run],
    *,
    part: str = "test",
    by: str = "roc_auc",
    include: Sequence[str] = (),
) -> RunsCompared:
    """Compare runs of the same split; those that differ in the seed alone are taken together.

    Level, replicates and the partial AUC's limit are those of the first run's settings.

    Args:
        paths: folders of two runs at least; the group of the first is what all others are compared with.
        part: `test`, `valid` or `train`; every run needs predictions of it.
        by: the score, a name of `SCORES`.
        include: findings to compare, the mean is over these; all by default.

    Raises:
        ConfigError: no score is called so.
        RunError: too few runs, or runs that cannot be compared: the message says in what they differ.
        DataError: other images or labels, or nothing that can be scored.
    """
    _refuse_unknown(part, by)
    groups = group_runs(paths)
    first, config = groups[0].runs[0], groups[0].runs[0].config.scores
    like = _model(first, part, _findings(groups, include))[0]
    measured = [_measured(group, part, by, like, first) for group in groups]
    return RunsCompared(
        part,
        by,
        config.level,
        len(like),
        like.unit,
        measured[0].patients,
        tuple(GroupScores.of(g, m, config) for g, m in zip(groups, measured, strict=True)),
        tuple(against(measured[0], measured[1:], config.level)),
        tuple(differing_settings(groups)),
        tuple(words.warnings(groups, measured[0], part, like.patient_ids is not None)),
    )


def _refuse_unknown(part: str, by: str) -> None:
    if by not in SCORES:
        raise ConfigError(f"there is no score {by!r}; {did_you_mean(by, SCORES)}")
    if part not in PARTS:
        raise DataError(f"there is no part {part!r}; {did_you_mean(part, PARTS)}")


def _measured(group: Group, part: str, by: str, like: Predictions, first: Run) -> Side:
    config = first.config.scores
    models = [_like(run, part, like, first) for run in group.runs]
    return measure(models, by, replicates=config.replicates, max_fpr=config.max_fpr)


def _findings(groups: Sequence[Group], include: Sequence[str]) -> tuple[str, ...]:
    """Those asked for, or of the first run's settings, or all; groups that do not have the same are refused."""
    first = groups[0].runs[0]
    findings = tuple(dict.fromkeys(items(include) or first.config.scores.include))
    for name in findings:
        if name not in first.data["findings"]:
            raise DataError(
                f"{first.name} has no finding {name!r}; {did_you_mean(name, first.data['findings'])}"
            )
    refuse_unlike(groups, findings)
    return findings or tuple(first.data["findings"])


def _model(run: Run, part: str, findings: Sequence[str]) -> tuple[Predictions, Thresholds]:
    """A run's judged predictions of some findings, with patient ids where they are known anywhere."""
    predictions = run.judged(part).select(findings)
    if predictions.patient_ids is None and predictions.unit == "image":
        predictions = replace(predictions, patient_ids=_patients(run, predictions))
    return predictions, run.thresholds.select(findings)


def _patients(run: Run, predictions: Predictions) -> Any:
    known = run.images
    if "patient_id" not in known.columns:
        return None
    ids = pl.DataFrame({"image_id": pl.Series(predictions.image_ids, dtype=pl.String)})
    found = ids.join(known.select("image_id", "patient_id"), on="image_id", how="left", maintain_order="left")
    return found["patient_id"].cast(pl.String).to_numpy()


def _like(run: Run, part: str, like: Predictions, first: Run) -> tuple[Predictions, Thresholds]:
    predictions, thresholds = _model(run, part, like.findings)
    try:
        return predictions.aligned(like, run.name, first.name), thresholds
    except DataError as error:
        raise RunError(f"these runs cannot be compared: {error}") from error


def _tuple(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
