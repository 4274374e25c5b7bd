"""Batches: the right pixels and targets, the same bits however an epoch is cut, and no thread left behind."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from hilum.batches import Feed
from hilum.batches.feed import _AHEAD as AHEAD
from hilum.config import AugmentConfig, SamplingConfig
from hilum.errors import DataError, PackError

COUNT, SIZE = 37, 24
MEAN, SD = 0.4, 0.2
AUGMENT = AugmentConfig(share=0.5, flip=0.3, erase=0.3)

MakeFeed = Callable[..., Feed]


@pytest.fixture
def pixels(tmp_path: Path) -> np.memmap:
    """A pack's file of images, some of them in no part, after a header."""
    path = tmp_path / "pixels.bin"
    images = np.random.default_rng(0).integers(0, 256, (50, SIZE, SIZE)).astype(np.uint8)
    path.write_bytes(b"head" + images.tobytes())
    return np.memmap(path, np.uint8, "r", offset=4, shape=images.shape)


@pytest.fixture
def feed(pixels: np.memmap) -> MakeFeed:
    slots = np.random.default_rng(1).permutation(50)[:COUNT]
    targets = np.random.default_rng(2).choice([0, 1, np.nan], (COUNT, 3)).astype(np.float32)

    def make(training: bool = True, **changes: object) -> Feed:
        settings = {
            "mean": MEAN,
            "sd": SD,
            "device": "cpu",
            "batch": 8,
            "seed": 5,
            "findings": ("a", "b", "c"),
        }
        if training:
            settings |= {"augment": AUGMENT, "shuffle": True}
        return Feed(pixels, slots, targets, **(settings | changes))

    return make


def feeding_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("hilum-feed")]


def equal(a: list, b: list) -> bool:
    return len(a) == len(b) and all(
        torch.equal(x.images, y.images)
        and torch.equal(x.targets.nan_to_num(-1), y.targets.nan_to_num(-1))
        and x.rows.tolist() == y.rows.tolist()
        for x, y in zip(a, b, strict=True)
    )


def test_evaluation_gives_every_image_in_order(feed: MakeFeed) -> None:
    evaluation = feed(training=False)
    batches = list(evaluation.epoch(0))
    assert [len(batch.rows) for batch in batches] == [8, 8, 8, 8, 5]
    assert evaluation.steps(0) == 5
    assert evaluation.images(0) == len(evaluation) == COUNT
    assert np.concatenate([batch.rows for batch in batches]).tolist() == list(range(COUNT))
    images = torch.cat([batch.images for batch in batches])
    expected = (torch.from_numpy(evaluation.pixels[evaluation.slots]).float() / 255 - MEAN) / SD
    assert images.dtype == torch.float32
    assert images.shape == (COUNT, 1, SIZE, SIZE)
    assert torch.equal(images[:, 0], expected)
    targets = torch.cat([batch.targets for batch in batches])
    assert targets.dtype == torch.float32
    assert np.array_equal(targets.numpy(), evaluation.targets, equal_nan=True)


def test_training_is_evaluation_shuffled_then_changed_as_drawn(feed: MakeFeed) -> None:
    training, draws, plan = feed(), feed().draws(2), feed().plan(2)
    assert draws is not None
    seen = []
    for step, batch in enumerate(training.epoch(2)):
        positions = plan.positions(step)
        assert batch.rows.tolist() == plan.rows[positions].tolist()
        plain = torch.from_numpy(training.pixels[training.slots[batch.rows]]).float()[:, None] / 255
        expected = (draws.take(positions).apply(plain, MEAN) - MEAN) / SD
        assert torch.equal(batch.images, expected)
        assert np.array_equal(batch.targets.numpy(), training.targets[batch.rows], equal_nan=True)
        seen.extend(batch.rows.tolist())
    assert sorted(seen) == list(range(COUNT))


def test_the_same_seed_and_epoch_give_the_same_bits(feed: MakeFeed) -> None:
    assert equal(list(feed().epoch(1)), list(feed().epoch(1)))
    assert not equal(list(feed().epoch(1)), list(feed().epoch(2)))
    assert not equal(list(feed().epoch(1)), list(feed(seed=6).epoch(1)))


@pytest.mark.parametrize("step", range(6))
def test_a_resumed_epoch_goes_on_with_the_same_bits(feed: MakeFeed, step: int) -> None:
    whole = list(feed().epoch(1))
    assert equal(list(feed().epoch(1, first_step=step)), whole[step:])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_processes_together_see_the_bits_of_one(feed: MakeFeed, world: int, training: bool) -> None:
    whole = list(feed(training).epoch(3))
    parts = [list(feed(training, rank=rank, world=world).epoch(3)) for rank in range(world)]
    for step, batch in enumerate(whole):
        assert torch.equal(torch.cat([part[step].images for part in parts]), batch.images)
        assert np.concatenate([part[step].rows for part in parts]).tolist() == batch.rows.tolist()


def test_sampling_decides_what_an_epoch_shows(feed: MakeFeed) -> None:
    resampled = feed(sampling=SamplingConfig(kind="oversample", min_count=4))
    shown = np.concatenate([batch.rows for batch in resampled.epoch(0)])
    assert len(shown) == resampled.images(0) > COUNT
    assert set(shown) == set(range(COUNT))
    changed = resampled.draws(0)
    twice = np.flatnonzero(shown == np.bincount(shown).argmax())
    assert changed is not None
    assert len(np.unique(changed.take(twice).brightness)) > 1


