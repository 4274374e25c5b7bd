"""`Candidate`: one way to make a head, and lists of them to try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast, get_args

import numpy as np

from hilum.errors import ConfigError, did_you_mean
from hilum.text import items

Kind = Literal["logistic", "svm", "knn", "mlp"]
Pooling = Literal["avg", "max", "both"]
Penalty = Literal["l1", "l2"]
ClassWeight = Literal["none", "balanced"]

KINDS: tuple[str, ...] = get_args(Kind)
POOLINGS: tuple[str, ...] = get_args(Pooling)
CLASS_WEIGHTS: tuple[str, ...] = get_args(ClassWeight)

NAMES = {"logistic": "logistic", "svm": "linear SVM", "knn": "k-NN", "mlp": "MLP"}

LOGISTIC_C = tuple(float(f"{10.0**power:.3g}") for power in np.arange(-4, 2.1, 0.5))
L1_C = tuple(float(f"{10.0**power:.3g}") for power in np.arange(-3, 0.1, 0.5))
SVM_C = tuple(float(f"{10.0**power:.3g}") for power in np.arange(-5, 0.1, 0.5))
NEIGHBOURS = (5, 9, 15, 25, 50, 100)
HIDDEN = (32, 128, 512)
DROPOUT = (0.0, 0.5)
EPOCHS = (10, 30)
MISSES = 100
"""Draws in a row that bring nothing new, after which no more are made."""


@dataclass(frozen=True)
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
    C: float = 1.0
    class_weight: ClassWeight = "none"
    hidden: int = 128
    dropout: float = 0.0
    lr: float = 1e-3
    epochs: int = 30
    neighbours: int = 15

    def __post_init__(self) -> None:
        for name, known in (
            ("kind", KINDS),
            ("pooling", POOLINGS),
            ("penalty", get_args(Penalty)),
            ("class_weight", CLASS_WEIGHTS),
        ):
            value = getattr(self, name)
            if value not in known:
                raise ConfigError(f"a head's {name} = {value!r} is not known; {did_you_mean(value, known)}")
        for name in ("C", "lr", "hidden", "epochs", "neighbours"):
            value = getattr(self, name)
            if not (value > 0 and np.isfinite(value)):
                raise ConfigError(f"a head's {name} has to be above 0; it is {value!r}.")
        if not 0 <= self.dropout < 1:
            raise ConfigError(
                f"a head's dropout has to be within 0 and 1, without 1; it is {self.dropout!r}."
            )

    @property
    def classifier(self) -> Literal["linear", "mlp", "knn"]:
        """What `model.classifier` calls the module that such a head becomes."""
        return self.kind if self.kind in ("mlp", "knn") else "linear"

    def describe(self) -> str:
        """In a few words: `logistic L2, C = 0.1, balanced, avg`."""
        parts = {
            "logistic": (f"logistic {self.penalty.upper()}", f"C = {self.C:g}"),
            "svm": (NAMES["svm"], f"C = {self.C:g}"),
            "knn": (NAMES["knn"], f"k = {self.neighbours}"),
            "mlp": (
                f"{NAMES['mlp']} of {self.hidden}",
                f"dropout {self.dropout:g}",
                f"{self.epochs} epochs at {self.lr:g}",
            ),
        }[self.kind]
        balanced = ("balanced",) if self.class_weight == "balanced" and self.kind != "knn" else ()
        return ", ".join((*parts, *balanced, self.pooling))

    def to_json(self) -> dict[str, Any]:
        """As JSON and TOML hold it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Candidate:
        """Read what `to_json` gave.

        Raises:
            ConfigError: it is something else.
        """
        try:
            return cls(**value)
        except TypeError as error:
            raise ConfigError(f"this is no description of a head ({error}): {str(value)[:80]}") from error


def grid(kinds: Sequence[str] = KINDS, poolings: Sequence[str] = POOLINGS) -> tuple[Candidate, ...]:
    """Every combination of the values above, of these kinds and poolings.

    Raises:
        ConfigError: a kind or pooling that there is not, or none.
    """
    kinds, poolings = items(kinds), items(poolings)
    _check(kinds, poolings)
    return tuple(
        Candidate(pooling=cast(Pooling, pooling), **fields)
        for kind in kinds
        for pooling in poolings
        for fields in _grid_of(kind)
    )


def drawn(
    n: int, seed: int = 0, kinds: Sequence[str] = KINDS, poolings: Sequence[str] = POOLINGS
) -> tuple[Candidate, ...]:
    """`n` different candidates, each value drawn over the range of the grid; C and lr on a log scale.

    Raises:
        ConfigError: a kind or pooling that there is not, or none; or fewer than one candidate.
    """
    kinds, poolings = items(kinds), items(poolings)
    _check(kinds, poolings)
    if n < 1:
        raise ConfigError(f"at least one head has to be drawn; {n} were asked for.")
    rng = np.random.default_rng(seed)
    found: dict[Candidate, None] = {}
    misses = 0
    # k-NN alone has few different candidates: give up once nothing new comes.
    while len(found) < n and misses < MISSES:
        before = len(found)
        found[_draw(rng, kinds, poolings)] = None
        misses = misses + 1 if len(found) == before else 0
    return tuple(found)


def _check(kinds: Sequence[str], poolings: Sequence[str]) -> None:
    for what, given, known in (("kind", kinds, KINDS), ("pooling", poolings, POOLINGS)):
        if not given:
            raise ConfigError(f"name at least one {what} of head: {', '.join(known)}.")
        for name in given:
            if name not in known:
                raise ConfigError(f"there is no {what} of head {name!r}; {did_you_mean(name, known)}")


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
        k = round(_log_uniform(rng, NEIGHBOURS[0], NEIGHBOURS[-1]))
        return Candidate(kind, pooling, neighbours=k)
    if kind == "mlp":
        return Candidate(
            kind,
            pooling,
            class_weight=balance,
            hidden=int(rng.choice(HIDDEN)),
            dropout=round(float(rng.uniform(0, 0.7)), 2),
            lr=_log_uniform(rng, 3e-4, 3e-3),
            epochs=int(rng.choice(EPOCHS)),
        )
    if kind == "svm":
        return Candidate(kind, pooling, C=_log_uniform(rng, SVM_C[0], SVM_C[-1]), class_weight=balance)
    penalty = cast(Penalty, str(rng.choice(["l2", "l2", "l1"])))
    values = LOGISTIC_C if penalty == "l2" else L1_C
    C = _log_uniform(rng, values[0], values[-1])
    return Candidate("logistic", pooling, penalty, C, balance)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Three digits of a number whose logarithm is uniform between those of `low` and `high`."""
    return float(f"{np.exp(rng.uniform(np.log(low), np.log(high))):.3g}")
