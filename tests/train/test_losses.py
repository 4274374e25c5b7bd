"""Losses against torch, torchvision, scikit-learn, published code and golden values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from hilum.config import LossConfig
from hilum.errors import ConfigError
from hilum.plugins import using
from hilum.train.losses import Loss
from hilum.train.losses import _positive_frequencies as positive_frequencies

KINDS = ("bce", "frequency", "focal", "asymmetric")
REDUCTIONS = ("mean", "sum", "per_finding")


def frequency_weighted_loss(
    targets: Tensor, probabilities: Tensor, positive_weight: Tensor, negative_weight: Tensor, epsilon: float
) -> Tensor:
    """The frequency-weighted loss as it was first published for ChestX-ray14 with DenseNet121.

    Summed over findings, mean over images of
    `-(w_pos y log(p + epsilon) + w_neg (1 - y) log(1 - p + epsilon))`. With the epsilon of 1 that its worked
    example uses the logarithms are positive, and so the loss is negative: -0.4956 there says nothing of the
    quality of a prediction. Training uses `LossConfig(kind="frequency", reduction="per_finding")`, which is this
    at epsilon 0, computed from logits so that nothing overflows.

    Args:
        targets: [n, k] of 0 and 1.
        probabilities: [n, k] of the positive class.
        positive_weight: [k], the frequency of negatives.
        negative_weight: [k], the frequency of positives.
        epsilon: added inside the logarithms.

    Returns:
        Scalar.
    """
    positive = positive_weight * targets * torch.log(probabilities + epsilon)
    negative = negative_weight * (1.0 - targets) * torch.log(1.0 - probabilities + epsilon)
    return -(positive + negative).mean(dim=0).sum()


def batch(
    rows: int = 12, findings: int = 4, unknown: float = 0.3, seed: int = 0, classes: int = 1
) -> tuple[Tensor, Tensor]:
    """Logits [rows, findings * classes] and targets [rows, findings] of 0, 1 (2) and NaN."""
    made = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(rows, findings * classes, generator=made)
    targets = torch.randint(0, 2 if classes == 1 else 3, (rows, findings), generator=made).float()
    targets[torch.rand(rows, findings, generator=made) < unknown] = torch.nan
    return logits, targets


def loss_of(targets: Tensor, **settings: object) -> Loss:
    return Loss.of(LossConfig.model_validate(settings), targets.numpy())


def test_bce_is_that_of_torch() -> None:
    logits, targets = batch(unknown=0.0)
    for reduction in ("mean", "sum"):
        got = loss_of(targets, reduction=reduction)(logits, targets)
        torch.testing.assert_close(got, torch.nn.BCEWithLogitsLoss(reduction=reduction)(logits, targets))
    weights = (0.5, 1.0, 2.0, 7.0)
    got = loss_of(targets, positive_weight=weights)(logits, targets)
    expected = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(weights))(logits, targets)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_losses_of_unequal_shares_of_a_batch_sum_to_that_of_the_whole(kind: str, reduction: str) -> None:
    logits, targets = batch(rows=9)
    loss = loss_of(targets, kind=kind, reduction=reduction)
    counts = (~targets.isnan()).sum(dim=0)
    shares = [loss(logits[rows], targets[rows], counts) for rows in (slice(0, 2), slice(2, 3), slice(3, 9))]
    torch.testing.assert_close(sum(shares), loss(logits, targets))


def test_bce_is_that_of_scikit_learn_where_labels_are_unknown() -> None:
    logits, targets = batch(rows=40)
    per_finding = []
    for j in range(4):
        known = ~targets[:, j].isnan()
        p = torch.sigmoid(logits[known, j].double()).numpy()
        per_finding.append(log_loss(targets[known, j].numpy(), p, labels=[0, 1]))
    got = loss_of(targets, reduction="per_finding")(logits, targets)
    assert float(got) == pytest.approx(sum(per_finding), rel=1e-5)


def test_focal_is_that_of_torchvision() -> None:
    logits, targets = batch(unknown=0.0)
    for gamma in (0.0, 0.5, 2.0, 5.0):
        got = loss_of(targets, kind="focal", gamma=gamma, reduction="sum")(logits, targets)
        expected = sigmoid_focal_loss(logits, targets, alpha=-1, gamma=gamma, reduction="sum")
        torch.testing.assert_close(got, expected)


def published_asymmetric(x: Tensor, y: Tensor, gamma_neg: float, gamma_pos: float, clip: float) -> Tensor:
    """The loss as its authors wrote it, from probabilities (Ridnik et al. 2021)."""
    p = torch.sigmoid(x)
    p_negative = (1 - p + clip).clamp(max=1) if clip else 1 - p
    log_likelihood = y * torch.log(p.clamp(min=1e-8)) + (1 - y) * torch.log(p_negative.clamp(min=1e-8))
    p_true = p * y + p_negative * (1 - y)
    return -(log_likelihood * (1 - p_true) ** (gamma_pos * y + gamma_neg * (1 - y))).sum()


@pytest.mark.parametrize("clip", [0.0, 0.05, 0.5])
def test_asymmetric_is_that_of_its_paper(clip: float) -> None:
    logits, targets = batch(unknown=0.0)
    settings = {"gamma_negative": 4.0, "gamma_positive": 1.0, "clip": clip}
    got = loss_of(targets, kind="asymmetric", reduction="sum", **settings)(logits, targets)
    torch.testing.assert_close(got, published_asymmetric(logits, targets, 4.0, 1.0, clip))


def test_asymmetric_without_gammas_is_bce() -> None:
    logits, targets = batch()
    plain = {"kind": "asymmetric", "gamma_negative": 0, "gamma_positive": 0, "clip": 0}
    got = loss_of(targets, **plain)(logits, targets)
    torch.testing.assert_close(got, loss_of(targets)(logits, targets))


@pytest.mark.parametrize("probability", [0.7, 0.3])
def test_frequency_weighted_golden_value(probability: float) -> None:
    targets = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 1, 0], [1, 0, 1]], dtype=torch.float64)
    got = frequency_weighted_loss(
        targets,
        torch.full_like(targets, probability),
        torch.tensor([0.25, 0.25, 0.5]),
        torch.tensor([0.75, 0.75, 0.5]),
        epsilon=1.0,
    )
    assert round(float(got), 4) == -0.4956


def test_positive_frequencies_golden_value() -> None:
    targets = np.array([[1, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1], [1, 0, 1]], dtype=np.float32)
    assert positive_frequencies(targets).tolist() == pytest.approx([0.8, 0.4, 0.8])


def test_frequencies_count_known_labels_alone() -> None:
    nan = np.nan
    targets = np.array([[1, nan, 2], [nan, nan, 1], [0, nan, 0], [0, nan, 0.5]], dtype=np.float32)
    got = positive_frequencies(targets)
    np.testing.assert_allclose(got, [1 / 3, np.nan, 1.5 / 4])


def test_frequency_loss_is_the_published_one_without_epsilon() -> None:
    logits, targets = batch(rows=30, unknown=0.0)
    positive = targets.mean(dim=0)
    got = loss_of(targets, kind="frequency", reduction="per_finding")(logits, targets)
    expected = frequency_weighted_loss(targets, torch.sigmoid(logits), 1 - positive, positive, 0.0)
    torch.testing.assert_close(got, expected)


def test_frequency_weights_let_both_classes_count_equally() -> None:
    _, targets = batch(rows=200, unknown=0.2)
    each = loss_of(targets, kind="frequency").per_label(torch.zeros_like(targets), targets)
    for j in range(4):
        positive, negative = each[targets[:, j] == 1, j].sum(), each[targets[:, j] == 0, j].sum()
        torch.testing.assert_close(positive, negative)


def test_balanced_weights() -> None:
    nan = np.nan
    targets = np.array([[1, 0, 1, nan], [0, 0, 1, nan], [0, 0, 1, nan], [0, nan, nan, nan]], dtype=np.float32)
    weights = Loss.of(LossConfig(positive_weight="balanced"), targets).class_weights
    # one positive in four; a finding with one class only, or unknown everywhere, has nothing to balance
    assert weights[:, 1].tolist() == [3.0, 1.0, 1.0, 1.0]
    assert weights[:, 0].tolist() == [1.0] * 4


def test_smoothing_moves_targets_to_a_half() -> None:
    logits, targets = batch(unknown=0.0)
    got = loss_of(targets, smoothing=0.2)(logits, targets)
    expected = F.binary_cross_entropy_with_logits(logits, 0.8 * targets + 0.1)
    torch.testing.assert_close(got, expected)


def test_soft_targets_are_the_expectation_over_hard_ones() -> None:
    logits = torch.tensor([[1.5]])
    for kind in ("bce", "focal", "asymmetric"):
        loss = loss_of(torch.zeros(1, 1), kind=kind)
        soft, one, zero = (loss(logits, torch.tensor([[t]])) for t in (0.7, 1.0, 0.0))
        torch.testing.assert_close(soft, 0.7 * one + 0.3 * zero)


def test_three_classes_are_the_cross_entropy_of_torch() -> None:
    logits, targets = batch(classes=3, rows=30)
    for smoothing in (0.0, 0.1):
        got = loss_of(targets, smoothing=smoothing)(logits, targets)
        known = ~targets.isnan()
        expected = F.cross_entropy(
            logits.view(30, 4, 3)[known], targets[known].long(), label_smoothing=smoothing
        )
        torch.testing.assert_close(got, expected)


def test_three_classes_take_the_same_weights() -> None:
    logits, targets = batch(classes=3, rows=200, unknown=0.1)
    flat = torch.zeros_like(logits)
    each = loss_of(targets, kind="frequency").per_label(flat, targets)
    shares = [(targets[~targets[:, 0].isnan(), 0] == code).float().mean() for code in range(3)]
    for code in range(3):
        expected = (1 - shares[code]) * np.log(3)
        torch.testing.assert_close(each[targets[:, 0] == code, 0].mean(), expected.float())
    given_weights = loss_of(targets, positive_weight=(2.0, 1.0, 1.0, 1.0)).per_label(logits, targets)
    plain = loss_of(targets).per_label(logits, targets)
    factor = torch.where(targets == 1, torch.tensor([2.0, 1.0, 1.0, 1.0]), 1.0)
    torch.testing.assert_close(given_weights, factor * plain, equal_nan=True)


def test_focal_of_three_classes() -> None:
    logits, targets = batch(classes=3, unknown=0.0)
    p = torch.softmax(logits.view(12, 4, 3), dim=2).gather(2, targets.long().unsqueeze(2)).squeeze(2)
    got = loss_of(targets, kind="focal", gamma=2.0)(logits, targets)
    torch.testing.assert_close(got, (-torch.log(p) * (1 - p) ** 2).mean())


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("kind", "classes"), [*((kind, 1) for kind in KINDS), ("bce", 3), ("focal", 3)])
def test_nothing_known_is_no_loss(kind: str, reduction: str, classes: int) -> None:
    targets = torch.full((3, 2), torch.nan)
    logits = torch.full((3, 2 * classes), torch.inf, requires_grad=True)
    loss = loss_of(targets, kind=kind, reduction=reduction)(logits, targets)
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad is not None
    assert torch.all(logits.grad == 0)


@given(
    kind=st.sampled_from(KINDS),
    reduction=st.sampled_from(REDUCTIONS),
    gamma=st.floats(0, 6),
    clip=st.sampled_from([0.0, 0.05, 0.9]),
    smoothing=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 1000),
    scale=st.sampled_from([0.0, 1.0, 30.0, 1e4]),
)
def test_loss_and_gradient_are_finite_and_unknown_labels_do_not_matter(
    kind: str, reduction: str, gamma: float, clip: float, smoothing: float, seed: int, scale: float
) -> None:
    logits, targets = batch(rows=6, findings=3, seed=seed)
    settings = {"gamma": gamma, "gamma_negative": gamma, "gamma_positive": gamma, "clip": clip}
    loss = loss_of(targets, kind=kind, reduction=reduction, smoothing=smoothing, **settings)
    logits = (scale * logits).requires_grad_()
    value = loss(logits, targets)
    (gradient,) = torch.autograd.grad(value, logits)
    assert value.dtype == torch.float32
    assert torch.isfinite(value)
    assert value >= 0
    assert torch.isfinite(gradient).all()
    assert torch.all(gradient[targets.isnan()] == 0)
    # what stands at unknown places, even NaN, changes nothing
    other = torch.where(targets.isnan(), torch.nan, logits.detach())
    torch.testing.assert_close(loss(other, targets), value.detach())


@pytest.mark.parametrize("kind", KINDS)
def test_per_label_adds_up_to_the_reductions(kind: str) -> None:
    logits, targets = batch(rows=20)
    loss = loss_of(targets, kind=kind)
    each = loss.per_label(logits, targets)
    assert each.dtype == torch.float32
    assert torch.equal(each.isnan(), targets.isnan())
    torch.testing.assert_close(loss(logits, targets), each.nanmean())
    total = loss_of(targets, kind=kind, reduction="sum")(logits, targets)
    torch.testing.assert_close(total, each.nansum())
    parts = torch.cat([loss.per_label(logits[:7], targets[:7]), loss.per_label(logits[7:], targets[7:])])
    torch.testing.assert_close(parts, each, equal_nan=True)


def test_gradient_is_right_by_finite_differences() -> None:
    logits, targets = batch(rows=3, findings=2)
    for kind in KINDS:
        loss = loss_of(targets, kind=kind, clip=0.0)
        logits = logits.float().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(logits, targets), logits)
        numeric = torch.zeros_like(gradient)
        for i in range(3):
            for j in range(2):
                step = torch.zeros_like(gradient)
                step[i, j] = 1e-2
                with torch.no_grad():
                    numeric[i, j] = (loss(logits + step, targets) - loss(logits - step, targets)) / 2e-2
        torch.testing.assert_close(gradient, numeric, atol=1e-3, rtol=1e-2)


def test_half_precision_logits_are_computed_in_float32() -> None:
    logits, targets = batch()
    half = logits.bfloat16()
    got = loss_of(targets)(half, targets)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, loss_of(targets)(half.float(), targets))


def test_weights_travel_with_the_module_but_not_with_its_state() -> None:
    loss = loss_of(batch()[1], kind="frequency")
    assert loss.state_dict() == {}
    assert loss.to("meta").class_weights.device.type == "meta"


def test_contradictions_are_told() -> None:
    targets = np.array([[0, 1], [2, 0]], dtype=np.float32)
    with pytest.raises(ConfigError, match="3 numbers for 2 findings"):
        Loss.of(LossConfig(positive_weight=(1.0, 2.0, 3.0)), targets)
    with pytest.raises(ConfigError, match=r"leave out loss\.positive_weight"):
        Loss.of(LossConfig(kind="frequency", positive_weight="balanced"), targets)
    with pytest.raises(ConfigError, match="multiclass"):
        Loss.of(LossConfig(kind="asymmetric"), targets)
    with pytest.raises(ConfigError, match="multiclass"):
        Loss.of(LossConfig(kind="asymmetric"), targets[:1])(torch.zeros(1, 6), torch.zeros(1, 2))
    with pytest.raises(ValueError, match="2 or 6 logits"):
        Loss.of(LossConfig(), targets)(torch.zeros(1, 4), torch.zeros(1, 2))


def test_a_plugins_loss_is_weighed_and_reduced_as_hilums_own(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import torch.nn.functional as F\n"
        "def same(logits, targets):\n"
        "    return F.binary_cross_entropy_with_logits(logits, targets, reduction='none')\n"
        "LOSSES = {'same': same, 'mean': lambda logits, targets: same(logits, targets).mean()}\n"
    )
    logits, targets = batch(rows=40)
    with pytest.raises(ConfigError, match=r"loss.kind = 'same' is no loss"):
        loss_of(targets, kind="same")
    with using(tmp_path / "mine.py"):
        for settings in ({}, {"positive_weight": "balanced", "reduction": "per_finding", "smoothing": 0.1}):
            got = loss_of(targets, kind="same", **settings)(logits, targets)
            if not settings.get("smoothing"):
                torch.testing.assert_close(got, loss_of(targets, **settings)(logits, targets))
            assert got.isfinite()
        with pytest.raises(ConfigError, match=r"gave a tensor \[\]; expected the loss of each label"):
            loss_of(targets, kind="mean")(logits, targets)
