"""How weights move: optimizer, learning rate as a function of the step, running mean of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from hilum.config import OptimizerConfig, ScheduleConfig
from hilum.errors import WeightsError

_ONE_CYCLE_START = 25.0
_ONE_CYCLE_END = 1e4
"""One-cycle starts at peak / 25 and ends at a 10,000th of its start (Smith and Topin 2018; torch's defaults)."""
_SECOND_BETA = 0.999
_UPDATES = "_updates"
_MULTIPLE = "multiple"


def make_optimizer(
    config: OptimizerConfig, model: nn.Module, multiples: Mapping[str, float] | None = None
) -> torch.optim.Optimizer:
    """The optimizer of a model's parameters that learn, on the device where they are now.

    Biases and the scales and shifts of normalisation, which have fewer than two axes, do not decay.

    Args:
        config: its settings.
        model: whose parameters.
        multiples: by name, a parameter's learning rate as a multiple of `config.lr`; 1 where it is not named.
            Those that are named begin to learn at one time, those that are not at one time, too.
    """
    groups = _groups(config, model, multiples or {})
    learned = [parameter for group in groups for parameter in group["params"]]
    # Four times as fast as a loop over tensors on 2 cores, ResNet34: 17 against 64 ms a step.
    fused = all(p.device.type in {"cpu", "cuda"} and p.is_floating_point() for p in learned)
    betas = (config.momentum, _SECOND_BETA)
    optimizer: torch.optim.Optimizer
    if config.kind == "adam":
        optimizer = torch.optim.Adam(groups, config.lr, betas, fused=fused)
    elif config.kind == "adamw":
        optimizer = torch.optim.AdamW(groups, config.lr, betas, fused=fused)
    else:
        nesterov = config.momentum > 0
        optimizer = torch.optim.SGD(groups, config.lr, config.momentum, nesterov=nesterov, fused=fused)
    optimizer.register_load_state_dict_post_hook(_lay_out_as_parameters)
    return optimizer


def _groups(
    config: OptimizerConfig, model: nn.Module, multiples: Mapping[str, float]
) -> list[dict[str, Any]]:
    # The fused SGD of torch 2.15 fails on a group of which some have moved before and some have not.
    by_rate: dict[tuple[bool, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            by_rate.setdefault((name in multiples, multiples.get(name, 1.0)), []).append(parameter)
    groups = [
        {
            "params": [p for p in those if (p.ndim >= 2) == decays],
            "weight_decay": config.weight_decay if decays else 0.0,
            "lr": config.lr * multiple,
            _MULTIPLE: multiple,
        }
        for (_, multiple), those in by_rate.items()
        for decays in (True, False)
    ]
    return [group for group in groups if group["params"]]


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate; of a group of parameters with a multiple of its own, that multiple of it."""
    for group in optimizer.param_groups:
        # Checkpoints of earlier versions have no multiples.
        group["lr"] = rate * group.get(_MULTIPLE, 1.0)


def _lay_out_as_parameters(optimizer: torch.optim.Optimizer) -> None:
    """Give loaded moments the memory layout of their parameters.

    The fused kernels walk through memory without looking at strides: moments read back from a file as [o, i, h, w]
    would be paired with the wrong weights of a channels-last model, silently.
    """
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[key] = torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)


def learning_rate(
    config: ScheduleConfig, peak: float, step: int, steps_per_epoch: int, epochs: int, drops: int = 0
) -> float:
    """The learning rate of one step; a pure function, so that a resumed run needs no state for it.

    Args:
        config: which schedule.
        peak: the largest rate.
        step: which step of the run, from 0.
        steps_per_epoch: steps in an epoch.
        epochs: epochs of the run.
        drops: how often the validation score got stuck (`Plateau.drops`).
    """
    if config.kind == "step":
        return float(peak * config.factor ** (step // steps_per_epoch // config.every))
    if config.kind == "plateau":
        return float(peak * config.factor**drops)
    total = steps_per_epoch * epochs
    if config.kind == "cosine":
        return _cosine(peak, config.warmup, step, total)
    if config.kind == "one_cycle":
        return _one_cycle(peak, config.warmup, step, total)
    return peak


def _cosine(peak: float, warmup: float, step: int, total: int) -> float:
    """A line to the peak over `warmup` of all steps, then half a cosine, 0 one step after the last."""
    rising = min(round(warmup * total), total - 1)
    if step < rising:
        return peak * (step + 1) / (rising + 1)
    return _between(peak, 0.0, (step - rising) / (total - rising))


def _one_cycle(peak: float, warmup: float, step: int, total: int) -> float:
    """Half a cosine up over `warmup` of all steps, half a cosine down to almost nothing at the last one."""
    start = peak / _ONE_CYCLE_START
    top = min(max(warmup * total - 1.0, 0.0), total - 1.0)
    if step <= top and top > 0:
        return _between(start, peak, step / top)
    return _between(peak, start / _ONE_CYCLE_END, (step - top) / max(total - 1.0 - top, 1.0))


def _between(first: float, last: float, share: float) -> float:
    """Half a cosine from `first` (share 0) to `last` (share 1 and above)."""
    return last + (first - last) * 0.5 * (1.0 + math.cos(math.pi * min(share, 1.0)))


class Ema:
    """The running mean of a model's weights (Polyak and Juditsky 1992, with exponential forgetting).

    Parameters are averaged; buffers, such as the statistics of batch norm, are running means already and are
    copied. The decay of update t is `min(decay, (1 + t) / (10 + t))`: a short run, too, forgets its random start.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Start from the weights that `model` has now; `decay` is what the mean keeps of itself per update."""
        self.decay = decay
        self.updates = 0
        self._means = {key: value.detach().clone() for key, value in _tensors(model).items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the weights after a step."""
        self.updates += 1
        keep = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for key, value in _tensors(model).items():
            mean = self._means[key]
            if isinstance(value, nn.Parameter) and value.is_floating_point():
                mean.lerp_(value, 1.0 - keep)
            else:
                mean.copy_(value)

    @contextmanager
    def swap(self, model: nn.Module) -> Iterator[None]:
        """Within the block the model has the mean weights; afterwards its own again, bit by bit."""
        self._exchange(model)
        try:
            yield
        finally:
            self._exchange(model)

    @torch.no_grad()
    def _exchange(self, model: nn.Module) -> None:
        for key, value in _tensors(model).items():
            own = value.clone()
            value.copy_(self._means[key])
            self._means[key].copy_(own)

    def state_dict(self) -> dict[str, Tensor]:
        """The means by name, and how many updates they have seen: plain tensors, for safetensors."""
        return {**self._means, _UPDATES: torch.tensor(self.updates)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state_dict` gave.

        Raises:
            WeightsError: the names are not those of this model.
        """
        expected = {*self._means, _UPDATES}
        if set(state) != expected:
            odd = sorted(expected.symmetric_difference(state))
            raise WeightsError(
                f"the averaged weights are of another model: {len(odd)} names differ, e.g. {odd[0]}."
            )
        self.updates = int(state[_UPDATES])
        for key, mean in self._means.items():
            mean.copy_(state[key])


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}
