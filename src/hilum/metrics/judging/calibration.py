"""Calibration: from logits to probabilities that happen as often as they say, fitted on validation alone.

A map per finding, rising everywhere, so that AUC and every order of images stay what they were:

- `temperature`: logit * scale (Guo et al. 2017, "On Calibration of Modern Neural Networks"; scale is 1 / T);
- `platt`: logit * scale + shift (Platt 1999), so that prevalence is met as well;
- `isotonic`: rising steps (Zadrozny & Elkan 2002), which need some hundred images a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hilum.errors import DataError, did_you_mean
from hilum.metrics.inputs import Floats, ratio, score_columns, sides
from hilum.metrics.predictions import Predictions
from hilum.metrics.uncertainty.rules import wilson
from hilum.metrics.values.logistic import fit_line
from hilum.metrics.values.smooth import smooth_curve
from hilum.text import items, listed, strings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TIE = 1e-3
"""Share of the raw logit that is added to an isotonic map, so that images on one step keep their order."""


@dataclass(frozen=True)
class _Line:
    """`logit * scale + shift`."""

    scale: float = 1.0
    shift: float = 0.0

    @property
    def text(self) -> str:
        """The map in words."""
        sign = "+" if self.shift > 0 else "-"
        return f"{self.scale:.2f} x logit" + (f" {sign} {abs(self.shift):.2f}" if self.shift else "")

    def __call__(self, logits: Floats) -> Floats:
        """Calibrated logits, of the same shape."""
        return logits * self.scale + self.shift

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"scale": self.scale, "shift": self.shift}


@dataclass(frozen=True)
class _Steps:
    """Probabilities at rising logits, straight between them and level beyond both ends.

    Attributes:
        logits: the knots, rising.
        probabilities: never falling, 1 / (n + 2) or more away from 0 and 1 for n images: no number of images
            shows that something never happens.
    """

    logits: tuple[float, ...]
    probabilities: tuple[float, ...]

    @property
    def text(self) -> str:
        """The map in words."""
        return f"{len(set(self.probabilities))} steps, {self.probabilities[0]:.3g} to {self.probabilities[-1]:.3g}"

    def __call__(self, logits: Floats) -> Floats:
        """Calibrated logits, of the same shape; `_TIE` of the raw logit is added, which moves p by under 0.005."""
        share = np.interp(logits, self.logits, self.probabilities)
        return np.asarray(np.log(share) - np.log1p(-share) + _TIE * logits)

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"logits": list(self.logits), "probabilities": list(self.probabilities)}


@dataclass(frozen=True)
class Calibration:
    """How each finding's logits become calibrated ones.

    Attributes:
        method: one of `METHODS`.
        findings: names of the k findings.
        parameters: finding -> its map; a finding without one stays as it is.
        fallbacks: finding -> why it stays as it is although a method was asked for.
        part: the part that it was fitted on: always `valid`.
    """

    method: str
    findings: tuple[str, ...]
    parameters: Mapping[str, _Line | _Steps] = field(default_factory=dict)
    fallbacks: Mapping[str, str] = field(default_factory=dict)
    part: str = "valid"

    def __post_init__(self) -> None:
        if self.part != "valid":
            raise DataError(_wrong_part(self.part))
        if self.method not in METHODS:
            raise DataError(f"unknown calibration {self.method!r}; {did_you_mean(self.method, METHODS)}")

    @property
    def text(self) -> str:
        """The method in words."""
        where = "" if self.method == "none" else ", fitted on the validation part"
        return METHODS[self.method] + where

    def apply(self, predictions: Predictions) -> Predictions:
        """The same predictions with calibrated logits (float64); the order of images within a finding is kept.

        Raises:
            DataError: the predictions are of other findings.
        """
        if predictions.findings != self.findings:
            raise DataError(
                f"the calibration is for {', '.join(self.findings)}; "
                f"the predictions are of {', '.join(predictions.findings)}."
            )
        if not self.parameters:
            return predictions
        logits = predictions.logits.astype(np.float64)
        for j, finding in enumerate(self.findings):
            if finding in self.parameters:
                logits[:, j] = self.parameters[finding](logits[:, j])
        return replace(predictions, logits=logits)

    def select(self, findings: Sequence[str]) -> Calibration:
        """Only these findings, in this order.

        Raises:
            DataError: one of them is not among the findings.
        """
        findings = items(findings)
        for name in findings:
            if name not in self.findings:
                raise DataError(f"no calibration for {name!r}; {did_you_mean(name, self.findings)}")
        return Calibration(
            self.method,
            tuple(findings),
            {name: found for name, found in self.parameters.items() if name in findings},
            {name: why for name, why in self.fallbacks.items() if name in findings},
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it; `from_json` reads it."""
        return {
            "method": self.method,
            "part": self.part,
            "findings": list(self.findings),
            "parameters": {finding: found.to_json() for finding, found in self.parameters.items()},
            "fallbacks": dict(self.fallbacks),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Calibration:
        """Read what `to_json` gave.

        Raises:
            DataError: it is something else.
        """
        try:
            maps = {finding: _map(numbers) for finding, numbers in value["parameters"].items()}
            findings, fallbacks = strings(value["findings"]), dict(value["fallbacks"])
            if not {*maps, *fallbacks} <= {*findings}:
                raise ValueError(f"it has maps of {listed([*maps, *fallbacks])} for {listed(findings)}")
            return cls(value["method"], findings, maps, fallbacks, value["part"])
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise DataError(f"this is no calibration: {error!r} in {str(value)[:80]}") from error


METHODS: dict[str, str] = {
    "none": "none: probabilities as the model gives them",
    "temperature": "temperature scaling",
    "platt": "Platt scaling",
    "isotonic": "isotonic regression",
}
"""How probabilities are calibrated, and how to say so."""


def fit_calibration(valid: Predictions, method: str) -> Calibration:
    """Fit one map a finding on the validation part.

    A finding that cannot be fitted stays as it is, and `fallbacks` says why: one class only, equal logits
    everywhere, both classes wholly apart (no finite line is best), or a model that is wrong way round.

    Args:
        valid: predictions of the validation part; any other part is refused.
        method: one of `METHODS`.

    Raises:
        DataError: the predictions are not of the validation part, a logit with a known target is not a number,
            or there is no such method.
    """
    if valid.part != "valid":
        raise DataError(_wrong_part(valid.part))
    if method == "none" or method not in METHODS:
        return Calibration(method, valid.findings)
    positive, negative = sides(valid.targets)
    logits = score_columns(valid.logits, positive + negative > 0)
    maps, fallbacks = {}, {}
    for j, finding in enumerate(valid.findings):
        scored = positive[:, j] + negative[:, j] > 0
        found = _fitted(logits[scored, j], positive[scored, j], method)
        if isinstance(found, str):
            fallbacks[finding] = found
        else:
            maps[finding] = found
    return Calibration(method, valid.findings, maps, fallbacks)


@dataclass(frozen=True)
class Reliability:
    """How often what was given a probability was so, in b bins (NaN in empty ones) and smoothed.

    Attributes:
        mean_probability: float64 [b].
        share_positive: float64 [b].
        count: scored images, int64 [b].
        edges: float64 [b + 1], rising; a bin holds its lower edge, the last one both.
        curve: probabilities and smoothed shares at g points, float64 [2, g]: what ICI is measured on; no point
            without both classes.
    """

    mean_probability: Floats
    share_positive: Floats
    count: np.ndarray[Any, np.dtype[np.int64]]
    edges: Floats
    curve: Floats = field(default_factory=lambda: np.empty((2, 0)))

    def draw(self, axes: Axes, colour: str, label: str = "") -> None:
        """The curve, and on it bins as dots with the 95 % interval of their share (Wilson), on given axes."""
        filled = self.count > 0
        x, y = self.mean_probability[filled], self.share_positive[filled]
        interval = wilson(y, self.count[filled].astype(np.float64))
        axes.vlines(x, interval.low, interval.high, color=colour, linewidth=1.1, alpha=0.75, zorder=2)
        axes.plot(*self.curve, color=colour, linewidth=1, zorder=2)
        axes.plot(x, y, color=colour, linestyle="", marker="o", markersize=4, zorder=3, label=label or None)


def reliability(predictions: Predictions, bins: int = 10, equal: str = "mass") -> dict[str, Reliability]:
    """A reliability diagram's numbers per finding (DeGroot & Fienberg 1983); a finding without targets has none.

    Args:
        predictions: of any part, calibrated or not.
        bins: how many; fewer where many images share one probability.
        equal: `mass` puts as many images into each bin, `width` divides 0..1 evenly.

    Raises:
        DataError: `equal` is neither.
    """
    if equal not in ("mass", "width"):
        raise DataError(f"bins are equal in 'mass' or in 'width', not in {equal!r}.")
    probabilities, diagrams = predictions.probabilities, {}
    for j, finding in enumerate(predictions.findings):
        known = ~np.isnan(predictions.targets[:, j])
        if not known.any():
            continue
        p, y = probabilities[known, j], predictions.targets[known, j].astype(np.float64)
        edges = np.linspace(0, 1, bins + 1)
        if equal == "mass":
            edges = np.unique(np.quantile(p, edges))
            edges = edges if len(edges) > 1 else np.array([edges[0], edges[0]])
        place = np.searchsorted(edges[1:-1], p, side="right")
        count = np.bincount(place, minlength=len(edges) - 1)
        total = count.astype(np.float64)
        sums = [np.bincount(place, values, len(count)).astype(np.float64) for values in (p, y)]
        mean, share = (ratio(each, total) for each in sums)
        diagrams[finding] = Reliability(mean, share, count, edges, smooth_curve(p, y))
    return diagrams


def _fitted(logits: Floats, positive: Floats, method: str) -> _Line | _Steps | str:
    """One finding's map, or why there is none."""
    if not positive.any() or positive.all():
        return f"the validation part has no {'negative' if positive.any() else 'positive'} image"
    if not np.isfinite(logits).all():
        return "some of its validation logits are infinite"
    if logits.min() == logits.max():
        return "all its validation logits are equal"
    return _FITS[method](logits, positive)


def _temperature(logits: Floats, positive: Floats) -> _Line | str:
    """Logistic regression on the logit alone."""
    inside = np.where(positive == 1, logits, -logits)
    if inside.min() >= 0:
        return "the validation part's classes lie wholly apart: no temperature is the best"
    if inside.max() <= 0:
        return _wrong_way(-np.inf)
    slope, _ = fit_line(logits, positive, intercept=False)
    return _Line(slope) if slope > 0 else _wrong_way(slope)


def _platt(logits: Floats, positive: Floats) -> _Line | str:
    """Logistic regression on the logit, with an intercept."""
    if logits[positive == 1].min() >= logits[positive == 0].max():
        return "the validation part's classes lie wholly apart: no line is the best"
    if logits[positive == 1].max() <= logits[positive == 0].min():
        return _wrong_way(-np.inf)
    slope, shift = fit_line(logits, positive)
    return _Line(slope, shift) if slope > 0 else _wrong_way(slope)


def _isotonic(logits: Floats, positive: Floats) -> _Steps | str:
    from sklearn.isotonic import IsotonicRegression

    found = IsotonicRegression(out_of_bounds="clip").fit(logits, positive)
    least = 1 / (len(logits) + 2)
    shares = np.clip(found.y_thresholds_, least, 1 - least)
    if shares[0] == shares[-1]:
        return _wrong_way(0.0)
    return _Steps(tuple(map(float, found.X_thresholds_)), tuple(map(float, shares)))


_FITS: dict[str, Callable[[Floats, Floats], _Line | _Steps | str]] = {
    "temperature": _temperature,
    "platt": _platt,
    "isotonic": _isotonic,
}
"""Method -> function of logits [n] and truth [n] (0 or 1, both there)."""


def _wrong_way(slope: float) -> str:
    return (
        "higher logits do not go with more positives on the validation part: the model knows nothing of it"
        if slope >= 0
        else "higher logits go with fewer positives on the validation part, and the order is not turned round"
    )


def _map(numbers: Mapping[str, Any]) -> _Line | _Steps:
    """What `to_json` of either gave; ValueError where it would not keep the order of images."""
    if "scale" in numbers:
        line = _Line(float(numbers["scale"]), float(numbers["shift"]))
        if line.scale <= 0:
            raise ValueError(f"a scale of {line.scale:g} would turn the order of images round")
        return line
    logits, shares = (list(map(float, numbers[name])) for name in ("logits", "probabilities"))
    if (logits, shares) != (sorted(logits), sorted(shares)) or len(logits) != len(shares):
        raise ValueError("steps should rise, and have a probability for each logit")
    if not 0 < shares[0] <= shares[-1] < 1:
        raise ValueError("probabilities of steps should lie within 0..1")
    return _Steps(tuple(logits), tuple(shares))


def _wrong_part(part: str) -> str:
    return f"a calibration is fitted on the validation part, never on the part that is reported; this is {part!r}."
