"""Logistic regression and linear SVM: all candidates of a pooling over the same training rows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from torch import Tensor

from hilum.heads.candidates import Candidate
from hilum.heads.solvers.fitted import FittedHead, Floats
from hilum.heads.solvers.newton import solve
from hilum.heads.solvers.problem import Basis, Columns, Standard
from hilum.heads.solvers.threads import in_threads

SMOOTHING = 0.5
"""Added to both counts of a finding of one class, whose logit is then the log odds (Jeffreys' prior)."""
INTERCEPT, TOLERANCE, STEPS = 1000.0, 1e-5, 200
"""Of liblinear. It penalises the intercept divided by `INTERCEPT`, which is as good as not at all; after `STEPS`
a line stays where it is, which may be short of its minimum where classes are separated."""
BYTES = 2**31
"""Memory that threads of liblinear may take together: each copies the rows, 24 bytes a number."""


def fit_lines(candidates: Sequence[Candidate], vectors: Tensor, targets: Tensor) -> list[FittedHead]:
    """Lines of all candidates, one a finding; SVM margins are not scaled to logits here.

    Args:
        candidates: of kinds `logistic` and `svm`, and of one pooling.
        vectors: float32 [n, d], the training rows.
        targets: float32 [n, k]. A finding without both classes has weight 0 and the log odds of its counts.
    """
    positive, negative = (targets == 1).sum(0), (targets == 0).sum(0)
    usable = ((positive > 0) & (negative > 0)).nonzero()[:, 0]
    weight = torch.zeros(len(candidates), targets.shape[1], vectors.shape[1], dtype=torch.float64)
    odds = torch.log((positive + SMOOTHING) / (negative + SMOOTHING)).double().cpu()
    bias = odds.expand(len(candidates), -1).clone()
    dense = [j for j, one in enumerate(candidates) if (one.kind, one.penalty) == ("logistic", "l2")]
    others = [j for j in range(len(candidates)) if j not in dense]
    for places, fit in ((dense, _newton), (others, _liblinear)):
        if places and len(usable):
            raw, intercept = fit([candidates[j] for j in places], vectors, targets, usable)
            at, columns = torch.tensor(places)[:, None], usable.cpu()[None, :]
            weight[at, columns] = raw.T.reshape(len(places), len(usable), -1).cpu()
            bias[at, columns] = intercept.reshape(len(places), len(usable)).cpu()
    arrays = weight.numpy().astype(np.float32), bias.numpy().astype(np.float32)
    return [FittedHead(one, {"weight": w, "bias": b}) for one, w, b in zip(candidates, *arrays, strict=True)]


def _newton(
    candidates: Sequence[Candidate], vectors: Tensor, targets: Tensor, usable: Tensor
) -> tuple[Tensor, Tensor]:
    """L2-penalised logistic regressions, all at once: weights [d, m] and intercepts [m] on raw vectors.

    The m problems are the usable findings of each candidate, candidate by candidate.
    """
    C = torch.tensor([one.C for one in candidates], dtype=torch.float32, device=targets.device)
    balanced = torch.tensor([one.class_weight == "balanced" for one in candidates], device=targets.device)
    c, u, basis = len(candidates), len(usable), Basis.of(vectors)
    columns = Columns.of(targets, usable.repeat(c), C.repeat_interleave(u), balanced.repeat_interleave(u))
    return basis.fold(solve(basis, columns))


def _liblinear(
    candidates: Sequence[Candidate], vectors: Tensor, targets: Tensor, usable: Tensor
) -> tuple[Tensor, Tensor]:
    """L1-penalised logistic regressions and SVMs, one after another by scikit-learn; as `_newton`."""
    standard = Standard.of(vectors)
    rows, labels = standard.apply(vectors).double().cpu().numpy(), targets.cpu().numpy()

    def line(problem: tuple[Candidate, int]) -> Floats:
        one, j = problem
        known = (labels[:, j] == 0) | (labels[:, j] == 1)
        common: dict[str, Any] = {
            "C": one.C, "class_weight": None if one.class_weight == "none" else "balanced",
            "intercept_scaling": INTERCEPT, "tol": TOLERANCE, "max_iter": STEPS, "random_state": 0,
        }  # fmt: skip
        if one.kind == "svm":
            model = LinearSVC(dual=False, **common)
        else:
            model = LogisticRegression(l1_ratio=1, solver="liblinear", **common)
        model.fit(rows if known.all() else rows[known], labels[known, j])
        return np.append(model.coef_[0], model.intercept_)

    # The hardest first, so that none is waited for in the end.
    problems = [(one, j) for one in candidates for j in usable.tolist()]
    order = sorted(problems, key=lambda problem: -problem[0].C)
    most = max(1, BYTES // (24 * rows.size))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        solved = dict(zip(order, in_threads(line, order, torch.device("cpu"), most), strict=True))
    lines = torch.from_numpy(np.stack([solved[problem] for problem in problems], axis=1)).to(vectors.device)
    return standard.fold(lines[:-1], lines[-1])
