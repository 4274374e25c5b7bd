"""Whole modules that torch saved are read, and nothing that they say is done."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
import torchxrayvision
from torch import nn

from hilum.errors import WeightsError
from hilum.models import read_weights
from hilum.models.pickled import read_module

FORMATS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])


MODULES: dict[str, Callable[[], nn.Module]] = {
    "torchxrayvision": lambda: torchxrayvision.models.DenseNet(block_config=(1, 2, 1, 1)),
    "torchvision": lambda: torchvision.models.resnet18(num_classes=3),
    "parallel": lambda: nn.DataParallel(torchvision.models.squeezenet1_1(num_classes=2)),
    "half": lambda: torchvision.models.squeezenet1_1(num_classes=2).half(),
    "tiny": lambda: nn.Sequential(nn.Linear(2, 3, bias=False), nn.BatchNorm1d(3, affine=False)),
}


@FORMATS
@pytest.mark.parametrize("name", MODULES)
def test_tensors_are_those_of_the_state_dict(name: str, zipped: bool, tmp_path: Path) -> None:
    module, path = MODULES[name](), tmp_path / "m.pt"
    torch.save(module, path, _use_new_zipfile_serialization=zipped)
    found, expected = read_module(path), module.state_dict()
    assert list(found) == list(expected)
    for key, value in expected.items():
        assert found[key].dtype == value.dtype
        assert torch.equal(found[key], value)


@FORMATS
def test_views_of_one_storage_come_back_apart(zipped: bool, tmp_path: Path) -> None:
    module, whole = nn.Module(), torch.arange(12.0).reshape(3, 4)
    module.register_buffer("turned", whole.T)
    module.register_buffer("part", whole[1:, 2])
    torch.save(module, tmp_path / "m.pt", _use_new_zipfile_serialization=zipped)
    found = read_module(tmp_path / "m.pt")
    assert torch.equal(found["turned"], whole.T)
    assert torch.equal(found["part"], whole[1:, 2])


class Trap(nn.Module):
    """A module whose pickle makes a folder."""

    def __init__(self, folder: Path) -> None:
        """`folder` is what would be made."""
        super().__init__()
        self.line, self.folder = nn.Linear(2, 2), folder

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.folder),), self.__dict__)


@FORMATS
def test_calls_in_a_file_are_not_made(zipped: bool, tmp_path: Path) -> None:
    trap = Trap(tmp_path / "made")
    torch.save(nn.Sequential(trap, nn.Linear(2, 2)), tmp_path / "m.pt", _use_new_zipfile_serialization=zipped)
    found = read_weights(tmp_path / "m.pt")
    assert set(found) == {"0.line.weight", "0.line.bias", "1.weight", "1.bias"}
    assert not (tmp_path / "made").exists()
    with pytest.raises(AttributeError):
        torch.load(tmp_path / "m.pt", weights_only=False)
    assert (tmp_path / "made").exists()


@FORMATS
@pytest.mark.parametrize("what", ["optimiser", "module in a list", "no tensors", "object for a parameter"])
def test_what_is_no_module_is_refused(what: str, zipped: bool, tmp_path: Path) -> None:
    line = nn.Linear(2, 2)
    odd = nn.Linear(2, 2)
    odd._parameters["weight"] = Path("x")  # type: ignore[assignment]
    contents = {
        "optimiser": torch.optim.SGD(line.parameters(), lr=0.1),
        "module in a list": [line],
        "no tensors": nn.ReLU(),
        "object for a parameter": odd,
    }
    torch.save(contents[what], tmp_path / "m.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match="Python objects, which hilum does not run"):
        read_weights(tmp_path / "m.pt")


@FORMATS
def test_damaged_files_are_refused_in_one_way(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    torch.save(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError):
            read_weights(path)
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        at = int(torch.randint(len(whole), (1,), generator=generator))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        try:
            read_weights(path)
        except WeightsError:
            continue
