"""How often 95 % intervals hold the truth, and how wide they are, on simulated patients.

    OMP_NUM_THREADS=1 python -m benchmarks.interval_coverage [draws]

Results are kept in `docs/interval_coverage.json`, cell by cell (a cell that has as many draws is not
simulated again), and shown in `docs/scores.md`.

`Classified` patients have 1 to `most` images whose scores are normal and correlate by `correlation` within a
patient; positives' scores are shifted so that the ROC AUC and the recall are as asked. `Calibrated` ones have
images whose truth follows from their probability, which is off by as much as asked.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtr, ndtri

from hilum.metrics import SCORES, Predictions
from hilum.metrics.uncertainty.intervals import evidence_of
from hilum.metrics.uncertainty.patients import tally
from hilum.metrics.values.probabilities import BINS, bin_of

Floats = npt.NDArray[np.float64]
DOCS = Path(__file__).parents[1] / "docs"
DRAWS, TOGETHER = 2_000, 50
"""Data sets a cell, and how many are drawn side by side as findings of the same patients."""
LEAST = 0.93
OF_ORDER = (
    *("recall", "specificity", "precision", "accuracy", "f1", "mcc", "roc_auc", "partial_auc"),
    *("average_precision", "brier", "log_loss", "brier_skill", "net_benefit"),
)
OF_CALIBRATION = ("ece", "ici", "calibration_slope", "calibration_intercept")
OF_MEANS = ("recall", "f1", "roc_auc", "average_precision", "brier")
FINDINGS = 6
"""Of a mean over findings; their scores correlate by a half within an image."""


@dataclass(frozen=True)
class Classified:
    """A setting of positives and negatives.

    Attributes:
        ill: patients with the finding.
        most: images of a patient, at most.
        correlation: of two scores of a patient.
        mixed: only the first image, and half of the others, of an ill patient are positive.
        auc, recall: true ones.
        healthy: patients without the finding.
    """

    ill: int
    most: int
    correlation: float
    mixed: bool
    auc: float
    recall: float
    healthy: int

    @property
    def shift(self) -> float:
        """Of positives' scores."""
        return float(np.sqrt(2) * ndtri(self.auc))

    @property
    def threshold(self) -> float:
        """Scores from here on are decided positive."""
        return self.shift - float(ndtri(self.recall))

    @property
    def prevalence(self) -> float:
        """Share of positive images."""
        positive = (self.most + 3) / (2 * self.most + 2) if self.mixed else 1.0
        return positive * self.ill / (self.ill + self.healthy)

    def __str__(self) -> str:
        images = "1 image" if self.most == 1 else f"1-{self.most} images"
        alike = f", alike by {self.correlation:g}" if self.correlation else ""
        return f"{self.ill} ill, {images}{alike}{', half positive' if self.mixed else ''}"

    def draw(self, rng: np.random.Generator, findings: int, common: float = 0.0) -> Predictions:
        """Images of these patients; findings are drawn apart, their scores correlating by `common`."""
        patients = self.ill + self.healthy
        owner = np.repeat(np.arange(patients), rng.integers(1, self.most + 1, patients))
        shape = (len(owner), findings)
        ill = rng.permuted(np.tile(np.arange(patients) < self.ill, (findings, 1)), axis=1).T[owner]
        first = np.r_[True, owner[1:] != owner[:-1]][:, None]
        positive = ill & (first | (rng.random(shape) < 0.5)) if self.mixed else ill

        def noise(columns: int) -> Floats:
            own = rng.normal(size=(patients, columns))[owner]
            rest = rng.normal(size=(len(owner), columns))
            return np.sqrt(self.correlation) * own + np.sqrt(1 - self.correlation) * rest

        scores = np.sqrt(1 - common) * noise(findings) + (np.sqrt(common) * noise(1) if common else 0.0)
        return _predictions(scores + self.shift * positive - self.threshold, positive, owner)

    def truths(self) -> dict[str, float]:
        """What each score is in the whole population."""
        grid = np.linspace(-10, 10 + self.shift, 100_001)
        pi, false, true = self.prevalence, ndtr(-grid), ndtr(self.shift - grid)
        precisions = pi * true / np.maximum(pi * true + (1 - pi) * false, 1e-300)
        found, alarms = self._cells(self.threshold)
        missed, left = pi - found, 1 - pi - alarms
        within = false <= 0.1
        area = -np.trapezoid(true[within], false[within])
        p = expit(grid - self.threshold)
        mean = partial(self._mean, grid)
        brier = mean((1 - p) ** 2, p**2)
        shown, also = self._cells(self.threshold + float(logit(0.1)))
        margins = (found + alarms) * (found + missed) * (left + alarms) * (left + missed)
        return {
            "recall": self.recall,
            "specificity": left / (1 - pi),
            "precision": found / (found + alarms),
            "accuracy": found + left,
            "f1": 2 * found / (2 * found + missed + alarms),
            "mcc": (found * left - missed * alarms) / np.sqrt(margins),
            "roc_auc": self.auc,
            "partial_auc": 0.5 * (1 + (area - 0.005) / 0.095),
            "average_precision": float(-np.trapezoid(precisions, true)),
            "brier": brier,
            "log_loss": mean(-np.log(p), -np.log1p(-p)),
            "brier_skill": 1 - brier / (pi * (1 - pi)),
            "net_benefit": shown - also / 9,
        }

    def _cells(self, threshold: float) -> tuple[float, float]:
        """Shares of true and of false positives."""
        pi = self.prevalence
        return pi * float(ndtr(self.shift - threshold)), (1 - pi) * float(ndtr(-threshold))

    def _mean(self, grid: Floats, positive: Floats, negative: Floats) -> float:
        bells = [np.exp(-((grid - at) ** 2) / 2) / np.sqrt(2 * np.pi) for at in (self.shift, 0.0)]
        pi = self.prevalence
        return float(np.trapezoid(pi * bells[0] * positive + (1 - pi) * bells[1] * negative, grid))


