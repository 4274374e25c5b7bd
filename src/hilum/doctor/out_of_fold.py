"""How well a trait alone ranks images, in numbers of either class at each of its values; no model, no picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FOLDS = 5
BINS = 32
"""Numbers of more values than this, or of fewer than `LEAST_LEAF` images a value, are put into at most so many
bins, of about `PER_BIN` images or more."""
PER_BIN = 8
LEAVES = 6
LEAST_LEAF = 3
TREE_ROWS = 20_000

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def deal(patients: Ints) -> Ints:
    """The fold of each image, 0 to FOLDS - 1: a patient's images stay together."""
    dealt = np.random.default_rng(0).permutation(int(patients.max()) + 1) % FOLDS
    return dealt[patients].astype(np.int64)


def counted(level: Ints, fold: Ints, target: npt.NDArray[np.float32]) -> Ints:
    """Images of each class, fold and level, int64 [2, FOLDS, levels]; a target of NaN does not count."""
    levels = int(level.max()) + 1
    place = fold * levels + level
    each = [np.bincount(place[target == value], minlength=FOLDS * levels) for value in (0, 1)]
    return np.stack(each).reshape(2, FOLDS, levels)


def binned(sizes: Ints) -> Ints:
    """Where each bin of a number begins, given the images of each of its values in order."""
    total = int(sizes.sum())
    if len(sizes) <= BINS and total >= LEAST_LEAF * len(sizes):
        return np.arange(len(sizes))
    count = min(max(total // PER_BIN, 2), BINS)
    middle = np.cumsum(sizes) - sizes / 2
    return np.flatnonzero(np.diff((middle * count / total).astype(np.int64), prepend=-1))


def ranked_auc(count: Ints) -> float:
    """ROC AUC of levels in their order, of int64 [2, levels]."""
    wins, pairs = _wins(np.arange(count.shape[1], dtype=np.float64), *count)
    return wins / pairs if pairs else 0.5


def out_of_fold_auc(count: Ints) -> float:
    """ROC AUC of the rate of positives at each level in the other folds, of int64 [2, FOLDS, levels].

    Only pairs of images within a fold count: rates of two folds differ by their folds too, and over all pairs
    chance would be below 0.5.
    """
    total = count.sum(axis=1)
    each = []
    for own in range(count.shape[1]):
        negative, positive = total - count[:, own]
        everywhere = positive.sum() / max(int(negative.sum() + positive.sum()), 1)
        rate = (positive + everywhere) / (negative + positive + 1)
        each.append(_wins(rate, *count[:, own]))
    wins, pairs = np.sum(each, axis=0)
    return float(wins / pairs) if pairs else 0.5


def tree_auc(values: Floats, target: npt.NDArray[np.float32], patients: Ints) -> float:
    """The same of scikit-learn's decision tree of a few leaves, which finds borders that bins blur."""
    from sklearn.model_selection import GroupKFold
    from sklearn.tree import DecisionTreeClassifier

    rows = np.random.default_rng(0).permutation(np.flatnonzero(~np.isnan(target)))[:TREE_ROWS]
    values, truth, patients = values[rows, None], target[rows].astype(np.int64), patients[rows]
    tree = DecisionTreeClassifier(max_leaf_nodes=LEAVES, min_samples_leaf=LEAST_LEAF, random_state=0)
    each = [(0.0, 0.0)]
    for learn, judge in GroupKFold(FOLDS, shuffle=True, random_state=0).split(values, truth, patients):
        if len(np.unique(truth[learn])) == 2:
            score = tree.fit(values[learn], truth[learn]).predict_proba(values[judge])[:, 1]
            each.append(_wins(score, 1 - truth[judge], truth[judge]))
    wins, pairs = np.sum(each, axis=0)
    return float(wins / pairs) if pairs else 0.5


def _wins(score: Floats, negative: Ints, positive: Ints) -> tuple[float, float]:
    """Pairs that a score of each level puts in order, ties counting half, and all pairs."""
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    below = np.concatenate([[0], np.cumsum(negative[order])])
    first, last = (below[np.searchsorted(ordered, ordered, side)] for side in ("left", "right"))
    wins = float((positive[order] * (first + last)).sum()) / 2
    return wins, float(negative.sum()) * float(positive.sum())
