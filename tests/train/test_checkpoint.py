"""A checkpoint holds a whole state, without pickle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from hilum.errors import RunError
from hilum.train.checkpoint import load_state, save_state


def _step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    torch.manual_seed(3)
    model(torch.randn(8, 5)).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.AdamW(p, lr=0.1),
        lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.1),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        lambda p: torch.optim.SGD(p, lr=0.1),
    ],
    ids=["adamw", "adam", "sgd-momentum", "sgd"],
)
def test_going_on_from_a_checkpoint_is_going_on(tmp_path: Path, make) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    first = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    optimizer = make(first.parameters())
    _step(first, optimizer)
    extra = {"rows": torch.arange(3), "outputs": torch.randn(3, 2)}
    save_state(tmp_path / "s.safetensors", first, optimizer, {"a": torch.ones(2)}, extra, {"epoch": 4})

    second = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    other = make(second.parameters())
    average, found, progress = load_state(tmp_path / "s.safetensors", second, other)
    assert progress == {"epoch": 4}
    assert torch.equal(average["a"], torch.ones(2))
    assert torch.equal(found["rows"], extra["rows"])
    assert torch.equal(found["outputs"], extra["outputs"])
    for _ in range(3):
        _step(first, optimizer)
        _step(second, other)
    for one, two in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(one, two)


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    path = tmp_path / "s.safetensors"
    with pytest.raises(RunError, match="not a checkpoint"):
        load_state(path, model, optimizer)
    path.write_bytes(b"x" * 100)
    with pytest.raises(RunError, match="not a checkpoint"):
        load_state(path, model, optimizer)


def test_a_checkpoint_of_another_run_is_told(tmp_path: Path) -> None:
    path = tmp_path / "s.safetensors"
    model = nn.Linear(2, 1)
    save_state(path, model, torch.optim.Adam(model.parameters()), {}, {}, {"epoch": 1})
    wider, groups = nn.Linear(3, 1), [{"params": [one]} for one in model.parameters()]
    others = [
        (nn.BatchNorm1d(1), torch.optim.Adam(model.parameters())),
        (wider, torch.optim.Adam(wider.parameters())),
        (model, torch.optim.Adam(groups)),
    ]
    for other, optimizer in others:
        with pytest.raises(RunError, match="not a checkpoint of this run"):
            load_state(path, other, optimizer)
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for said in (
        {},
        {"optimizer": 3},
        {"optimizer": {"groups": [], "numbers": {"x": {}}}},
        [],
        {"optimizer": None},
    ):
        save_file(tensors, path, {"hilum": json.dumps(said)})
        with pytest.raises(RunError, match="not a checkpoint of this run"):
            load_state(path, model, torch.optim.Adam(model.parameters()))