@dataclass(frozen=True)
class Calibrated:
    """A setting of probabilities that are off by a known error; logits are normal with a deviation of 1.5.

    Attributes:
        images: about so many.
        centre: mean logit.
        error: true ECE.
        how: logits are off by a `shift`, or `spread` too far.
        most: images of a patient, at most.
        correlation: of two logits, and of two truths, of a patient.
    """

    images: int
    centre: float
    error: float
    how: str
    most: int
    correlation: float

    def __str__(self) -> str:
        images = "1 image" if self.most == 1 else f"1-{self.most} images, alike by {self.correlation:g}"
        off = f"ECE {self.error:g} ({self.how})" if self.error else "calibrated"
        return f"{self.images:,} images, logits about {self.centre:g}, {off}, {images} a patient"

    @cached_property
    def line(self) -> tuple[float, float]:
        """What a logit is to be multiplied by, and what added, to be right."""
        if not self.error:
            return 1.0, 0.0
        lines: dict[str, Callable[[float], tuple[float, float]]] = {
            "shift": lambda off: (1.0, off),
            "spread": lambda off: (1 / (1 + off), 0.0),
        }
        off = brentq(lambda off: self._error(*lines[self.how](off)) - self.error, 0, 6)
        return lines[self.how](float(off))

    def _error(self, slope: float, shift: float) -> float:
        logits, weight = self._population()
        p = expit(logits)
        gaps = np.bincount(bin_of(p), weight * (p - expit(slope * logits + shift)), BINS)
        return float(np.abs(gaps).sum())

    def _population(self) -> tuple[Floats, Floats]:
        z = np.linspace(-7, 7, 20_001)
        weight = np.exp(-(z**2) / 2)
        return self.centre + 1.5 * z, weight / weight.sum()

    def draw(self, rng: np.random.Generator, findings: int, common: float = 0.0) -> Predictions:  # noqa: ARG002
        """Images of these patients; findings have nothing in common."""
        patients = max(2, round(self.images / (self.most + 1) * 2))
        owner = np.repeat(np.arange(patients), rng.integers(1, self.most + 1, patients))

        def noise() -> Floats:
            own, rest = rng.normal(size=(patients, findings))[owner], rng.normal(size=(len(owner), findings))
            return np.sqrt(self.correlation) * own + np.sqrt(1 - self.correlation) * rest

        logits, (slope, shift) = self.centre + 1.5 * noise(), self.line
        return _predictions(logits, ndtr(noise()) < expit(slope * logits + shift), owner)

    def truths(self) -> dict[str, float]:
        """What each score is in the whole population."""
        (slope, shift), (logits, weight) = self.line, self._population()
        truth = expit(slope * logits + shift)
        intercept = brentq(lambda off: float(weight @ (expit(logits + off) - truth)), -9, 9)
        return {
            "ece": self.error,
            "ici": float(weight @ np.abs(expit(logits) - truth)),
            "calibration_slope": slope,
            "calibration_intercept": float(intercept),
        }


