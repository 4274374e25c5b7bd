"""How wrong labels are looked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from hilum.config import LabelsConfig
from hilum.errors import ConfigError
from hilum.heads import Candidate


@dataclass(frozen=True)
class How:
    """All that can be chosen.

    Attributes:
        candidate: the classifier; None takes the best of `hilum.noise.probabilities.DEFAULT` for each finding.
        folds: of the cross-validation by patient.
        repeats: with how many ways to form folds; probabilities are averaged.
        threshold: an error is a confident one from this probability of the other label on; above 0.5, below 1.
        k: neighbours shown with each suspect.
        top: list so many per finding, the worst first, for whatever reason; None lists all with a reason.
        test: look at official test images too.
        labels: what uncertain and blank labels mean; not known and negative by default.
        device: where classifiers are fitted.
        seed: of the first folds.

    Raises:
        ConfigError: a value out of range.
    """

    candidate: Candidate | None = None
    folds: int = 5
    repeats: int = 3
    threshold: float = 0.9
    k: int = 5
    top: int | None = None
    test: bool = False
    labels: LabelsConfig = field(default_factory=LabelsConfig)
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        wrong = [
            (self.folds < 2, f"folds = {self.folds}: at least 2"),
            (self.repeats < 1, f"repeats = {self.repeats}: at least 1"),
            (not 0.5 < self.threshold < 1, f"threshold = {self.threshold:g}: above 0.5 and below 1"),
            (self.k < 1, f"k = {self.k}: at least 1"),
            (self.top is not None and self.top < 1, f"top = {self.top}: at least 1"),
        ]
        if told := [message for is_wrong, message in wrong if is_wrong]:
            raise ConfigError(f"wrong labels cannot be looked for so: {'; '.join(told)}.")
