"""A part of a pack as PyTorch's data set."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from pictures import study
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

from hilum.config import LabelsConfig, PrepareConfig, SplitConfig
from hilum.errors import DataError
from hilum.pixels.build import build_pack
from hilum.pixels.pack import Pack
from hilum.table import make_split

HOW = SplitConfig(by="image", valid=0.25, test=0.25, seed=3)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    folder = tmp_path_factory.mktemp("packed")
    return build_pack(study(folder / "films", 40), folder / "pack", PrepareConfig(size=16))


def test_images_are_normalised_by_the_training_part_and_targets_are_the_tables(pack: Pack) -> None:
    split = make_split(pack.table, HOW, HOW.seed)
    found = {part: pack.dataset(split, part) for part in split.parts}
    assert isinstance(found["valid"], Dataset)
    assert {part: len(own) for part, own in found.items()} == {
        p: len(rows) for p, rows in split.parts.items()
    }
    training = torch.stack(
        [image for image, _ in (found["train"][row] for row in range(len(found["train"])))]
    )
    assert training.shape[1:] == (1, 16, 16)
    assert training.dtype == torch.float32
    assert training.mean().item() == pytest.approx(0, abs=1e-4)
    assert training.std(correction=0).item() == pytest.approx(1, abs=1e-3)
    rows = split.parts["valid"]
    assert found["valid"].image_ids.tolist() == pack.table.image_ids[rows].tolist()
    targets = np.stack([found["valid"][row][1].numpy() for row in range(len(rows))])
    np.testing.assert_array_equal(targets, pack.table.take(rows).targets(LabelsConfig()))


def test_raw_images_are_those_of_the_pack(pack: Pack) -> None:
    found = pack.dataset(HOW, "test", raw=True)
    image, _ = found[0]
    row = pack.table.image_ids.tolist().index(found.image_ids[0])
    assert image.dtype == torch.uint8
    np.testing.assert_array_equal(image[0].numpy(), pack.images(pack.slots[[row]])[0])
    shifted, _ = pack.dataset(HOW, "test", normalisation=(0.5, 0.25))[0]
    np.testing.assert_allclose(shifted.numpy(), (image.numpy() / 255 - 0.5) / 0.25, atol=1e-5)


@pytest.mark.parametrize("workers", [0, 2])
def test_loaders_with_workers_and_samplers_take_it(pack: Pack, workers: int) -> None:
    found = pack.dataset(HOW, "train")
    sampler = WeightedRandomSampler([1.0] * len(found), 12, generator=torch.Generator().manual_seed(0))
    batches = list(DataLoader(found, batch_size=4, sampler=sampler, num_workers=workers))
    assert [image.shape for image, _ in batches] == [(4, 1, 16, 16)] * 3
    assert all(targets.shape == (4, len(pack.table.findings)) for _, targets in batches)


@pytest.mark.parametrize("start", ["spawn", "fork"])
def test_workers_see_what_the_process_sees_however_they_start(pack: Pack, start: str) -> None:
    found = pack.dataset(HOW, "test", raw=True)
    loader = DataLoader(found, batch_size=4, num_workers=2, multiprocessing_context=start)
    seen = torch.cat([images for images, _ in loader])
    torch.testing.assert_close(seen, torch.stack([found[row][0] for row in range(len(found))]))


@pytest.mark.parametrize("raw", [True, False])
def test_an_item_is_the_readers_own_and_there_is_none_beyond_the_end(pack: Pack, raw: bool) -> None:
    found = pack.dataset(HOW, "train", raw=raw)
    image, targets = found[1]
    before = image.clone(), targets.clone()
    image.zero_()
    targets.fill_(7)
    torch.testing.assert_close(found[1], before, equal_nan=True)
    torch.testing.assert_close(found[-1], found[len(found) - 1], equal_nan=True)
    assert len(list(found)) == len(found)
    for beyond in (len(found), -len(found) - 1):
        with pytest.raises(IndexError):
            found[beyond]


def test_it_is_sent_to_a_worker_without_its_pixels(pack: Pack) -> None:
    found = pack.dataset(HOW, "train")
    sent = pickle.dumps(found)
    assert len(sent) < pack.pixels.nbytes
    again = pickle.loads(sent)
    torch.testing.assert_close(again[1][0], found[1][0])


def test_a_part_that_is_not_there_is_refused(pack: Pack) -> None:
    with pytest.raises(
        DataError, match="the split has no validation images; its parts are train, valid, test"
    ):
        pack.dataset(HOW, "validation")


def test_a_pack_opens_by_its_path(pack: Pack) -> None:
    assert Pack(str(pack.path)).fingerprint == pack.fingerprint
    assert Pack(pack.path, fingerprint=pack.fingerprint).table.fingerprint() == pack.table.fingerprint()
