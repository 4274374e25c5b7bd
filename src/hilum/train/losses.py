"""What training minimises: one loss per label, then a reduction over the labels that are scored.

Per label, with logit z, target y in [0, 1] and weights `w`:

==========  ============================================================================================
bce         w1 y softplus(-z) + w0 (1 - y) softplus(z)
frequency   the same with w1 = frequency of negatives, w0 = frequency of positives
focal       each softplus times (1 - probability of that class) ** gamma             (Lin et al. 2017)
asymmetric  focal with a gamma for each class and shifted probabilities of negatives (Ridnik et al. 2021)
==========  ============================================================================================

A plugin's loss gives one number a label, too; class weights, unknown labels and the reduction are hilum's.
With three logits a finding (negative, positive, uncertain: U-MultiClass of Irvin et al. 2019) it is the
cross-entropy over these, with the same weights and, for focal, the same factor.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hilum.config import LossConfig
from hilum.errors import ConfigError, did_you_mean
from hilum.plugins import parts

LOSSES = ("bce", "frequency", "focal", "asymmetric")
"""Kinds of losses that hilum has; the last is for two classes alone, and so is a plugin's."""
_FloatArray = npt.NDArray[np.float32]
_NEGATIVE, _POSITIVE, _UNCERTAIN = 0, 1, 2
"""Columns of three logits, and codes of the targets that go with them."""