Design = Classified | Calibrated
CLUSTERS = ((1, 0.0, False, 500), (5, 0.5, True, 190), (20, 0.8, False, 190), (20, 0.95, False, 190))
LEVELS = ((0.7, 0.6), (0.85, 0.8), (0.95, 0.9), (0.98, 0.98))


def classified() -> Iterator[Classified]:
    """By patients with the finding, images a patient and how alike they are, AUC and recall."""
    for ill, (most, alike, mixed, healthy), (auc, recall) in product((5, 10, 20, 60), CLUSTERS, LEVELS):
        yield Classified(ill, most, alike, mixed, auc, recall, healthy)


def calibrated() -> Iterator[Calibrated]:
    """By images, prevalence, true error, and images a patient."""
    errors = ((0.0, "shift"), (0.02, "shift"), (0.02, "spread"), (0.1, "shift"))
    for images, centre, (error, how) in product((200, 1000, 5000), (-3.5, -1.5, 0.0), errors):
        yield Calibrated(images, centre, error, how, 1, 0.0)
        if images > 200:
            yield Calibrated(images, centre, error, how, 20, 0.8)


def means() -> Iterator[tuple[Design, tuple[str, ...]]]:
    """Designs of means over `FINDINGS` alike findings, and the scores that are looked at."""
    for ill, (most, alike, mixed, healthy) in product((10, 60), (CLUSTERS[0], CLUSTERS[2])):
        yield Classified(ill, most, alike, mixed, 0.95, 0.9, healthy), OF_MEANS
    for error, (most, alike) in product((0.0, 0.02), ((1, 0.0), (20, 0.8))):
        yield Calibrated(1000, -1.5, error, "shift", most, alike), OF_CALIBRATION


