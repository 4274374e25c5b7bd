"""Training rows as solvers take them: standardised, in a basis that suits L2 penalties; and what labels count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from hilum.device import one_core_workers
from hilum.heads.solvers.threads import in_threads

PART = 1024
"""Rows that are standardised at once."""
FLAT = 1e-7
"""Directions with less than this share of the largest variance are float32's rounding, and left out."""


@dataclass(frozen=True)
class Standard:
    """Mean and standard deviation of each feature over the training rows; a constant one has scale 1.

    Attributes:
        mean: float32 [d].
        scale: float32 [d].
    """

    mean: Tensor
    scale: Tensor

    @classmethod
    def of(cls, vectors: Tensor) -> Standard:
        """Of training rows [n, d]; the variance divides by n, as scikit-learn's StandardScaler does."""

        def mean_of(term: Callable[[Tensor], Tensor]) -> Tensor:
            # By parts: float64 copies of all rows would be twice the features again.
            return torch.stack(in_threads(term, parts, vectors.device)).sum(dim=0) / len(vectors)

        parts = torch.split(vectors, PART)
        mean = mean_of(lambda part: part.sum(dim=0, dtype=torch.float64))
        scale = mean_of(lambda part: (part - mean).square().sum(dim=0)).sqrt()
        constant = scale <= 1e-6 * mean.abs() + 1e-12
        return cls(mean.float(), torch.where(constant, 1.0, scale).float())

    def apply(self, vectors: Tensor) -> Tensor:
        """[n, d] -> [n, d]."""
        return (vectors - self.mean) / self.scale

    def fold(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Weights [d, m] and biases [m] for raw vectors, of those for standardised ones; float64."""
        raw = weight.double() / self.scale.double()[:, None]
        return raw, bias.double() - self.mean.double() @ raw


@dataclass(frozen=True)
class Basis:
    """Standardised training rows turned to their principal axes.

    There the squared-loss Hessian of all columns is diagonal, and L2 penalties are what they were, since turning
    keeps lengths: every problem is solved as it stands, only better conditioned.

    Attributes:
        rows: float32 [n, r + 1]; the last column is ones, for the intercept.
        spectrum: float32 [r + 1], mean square of each column.
        axes: float32 [d, r], orthonormal.
        standard: how the rows were standardised.
    """

    rows: Tensor
    spectrum: Tensor
    axes: Tensor
    standard: Standard

    @classmethod
    def of(cls, vectors: Tensor) -> Basis:
        """Of training rows, float32 [n, d]."""
        standard = Standard.of(vectors)
        parts, device = torch.split(vectors, PART), vectors.device

        def products(part: Tensor) -> Tensor:
            scaled = standard.apply(part)
            return scaled.T @ scaled

        gram = torch.stack(in_threads(products, parts, device)).sum(dim=0) / len(vectors)
        with one_core_workers(1, "hilum-heads") as worker:
            values, axes = worker.submit(torch.linalg.eigh, gram).result()
        axes = axes[:, values > FLAT * values[-1]].flip(1).contiguous()

        def turned(part: Tensor) -> Tensor:
            return torch.cat([standard.apply(part) @ axes, part.new_ones(len(part), 1)], dim=1)

        rows = torch.cat(in_threads(turned, parts, device))
        return cls(rows, rows.square().mean(dim=0), axes, standard)

    def fold(self, solution: Tensor) -> tuple[Tensor, Tensor]:
        """Weights [d, m] and biases [m] on raw vectors, float64, of solutions [r + 1, m]."""
        return self.standard.fold(self.axes.double() @ solution[:-1].double(), solution[-1])


@dataclass(frozen=True)
class Columns:
    """m problems over the same n training rows.

    Attributes:
        sign: float32 [n, m]: 1 positive, -1 negative, 0 unknown.
        weight: float32 [n, m] of sample weights that sum to 1 in each column; 0 where unknown.
        penalty: float32 [m]: 1 / (C x the sum of sample weights), so that the mean loss plus half of `penalty`
            times the squared length is scikit-learn's objective up to a factor.
    """

    sign: Tensor
    weight: Tensor
    penalty: Tensor

    @classmethod
    def of(cls, targets: Tensor, finding: Tensor, C: Tensor, balanced: Tensor) -> Columns:
        """Problems of single findings.

        Args:
            targets: float32 [n, k] of 0, 1 and NaN; both classes of every finding asked for are there.
            finding: int64 [m], which column of targets.
            C: float32 [m].
            balanced: bool [m]; rows of a class of c among n known ones then weigh n / (2 c), as in scikit-learn.
        """
        plain, even = cls.weights(targets)
        sign = (targets == 1).float() - (targets == 0).float()
        weight = torch.where(balanced, even[:, finding], plain[:, finding])
        # Both kinds of weights sum to the number of known rows.
        total = plain.sum(0)[finding]
        return cls(sign[:, finding], weight / total, 1 / (C * total))

    @staticmethod
    def weights(targets: Tensor) -> tuple[Tensor, Tensor]:
        """How much each label counts, [n, k] twice: all known ones alike, and both classes alike in sum.

        Unknown labels count nothing. The second is scikit-learn's `balanced`, n / (2 x rows of the class); of a
        finding of one class it is the first.
        """
        positive, negative = (targets == 1).float(), (targets == 0).float()
        many, few = positive.sum(0), negative.sum(0)
        plain, known = positive + negative, many + few
        even = positive * (known / (2 * many.clamp_min(1))) + negative * (known / (2 * few.clamp_min(1)))
        return plain, torch.where((many > 0) & (few > 0), even, plain)

    @property
    def count(self) -> int:
        """m."""
        return self.sign.shape[1]

    def ridge(self, solution: Tensor) -> Tensor:
        """Gradient of the penalty at solutions [r + 1, m]; the intercepts, the last row, have none."""
        gradient = self.penalty * solution
        gradient[-1] = 0
        return gradient

    def take(self, columns: Tensor) -> Columns:
        """Only these columns."""
        return Columns(self.sign[:, columns], self.weight[:, columns], self.penalty[columns])