class Loss(nn.Module):
    """A loss that leaves out unknown labels.

    Attributes:
        class_weights: float32 [k, 3]: what a negative, a positive and an uncertain label of each finding count.
    """

    class_weights: Tensor

    def __init__(self, config: LossConfig, class_weights: Tensor) -> None:
        """`class_weights` is [k, 3], in the order negative, positive, uncertain."""
        super().__init__()
        self.config, self._plugged = config, parts("LOSSES", LOSSES).get(config.kind)
        self.register_buffer("class_weights", class_weights.float(), persistent=False)

    @classmethod
    def of(cls, config: LossConfig, targets_train: _FloatArray) -> Loss:
        """The loss of a run, with weights from its training part.

        Args:
            config: which loss.
            targets_train: float32 [n, k] of the training part; 0 to 1, 2 for uncertain as a class, NaN unknown.

        Raises:
            ConfigError: settings that contradict each other, or as many weights as there are not findings.
        """
        cls.check(config)
        if config.kind not in LOSSES[:3] and bool((targets_train == _UNCERTAIN).any()):
            raise _of_two_classes(config.kind)
        shares = _class_shares(targets_train)
        weights = np.ones_like(shares)
        if config.kind == "frequency":
            if config.positive_weight != "none":
                raise ConfigError(
                    'loss.kind = "frequency" weighs both classes by itself: leave out loss.positive_weight, '
                    'or use loss.kind = "bce".'
                )
            weights = 1.0 - shares
        elif config.positive_weight == "balanced":
            negative, positive = shares[:, _NEGATIVE], shares[:, _POSITIVE]
            both = (negative > 0) & (positive > 0)
            weights[both, _POSITIVE] = negative[both] / positive[both]
        elif config.positive_weight != "none":
            if len(config.positive_weight) != len(shares):
                raise ConfigError(
                    f"loss.positive_weight has {len(config.positive_weight)} numbers for {len(shares)} findings; "
                    "give one for each, in the order of data.findings."
                )
            weights[:, _POSITIVE] = config.positive_weight
        return cls(config, torch.from_numpy(weights))

    @staticmethod
    def check(config: LossConfig) -> None:
        """Fail where there is no loss of this kind.

        Raises:
            ConfigError: see above; the nearest is named.
        """
        known = [*LOSSES, *parts("LOSSES", LOSSES)]
        if config.kind not in known:
            raise ConfigError(f"loss.kind = {config.kind!r} is no loss; {did_you_mean(config.kind, known)}")

    def forward(self, logits: Tensor, targets: Tensor, counts: Tensor | None = None) -> Tensor:
        """The loss of a batch.

        Args:
            logits: [b, k], or [b, 3k] with a class for uncertain labels; any floating type.
            targets: [b, k] of 0 to 1, 2 for uncertain where there are three classes, NaN for unknown.
            counts: int64 [k], known labels of each finding in the larger batch that this is a share of: the losses
                of all shares then sum to that of the whole. Its own by default.

        Returns:
            Scalar, float32. Where no label is known it is 0, and so is its gradient.
        """
        known = ~targets.isnan()
        losses = torch.where(known, self._each(logits, targets, known), 0.0)
        counts = known.sum(dim=0) if counts is None else counts
        if self.config.reduction == "sum":
            return losses.sum()
        if self.config.reduction == "mean":
            return losses.sum() / counts.sum().clamp(min=1)
        return (losses.sum(dim=0) / counts.clamp(min=1)).sum()

    def per_label(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of each label, float32 [b, k], NaN where the label is unknown; see `forward`.

        Summed and counted over all batches it gives the loss of a whole part exactly.
        """
        known = ~targets.isnan()
        return torch.where(known, self._each(logits, targets, known), torch.nan)

    def _each(self, logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
        """[b, k]; 0 stands in for unknown targets and their logits, so that no NaN gets into a gradient."""
        findings = targets.shape[1]
        targets = torch.where(known, targets, 0.0).float()
        if logits.shape == targets.shape:
            return self._binary(torch.where(known, logits.float(), 0.0), targets)
        if logits.shape[1] != 3 * findings:
            raise ValueError(
                f"{findings} findings have {findings} or {3 * findings} logits, not {logits.shape[1]}"
            )
        threes = logits.float().reshape(-1, findings, 3)
        return self._three_classes(torch.where(known.unsqueeze(2), threes, 0.0), targets)

    def _binary(self, logits: Tensor, targets: Tensor) -> Tensor:
        config = self.config
        targets = targets + config.smoothing * (0.5 - targets)
        weights = self.class_weights
        if self._plugged is not None:
            losses = _per_label(self._plugged(logits, targets), targets, config.kind)
            return (weights[:, _POSITIVE] * targets + weights[:, _NEGATIVE] * (1.0 - targets)) * losses
        positive, negative = F.softplus(-logits), F.softplus(logits)
        # softplus(-z) is -log p and softplus(z) is -log(1 - p): powers of p are taken as exp of these, whose
        # gradient stays finite where p rounds to 0 or 1.
        if config.kind == "focal":
            positive, negative = (
                positive * torch.exp(-config.gamma * negative),
                negative * torch.exp(-config.gamma * positive),
            )
        elif config.kind == "asymmetric":
            positive, negative = (
                positive * torch.exp(-config.gamma_positive * negative),
                self._shifted(logits),
            )
        return weights[:, _POSITIVE] * targets * positive + weights[:, _NEGATIVE] * (1.0 - targets) * negative

    def _shifted(self, logits: Tensor) -> Tensor:
        """Ridnik et al. 2021, equations 5 and 6: negatives with probabilities reduced by `clip`, not below 0."""
        gamma, clip = self.config.gamma_negative, self.config.clip
        if not clip:
            return F.softplus(logits) * torch.exp(-gamma * F.softplus(-logits))
        kept = (torch.sigmoid(-logits) + clip).clamp(max=1.0)
        # The smallest base keeps the gradient of a power below 1 finite at 0.
        return -torch.log(kept) * (1.0 - kept).clamp(min=1e-8) ** gamma

    def _three_classes(self, logits: Tensor, targets: Tensor) -> Tensor:
        config = self.config
        if self._plugged is not None or config.kind == "asymmetric":
            raise _of_two_classes(config.kind)
        log_p = F.log_softmax(logits, dim=2)
        positive = targets.clamp(max=1.0) * (targets != _UNCERTAIN)
        uncertain = (targets == _UNCERTAIN).float()
        shares = torch.stack([1.0 - positive - uncertain, positive, uncertain], dim=2)
        shares = shares + config.smoothing * (1.0 / 3.0 - shares)
        losses = -log_p
        if config.kind == "focal":
            losses = losses * (1.0 - log_p.exp()).clamp(min=1e-8) ** config.gamma
        return (self.class_weights * shares * losses).sum(dim=2)


def _positive_frequencies(targets: _FloatArray) -> npt.NDArray[np.float64]:
    """Share of positives among the known labels of each finding: [n, k] -> float64 [k], NaN where none is known.

    Labels of 2 (uncertain as a class) are known and not positive; a soft label counts as its value.
    """
    known = ~np.isnan(targets)
    positive = np.where(known & (targets != _UNCERTAIN), targets, 0.0).sum(axis=0, dtype=np.float64)
    counts = known.sum(axis=0)
    frequencies: npt.NDArray[np.float64] = np.full(counts.shape, np.nan)
    np.divide(positive, counts, out=frequencies, where=counts > 0)
    return frequencies


def _class_shares(targets: _FloatArray) -> npt.NDArray[np.float64]:
    """Share of negatives, positives and uncertain labels of each finding, [k, 3]; halves where none is known."""
    counts = (~np.isnan(targets)).sum(axis=0)
    uncertain = np.divide(
        (targets == _UNCERTAIN).sum(axis=0), counts, out=np.zeros(counts.shape), where=counts > 0
    )
    positive = np.where(counts > 0, _positive_frequencies(targets), 0.5)
    return np.stack([1.0 - positive - uncertain, positive, uncertain], axis=1)


def _per_label(losses: object, targets: Tensor, kind: str) -> Tensor:
    """What a plugin's loss gave, where it is one number a label."""
    if not isinstance(losses, Tensor) or losses.shape != targets.shape:
        came = (
            f"a tensor {list(losses.shape)}" if isinstance(losses, Tensor) else f"a {type(losses).__name__}"
        )
        raise ConfigError(
            f"the plugin's loss {kind} gave {came}; expected the loss of each label, a tensor "
            f"{list(targets.shape)}. Leave out the mean: loss.reduction says what becomes of them."
        )
    return losses


def _of_two_classes(kind: str) -> ConfigError:
    return ConfigError(
        f'loss.kind = "{kind}" is for two classes and does not go with labels.uncertain = "multiclass"; '
        'use loss.kind = "bce" or "focal", or another policy for uncertain labels.'
    )
