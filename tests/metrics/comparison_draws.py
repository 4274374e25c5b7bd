"""Models drawn at random whose true difference is known, and what `compare` says of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hilum.metrics import Predictions, Thresholds
from hilum.metrics.comparison.effects import Comparison, _adjusted, _contrast
from hilum.metrics.comparison.sides import measure


@dataclass(frozen=True)
class Case:
    """One cell of the simulation.

    Attributes:
        positives: positive images of each finding, about.
        findings: how many.
        correlated: share of the variance of errors that the models have in common.
        runs: seeds on either side.
        gain: how many standard deviations further apart the second's positives and negatives truly are.
        score: what is compared.
        seeds_sd: how far seeds of one recipe are truly apart, in the same unit.
    """

    positives: int = 30
    findings: int = 1
    correlated: float = 0.7
    runs: int = 1
    gain: float = 0.0
    score: str = "roc_auc"
    seeds_sd: float = 0.1


def draw(case: Case, rng: np.random.Generator) -> list[list[Predictions]]:
    """Both sides' predictions: one to three images a patient, alike in truth and in errors; a tenth positive."""
    patients = max(case.positives * 5, 20)
    code = np.repeat(np.arange(patients), rng.integers(1, 4, patients))
    shape = (len(code), case.findings)

    def errors() -> np.ndarray:
        of_patient = rng.normal(size=(patients, case.findings))[code]
        return np.sqrt(0.5) * of_patient + np.sqrt(0.5) * rng.normal(size=shape)

    ill = rng.random((patients, case.findings)) < 0.1
    targets = np.where(rng.random(shape) < 0.85, ill[code], rng.random(shape) < 0.1).astype(np.float32)
    strength = np.array([1.5]) if case.findings == 1 else np.linspace(0.9, 2.3, case.findings)
    names = tuple(f"F{j}" for j in range(case.findings))
    ids = np.array([f"i{row}" for row in range(len(code))], dtype=object)
    owners = np.array([f"p{patient}" for patient in code], dtype=object)
    difficulty = errors()
    sides = []
    for side in range(2):
        # Of what the models do not share, seeds of one recipe share half.
        of_recipe, own = errors(), (1 - case.correlated) / 2
        if case.runs == 1:
            of_recipe, own = np.zeros(shape), 1 - case.correlated
        predictions = []
        for _ in range(case.runs):
            apart = strength + side * case.gain
            if case.runs > 1:
                apart = apart + case.seeds_sd * rng.normal()
            noise = np.sqrt(case.correlated) * difficulty + np.sqrt(own) * (of_recipe + errors())
            logits = (apart * (targets - 0.5) + noise - 0.5).astype(np.float32)
            predictions.append(Predictions(ids, names, logits, targets, "test", owners))
        sides.append(predictions)
    return sides


def compared(case: Case, rng: np.random.Generator) -> Comparison:
    """One drawn comparison, without the bootstrap."""
    thresholds = Thresholds(np.full(case.findings, 0.5), tuple(f"F{j}" for j in range(case.findings)))
    first, second = (
        measure([(predictions, thresholds) for predictions in side], case.score, replicates=0)
        for side in draw(case, rng)
    )
    return _adjusted([_contrast(first, second)])[0]


@dataclass(frozen=True)
class Said:
    """Shares of comparisons in which something was said: of the overall verdict, and of any finding."""

    better: float
    worse: float
    on_a_finding: float

    @property
    def overall(self) -> float:
        """Better or worse."""
        return self.better + self.worse


def said(case: Case, comparisons: int, seed: int = 0) -> Said:
    """What is said in many comparisons."""
    rng = np.random.default_rng(seed)
    verdicts, on_a_finding = [], 0
    for _ in range(comparisons):
        comparison = compared(case, rng)
        verdicts.append(comparison.overall.verdict)
        on_a_finding += any(e.verdict != "not distinguishable" for e in comparison.per_finding)
    return Said(
        verdicts.count("better") / comparisons,
        verdicts.count("worse") / comparisons,
        on_a_finding / comparisons,
    )