@pytest.mark.parametrize("channels_last", [True, False])
def test_memory_format(feed: MakeFeed, channels_last: bool) -> None:
    for batch in feed(channels_last=channels_last).epoch(0):
        expected = (SIZE * SIZE, 1, SIZE, 1) if channels_last else (SIZE * SIZE, SIZE * SIZE, SIZE, 1)
        assert batch.images.stride() == expected


def test_any_array_will_do(feed: MakeFeed, pixels: np.memmap) -> None:
    mapped = feed()
    expected = list(mapped.epoch(0))
    for other in (np.array(pixels), pixels[0:]):
        mapped.pixels = other
        assert equal(list(mapped.epoch(0)), expected)


def test_no_thread_stays_after_an_epoch_a_break_or_an_error(feed: MakeFeed) -> None:
    for _ in feed().epoch(0):
        assert len(feeding_threads()) == 2
    assert feeding_threads() == []
    for _ in feed().epoch(0):
        break
    assert feeding_threads() == []
    with pytest.raises(ZeroDivisionError):
        [1 / 0 for _ in feed().epoch(0)]
    assert feeding_threads() == []


def test_other_threads_keep_all_cores(feed: MakeFeed) -> None:
    before = torch.get_num_threads()

    def of_a_new_thread() -> int:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(torch.get_num_threads).result()

    for _ in feed().epoch(0):
        assert torch.get_num_threads() == of_a_new_thread() == before
    assert torch.get_num_threads() == of_a_new_thread() == before


def watched(feed: Feed, see: Callable[[], None]) -> Feed:
    """The feed, over pixels that call `see` in the thread that reads them."""

    class Watched(np.ndarray):
        def __getitem__(self, key):  # type: ignore[no-untyped-def]
            see()
            return np.asarray(self)[key]

    feed.pixels = np.array(feed.pixels).view(Watched)
    return feed


def test_a_batch_is_prepared_on_one_core(feed: MakeFeed) -> None:
    seen: list[int] = []
    list(watched(feed(), lambda: seen.append(torch.get_num_threads())).epoch(0))
    assert seen == [1] * 5


def test_only_so_many_batches_are_prepared_ahead(feed: MakeFeed) -> None:
    read: list[str] = []
    batches = watched(feed(), lambda: read.append(threading.current_thread().name)).epoch(0)
    assert read == []
    next(batches)
    for thread in feeding_threads():
        thread.join(0.2)
    assert len(read) == AHEAD + 1
    batches.close()  # type: ignore[attr-defined]
    assert len(read) == AHEAD + 1


def test_an_error_while_reading_reaches_the_caller(feed: MakeFeed, pixels: np.memmap) -> None:
    path = Path(str(pixels.filename))
    path.write_bytes(path.read_bytes()[: 4 + 30 * SIZE * SIZE + 7])
    with pytest.raises(PackError, match="ends before image"):
        list(feed().epoch(0))
    path.unlink()
    with pytest.raises(PackError, match="cannot be read"):
        list(feed().epoch(0))
    assert feeding_threads() == []


def test_the_interpreter_ends_while_an_epoch_is_under_way() -> None:
    program = """
import numpy as np
from hilum.batches import Feed
pixels = np.zeros((64, 16, 16), np.uint8)
feed = Feed(pixels, np.arange(64), np.zeros((64, 1), np.float32), mean=0, sd=1, device="cpu", batch=4)
batches = feed.epoch(0)
next(batches)
print("one batch")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "one batch\n", "")


def test_arrays_that_do_not_belong_together_are_an_error(pixels: np.memmap) -> None:
    rest = {"mean": 0.0, "sd": 1.0, "device": "cpu", "batch": 4}
    with pytest.raises(DataError, match="3 images came with 2"):
        Feed(pixels, np.arange(3), np.zeros((2, 1), np.float32), **rest)
    with pytest.raises(DataError, match="not all among 50"):
        Feed(pixels, np.array([0, 50]), np.zeros((2, 1), np.float32), **rest)
    with pytest.raises(DataError, match="no images"):
        Feed(pixels, np.arange(0), np.zeros((0, 1), np.float32), **rest).steps(0)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's own count of resident pages")
def test_resident_memory_does_not_grow_with_the_pack(tmp_path: Path) -> None:
    """A map read through its pages would make them all resident: here 256 MiB."""
    count, size = 4096, 256
    path = tmp_path / "pixels.bin"
    with path.open("wb") as file:
        file.truncate(count * size * size)
    pixels = np.memmap(path, np.uint8, "r", shape=(count, size, size))
    big = Feed(
        pixels,
        np.arange(count),
        np.zeros((count, 1), np.float32),
        mean=0,
        sd=1,
        device="cpu",
        batch=8,
        shuffle=True,
    )

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    for batch in big.epoch(0):
        del batch
        break
    before = resident()
    for batch in big.epoch(0):
        del batch
    # What two threads' allocators hold varies by 30 to 70 MiB, and does not grow over epochs.
    assert resident() - before < pixels.nbytes / 2


@pytest.mark.gpu
def test_batches_on_the_device_are_those_of_the_processor(feed: MakeFeed) -> None:
    for here, there in zip(feed().epoch(0), feed(device="cuda").epoch(0), strict=True):
        assert there.images.device.type == there.targets.device.type == "cuda"
        assert torch.allclose(there.images.cpu(), here.images, atol=1e-3)
        assert there.rows.tolist() == here.rows.tolist()