def coverage(
    design: Design, names: tuple[str, ...], draws: int, *, of_mean: bool = False, seed: int = 0
) -> dict[str, tuple[float, float, float]]:
    """Name -> share of the intervals that hold the truth, their mean width, and how many draws have none.

    Args:
        design: what is drawn.
        names: of `SCORES`.
        draws: data sets.
        of_mean: each data set has `FINDINGS` findings, and the interval is of their mean.
        seed: of the draws.
    """
    truths, ends = design.truths(), {name: [] for name in names}  # type: dict[str, float], dict[str, list[Any]]
    for number in range(draws if of_mean else -(-draws // TOGETHER)):
        rng = np.random.default_rng((seed, number, *str(design).encode()))
        findings = FINDINGS if of_mean else min(TOGETHER, draws)
        part = design.draw(rng, findings, 0.5 if of_mean else 0.0)
        found = tally(part, part.logits >= 0, names)
        for name in names:
            evidence = evidence_of(found, name)
            interval = (evidence.mean if of_mean else evidence).interval()
            ends[name].append(np.stack([interval.low, interval.high]))
    return {name: _covered(np.hstack(both), truths[name]) for name, both in ends.items()}


def _covered(ends: Floats, truth: float) -> tuple[float, float, float]:
    low, high = ends[:, ~np.isnan(ends).any(axis=0)]
    missing = 1 - len(low) / ends.shape[1]
    if not len(low):
        return np.nan, np.nan, missing
    return float(((low <= truth) & (truth <= high)).mean()), float((high - low).mean()), missing


def _predictions(logits: Floats, targets: npt.NDArray[np.bool_], owner: npt.NDArray[np.int64]) -> Predictions:
    names = tuple(f"Finding {number}" for number in range(logits.shape[1]))
    ids, patients = (values.astype(str).astype(object) for values in (np.arange(len(owner)), owner))
    return Predictions(ids, names, logits, targets.astype(np.float32), "test", patients)


def work() -> Iterator[tuple[str, Design, tuple[str, ...], bool]]:
    """Every cell: which table it is of, the design, the scores, and whether it is of means."""
    for one in classified():
        yield "decisions", one, OF_ORDER, False
    for two in calibrated():
        yield "calibration", two, OF_CALIBRATION, False
    for design, names in means():
        yield "means", design, names, True


def simulate(draws: int) -> dict[str, Any]:
    """Fill in what `docs/interval_coverage.json` lacks, keeping it after each cell, and give all of it."""
    path = DOCS / "interval_coverage.json"
    kept: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    for table, design, names, of_mean in work():
        key = json.dumps([table, asdict(design)])
        known = kept.get(key, {"draws": 0, "scores": {}})
        if known["draws"] >= draws and set(names) <= set(known["scores"]):
            continue
        found = coverage(design, names, draws, of_mean=of_mean)
        kept[key] = {"draws": draws, "scores": {name: [round(x, 4) for x in found[name]] for name in names}}
        path.write_text(json.dumps(kept, indent=0) + "\n")
    return kept


TITLES = {
    "decisions": "Scores of decisions, orders and probabilities; after the semicolon the true ROC AUC and recall.",
    "calibration": "Errors, slope and intercept of calibration.",
    "means": f"Means over {FINDINGS} findings.",
}


def markdown(kept: dict[str, Any]) -> str:
    """The tables, each cell `coverage in percent, mean width`; under 93 % in bold."""
    lines: list[str] = []
    for table, title in TITLES.items():
        cells = {str(json.dumps([table, asdict(one[1])])): one for one in work() if one[0] == table}
        names = list(dict.fromkeys(name for _, _, scores, _ in cells.values() for name in scores))
        lines += ["", title, "", "| design | " + " | ".join(SCORES[name].heading for name in names) + " |"]
        lines += ["|" + "---|" * (len(names) + 1)]
        for key, (_, design, _, _) in cells.items():
            if key in kept:
                found = [_cell(kept[key]["scores"].get(name)) for name in names]
                lines.append("| " + " | ".join([_about(design, kept[key]["draws"]), *found]) + " |")
    return "\n".join(lines).strip()


def _about(design: Design, draws: int) -> str:
    true = f"; {design.auc:g}, {design.recall:g}" if isinstance(design, Classified) else ""
    return f"{design}{true}{f' ({draws:,} draws)' if draws < DRAWS else ''}"


def _cell(found: list[float] | None) -> str:
    if found is None:
        return ""
    share, width, _ = found
    text = f"{100 * share:.1f}"
    return f"{f'**{text}**' if share < LEAST else text}, {width:.2g}"


def write(kept: dict[str, Any]) -> None:
    """Put the tables between the marks in `docs/scores.md`."""
    page = DOCS / "scores.md"
    before, rest = page.read_text().split("<!-- coverage -->", 1)
    _, after = rest.split("<!-- end of coverage -->", 1)
    page.write_text(f"{before}<!-- coverage -->\n{markdown(kept)}\n<!-- end of coverage -->{after}")


def rows() -> list[dict[str, Any]]:
    """Measured rows; see `benchmarks.__main__`."""
    kept = simulate(DRAWS)
    write(kept)
    shares = [score[0] for cell in kept.values() for score in cell["scores"].values()]
    low = sum(share < LEAST for share in shares)
    return [
        {
            "work": f"least coverage of 95 % intervals, {len(kept)} designs, {DRAWS:,} draws each",
            "target": f">= {100 * LEAST:g} %",
            "ours": 100 * min(shares),
            "unit": "%",
            "note": f"{low} of {len(shares)} scores in a design are below; see scores.md",
        }
    ]


if __name__ == "__main__":
    result = simulate(int(sys.argv[1]) if len(sys.argv) > 1 else DRAWS)
    write(result)
    print(markdown(result))
