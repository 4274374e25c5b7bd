"""`Candidate`: one way to make a head, and lists of them to try."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, cast, get_args

import numpy as np
from pydantic import ConfigDict, Field, PositiveInt
from pydantic.dataclasses import dataclass

Kind = Literal["logistic", "svm", "knn", "mlp"]
Pooling = Literal["avg", "max", "both"]
Penalty = Literal["l1", "l2"]
ClassWeight = Literal["none", "balanced"]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]

KINDS: tuple[str, ...] = get_args(Kind)
POOLINGS: tuple[str, ...] = get_args(Pooling)
CLASS_WEIGHTS: tuple[str, ...] = get_args(ClassWeight)

LOGISTIC_C = tuple(float(f"{10.0**power:.3g}") for power in np.arange(-4, 2.1, 0.5))
L1_C = tuple(float(f"{10.0**power:.3g}") for power in np.arange(-3, 0.1, 0.5))
SVM_C = tuple(float(f"{10.0**power:.3g}") for power in np.arange(-5, 0.1, 0.5))
NEIGHBOURS = (5, 9, 15, 25, 50, 100)
HIDDEN = (32, 128, 512)
DROPOUT = (0.0, 0.5)
EPOCHS = (10, 30)
MISSES = 100
"""Draws in a row that bring nothing new, after which no more are made."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Candidate:
    """What is tried. Fields that a kind does not use are left alone by it.

    Attributes:
        kind: `logistic`, `svm` (linear, squared hinge), `knn` (cosine) or `mlp` (one hidden layer).
        pooling: which vector it looks at; `both` is average and maximum side by side.
        penalty: `logistic`: on squares (`l2`) or absolute values (`l1`) of the weights.
        C: `logistic`, `svm`: scikit-learn's: the sum of losses counts this much against the penalty.
        class_weight: `balanced` has both classes of a finding count alike in sum (not `knn`).
        hidden: `mlp`: width of the layer between.
        dropout: `mlp`: on that layer, while it learns.
        lr: `mlp`: peak learning rate.
        epochs: `mlp`: passes over the training rows.
        neighbours: `knn`: how many training images have a say.
    """

    kind: Kind = "logistic"
    pooling: Pooling = "avg"
    penalty: Penalty = "l2"
    C: _Positive = 1.0
    class_weight: ClassWeight = "none"
    hidden: PositiveInt = 128
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    lr: _Positive = 1e-3
    epochs: PositiveInt = 30
    neighbours: PositiveInt = 15

    @classmethod
    def grid(cls, kinds: Sequence[str] = KINDS, poolings: Sequence[str] = POOLINGS) -> tuple[Candidate, ...]:
        """Every combination of the values above, of these kinds and poolings."""
        return tuple(
            cls(pooling=cast(Pooling, pooling), **fields)
            for kind in kinds
            for pooling in poolings
            for fields in _grid_of(kind)
        )

    @classmethod
    def drawn(
        cls, n: int, seed: int = 0, kinds: Sequence[str] = KINDS, poolings: Sequence[str] = POOLINGS
    ) -> tuple[Candidate, ...]:
        """`n` different ones, each value drawn over the range of the grid; C and lr on a log scale.

        Fewer where there are not so many: k-NN alone has 96 of a pooling.
        """
        rng = np.random.default_rng(seed)
        drawn: dict[Candidate, None] = {}
        misses = 0
        while len(drawn) < n and misses < MISSES:
            before = len(drawn)
            drawn[_draw(rng, kinds, poolings)] = None
            misses = misses + 1 if len(drawn) == before else 0
        return tuple(drawn)

    @staticmethod
    def grouped(candidates: Sequence[Candidate]) -> list[list[int]]:
        """Places of those that are trained together: one pooling, and one kind of classifier."""
        groups: dict[tuple[str, str], list[int]] = {}
        for j, one in enumerate(candidates):
            groups.setdefault((one.pooling, one.classifier), []).append(j)
        return list(groups.values())

    @property
    def classifier(self) -> Literal["linear", "mlp", "knn"]:
        """What `model.classifier` calls the module that such a head becomes."""
        return self.kind if self.kind in ("mlp", "knn") else "linear"

    @property
    def model_settings(self) -> dict[str, Any]:
        """What section `model` says of a network with such a head."""
        own = {"mlp": ("hidden", "dropout"), "knn": ("neighbours",)}.get(self.kind, ())
        return {name: getattr(self, name) for name in ("pooling", "classifier", *own)}

    def describe(self) -> str:
        """In a few words: `logistic L2, C = 0.1, balanced, avg`."""
        parts = {
            "logistic": f"logistic {self.penalty.upper()}, C = {self.C:g}",
            "svm": f"linear SVM, C = {self.C:g}",
            "knn": f"k-NN, k = {self.neighbours}",
            "mlp": f"MLP of {self.hidden}, dropout {self.dropout:g}, {self.epochs} epochs at {self.lr:g}",
        }
        balanced = ("balanced",) if self.class_weight == "balanced" and self.kind != "knn" else ()
        return ", ".join((parts[self.kind], *balanced, self.pooling))


def _grid_of(kind: str) -> list[dict[str, Any]]:
    if kind == "knn":
        return [{"kind": kind, "neighbours": k} for k in NEIGHBOURS]
    if kind == "mlp":
        return [
            {"kind": kind, "hidden": hidden, "dropout": dropout, "epochs": epochs}
            for hidden in HIDDEN
            for dropout in DROPOUT
            for epochs in EPOCHS
        ]
    weights = {"l2": SVM_C} if kind == "svm" else {"l2": LOGISTIC_C, "l1": L1_C}
    return [
        {"kind": kind, "penalty": penalty, "C": C, "class_weight": balance}
        for penalty, values in weights.items()
        for C in values
        for balance in CLASS_WEIGHTS
    ]


def _draw(rng: np.random.Generator, kinds: Sequence[str], poolings: Sequence[str]) -> Candidate:
    kind = cast(Kind, str(rng.choice(list(kinds))))
    pooling = cast(Pooling, str(rng.choice(list(poolings))))
    balance = cast(ClassWeight, str(rng.choice(CLASS_WEIGHTS)))
    if kind == "knn":
        return Candidate(kind, pooling, neighbours=round(_log_uniform(rng, NEIGHBOURS)))
    if kind == "mlp":
        return Candidate(
            kind,
            pooling,
            class_weight=balance,
            hidden=int(rng.choice(HIDDEN)),
            dropout=round(float(rng.uniform(0, 0.7)), 2),
            lr=_log_uniform(rng, (3e-4, 3e-3)),
            epochs=int(rng.choice(EPOCHS)),
        )
    if kind == "svm":
        return Candidate(kind, pooling, C=_log_uniform(rng, SVM_C), class_weight=balance)
    penalty = cast(Penalty, str(rng.choice(["l2", "l2", "l1"])))
    C = _log_uniform(rng, LOGISTIC_C if penalty == "l2" else L1_C)
    return Candidate(kind, pooling, penalty, C, balance)


def _log_uniform(rng: np.random.Generator, values: Sequence[float]) -> float:
    """Three digits of a number whose logarithm is uniform between those of the first and the last value."""
    return float(f"{np.exp(rng.uniform(np.log(values[0]), np.log(values[-1]))):.3g}")
