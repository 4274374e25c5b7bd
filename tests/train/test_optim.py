"""Optimizers, schedules and averaged weights against torch's own."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import asdict
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.optim import lr_scheduler

from hilum.config import OptimizerConfig, ScheduleConfig
from hilum.errors import WeightsError
from hilum.train.optim import Ema, learning_rate, make_optimizer
from hilum.train.progress import _Plateau


def small_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 9, 2))


def learn(net: nn.Module, optimizer: torch.optim.Optimizer, steps: int, seed: int = 0) -> None:
    made = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        optimizer.zero_grad()
        net(torch.randn(5, 2, 5, 5, generator=made)).square().mean().backward()
        optimizer.step()


def plain_optimizer(kind: str, groups: list[dict[str, Any]], lr: float) -> torch.optim.Optimizer:
    if kind == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=0.8, nesterov=True)
    return (torch.optim.Adam if kind == "adam" else torch.optim.AdamW)(groups, lr=lr, betas=(0.8, 0.999))


@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_steps_are_those_of_torch(kind: str) -> None:
    # In training mode the gradient of a bias before batch norm is rounding noise, which Adam scales up.
    net = small_net().eval()
    twin = copy.deepcopy(net)
    config = OptimizerConfig.model_validate({"kind": kind, "lr": 0.01, "weight_decay": 0.1, "momentum": 0.8})
    learn(net, make_optimizer(config, net), 5)
    groups = [
        {"params": [p for p in twin.parameters() if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in twin.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    learn(twin, plain_optimizer(kind, groups, 0.01), 5)
    for (name, got), expected in zip(net.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(got, expected, msg=lambda text, name=name: f"{name}: {text}")


def test_biases_and_norms_do_not_decay() -> None:
    net = small_net()
    before = copy.deepcopy(net.state_dict())
    optimizer = make_optimizer(OptimizerConfig(kind="sgd", lr=0.1, weight_decay=0.5, momentum=0), net)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in net.named_parameters():
        factor = 0.95 if parameter.ndim >= 2 else 1.0
        torch.testing.assert_close(parameter.detach(), factor * before[name])


def test_frozen_parameters_are_left_out() -> None:
    net = nn.Linear(3, 2, bias=False)
    (group,) = make_optimizer(OptimizerConfig(), net).param_groups
    assert len(group["params"]) == 1
    net = small_net()
    net[0].requires_grad_(False)
    assert sum(len(g["params"]) for g in make_optimizer(OptimizerConfig(), net).param_groups) == 4


@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_resumed_channels_last_training_is_bit_identical(kind: str) -> None:
    """Moments read back from a file have lost the channels-last layout that fused kernels rely on."""
    config = OptimizerConfig.model_validate({"kind": kind, "lr": 0.05})

    def fresh() -> tuple[nn.Module, torch.optim.Optimizer]:
        net = small_net().to(memory_format=torch.channels_last)
        return net, make_optimizer(config, net)

    whole, optimizer = fresh()
    learn(whole, optimizer, 3, seed=1)
    learn(whole, optimizer, 3, seed=2)

    first, optimizer = fresh()
    learn(first, optimizer, 3, seed=1)
    saved = copy.deepcopy(optimizer.state_dict())
    for state in saved["state"].values():
        for key, value in state.items():
            if isinstance(value, Tensor):
                state[key] = value.contiguous()
    again, optimizer = fresh()
    again.load_state_dict(first.state_dict())
    optimizer.load_state_dict(saved)
    learn(again, optimizer, 3, seed=2)
    for got, expected in zip(again.parameters(), whole.parameters(), strict=True):
        assert torch.equal(got, expected)


def by_torch(make: Any, steps: int, peak: float = 0.5) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def ours(steps_per_epoch: int, epochs: int, peak: float = 0.5, **settings: object) -> list[float]:
    config = ScheduleConfig.model_validate(settings)
    total = steps_per_epoch * epochs
    return [learning_rate(config, peak, step, steps_per_epoch, epochs) for step in range(total)]


def test_constant() -> None:
    assert ours(4, 3, kind="constant") == [0.5] * 12


def test_step_is_that_of_torch() -> None:
    got = ours(4, 6, kind="step", every=2, factor=0.3)
    expected = by_torch(lambda o: lr_scheduler.StepLR(o, step_size=8, gamma=0.3), 24)
    assert got == pytest.approx(expected)


@pytest.mark.parametrize(("per_epoch", "epochs", "warmup"), [(10, 10, 0.05), (37, 3, 0.3), (25, 8, 0.5)])
def test_one_cycle_is_that_of_torch(per_epoch: int, epochs: int, warmup: float) -> None:
    total = per_epoch * epochs
    # torch raises where it is stepped past its last rate, so that one is compared with its definition.
    expected = by_torch(
        lambda o: lr_scheduler.OneCycleLR(o, 0.5, total_steps=total, pct_start=warmup), total - 1
    )
    got = ours(per_epoch, epochs, kind="one_cycle", warmup=warmup)
    assert got == pytest.approx([*expected, 0.5 / 25 / 1e4])


@pytest.mark.parametrize(("per_epoch", "epochs", "warmup"), [(10, 10, 0.05), (37, 3, 0.3), (9, 2, 0.0)])
def test_cosine_is_that_of_torch(per_epoch: int, epochs: int, warmup: float) -> None:
    total = per_epoch * epochs
    rising = round(warmup * total)

    def schedule(optimizer: torch.optim.Optimizer) -> Any:
        falling = lr_scheduler.CosineAnnealingLR(optimizer, T_max=total - rising)
        if not rising:
            return falling
        up = lr_scheduler.LinearLR(optimizer, start_factor=1 / (rising + 1), total_iters=rising)
        return lr_scheduler.SequentialLR(optimizer, [up, falling], milestones=[rising])

    assert ours(per_epoch, epochs, kind="cosine", warmup=warmup) == pytest.approx(by_torch(schedule, total))


@given(
    kind=st.sampled_from(["constant", "step", "cosine", "one_cycle", "plateau"]),
    warmup=st.floats(0, 1),
    per_epoch=st.integers(1, 40),
    epochs=st.integers(1, 5),
)
def test_rates_are_positive_and_never_above_the_peak(
    kind: str, warmup: float, per_epoch: int, epochs: int
) -> None:
    rates = ours(per_epoch, epochs, kind=kind, warmup=warmup)
    assert all(0 < rate <= 0.5 * (1 + 1e-12) for rate in rates)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(0, 4))
def test_plateau_is_that_of_torch(scores: list[float], patience: int) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimizer, mode="max", factor=0.5, patience=patience, threshold=0.0, eps=0.0
    )
    config = ScheduleConfig(kind="plateau", factor=0.5)
    plateau = _Plateau()
    for score in scores:
        scheduler.step(score)
        plateau = plateau.update(score, patience)
        got = learning_rate(config, 1.0, 0, 1, 100, plateau.drops)
        assert got == optimizer.param_groups[0]["lr"]


def test_plateau_waits_through_nan_and_goes_through_json() -> None:
    plateau = _Plateau().update(0.5, 1).update(math.nan, 1)
    assert plateau == _Plateau(best=0.5, waited=1, drops=0)
    assert plateau.update(math.nan, 1) == _Plateau(best=0.5, waited=0, drops=1)
    assert _Plateau(**json.loads(json.dumps(asdict(plateau)))) == plateau
    assert _Plateau().update(math.nan, 0).best is None


def test_ema_is_that_of_torch_after_its_warm_up() -> None:
    net = small_net()
    mean = Ema(net, decay=0.5)

    def average(mean_value: Tensor, value: Tensor, count: Tensor | int) -> Tensor:
        keep = min(0.5, (1 + int(count)) / (10 + int(count)))
        return keep * mean_value + (1 - keep) * value

    oracle = torch.optim.swa_utils.AveragedModel(net, avg_fn=average)
    oracle.n_averaged += 1  # torch copies at the first update; this one averages with the start
    optimizer = make_optimizer(OptimizerConfig(lr=0.05), net)
    for step in range(30):
        learn(net, optimizer, 1, seed=step)
        mean.update(net)
        oracle.update_parameters(net)
    state = mean.state_dict()
    for name, expected in oracle.module.named_parameters():
        torch.testing.assert_close(state[name], expected.detach())
    assert torch.equal(state["1.running_mean"], net[1].running_mean)
    assert int(state["1.num_batches_tracked"]) == 30


def test_swap_gives_the_mean_and_restores_every_bit() -> None:
    net = small_net().to(memory_format=torch.channels_last)
    mean = Ema(net, decay=0.9)
    learn(net, make_optimizer(OptimizerConfig(lr=0.05), net), 3)
    mean.update(net)
    own, averaged = copy.deepcopy(net.state_dict()), copy.deepcopy(mean.state_dict())
    with mean.swap(net):
        inside = copy.deepcopy(net.state_dict())
    assert all(torch.equal(inside[key], averaged[key]) for key in inside)
    assert not torch.equal(inside["0.weight"], own["0.weight"])
    with pytest.raises(ValueError), mean.swap(net):
        raise ValueError
    assert all(torch.equal(value, own[key]) for key, value in net.state_dict().items())
    after = mean.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in averaged.items())


def test_ema_goes_on_from_a_file() -> None:
    net = small_net()
    optimizer = make_optimizer(OptimizerConfig(lr=0.05), net)
    mean = Ema(net, decay=0.99)
    learn(net, optimizer, 2)
    mean.update(net)
    resumed = Ema(small_net(), decay=0.99)
    resumed.load_state_dict(load(save(mean.state_dict())))
    learn(net, optimizer, 1)
    mean.update(net)
    resumed.update(net)
    expected = mean.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in resumed.state_dict().items())
    with pytest.raises(WeightsError, match="2 names differ"):
        resumed.load_state_dict({**{k: v for k, v in expected.items() if k != "0.bias"}, "x": torch.ones(1)})
