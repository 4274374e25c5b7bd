"""The order of an epoch: complete, fair, and the same however it is divided."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.batches.plan import EpochPlan, generator
from hilum.errors import ConfigError, DataError


def plan(count: int, batch: int, *, shuffle: bool = True, rank: int = 0, world: int = 1, epoch: int = 0):
    return EpochPlan.of(
        np.arange(count), batch=batch, seed=7, epoch=epoch, shuffle=shuffle, rank=rank, world=world
    )


def batches(*args: int, **kwargs):
    made = plan(*args, **kwargs)
    return [made.rows[made.positions(step)] for step in range(made.steps)]


@given(st.integers(1, 500), st.integers(1, 70))
def test_training_shows_every_row_once_in_steps_of_nearly_one_size(count: int, batch: int) -> None:
    shown = batches(count, batch)
    sizes = [len(rows) for rows in shown]
    assert sorted(np.concatenate(shown)) == list(range(count))
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= max(batch, 3)
    assert plan(count, batch).images == count


@given(st.integers(2, 500), st.integers(2, 70))
def test_no_training_batch_has_one_image(count: int, batch: int) -> None:
    assert min(len(rows) for rows in batches(count, batch)) >= 2


@given(st.integers(3, 300), st.integers(3, 40))
def test_training_takes_as_few_steps_as_the_batch_allows(count: int, batch: int) -> None:
    assert plan(count, batch).steps == -(-count // batch)


@given(st.integers(1, 300), st.integers(1, 40))
def test_evaluation_keeps_the_order_and_the_small_last_batch(count: int, batch: int) -> None:
    shown = batches(count, batch, shuffle=False)
    assert np.concatenate(shown).tolist() == list(range(count))
    assert {len(rows) for rows in shown[:-1]} <= {batch}
    assert len(shown[-1]) == (count % batch or batch)


@given(st.integers(1, 200), st.integers(1, 40), st.integers(1, 5), st.booleans())
def test_processes_share_each_step(count: int, batch: int, world: int, shuffle: bool) -> None:
    whole = batches(count, batch, shuffle=shuffle)
    if shuffle and min(map(len, whole)) < world:
        with pytest.raises(ConfigError, match="too few to give each"):
            plan(count, batch, world=world)
        return
    plans = [plan(count, batch, shuffle=shuffle, rank=rank, world=world) for rank in range(world)]
    assert sum(made.images for made in plans) == count
    shares = [[made.positions(step) for step in range(made.steps)] for made in plans]
    assert all(len(share) for of_rank in shares for share in of_rank)
    assert sorted(np.concatenate(list(chain.from_iterable(shares)))) == list(range(count))
    if min(map(len, whole)) < world:
        return  # Evaluation: some processes skip a step.
    for step, rows in enumerate(whole):
        assert np.concatenate([plans[0].rows[of_rank[step]] for of_rank in shares]).tolist() == rows.tolist()
        sizes = [len(of_rank[step]) for of_rank in shares]
        assert max(sizes) - min(sizes) <= 1


def test_order_follows_from_seed_and_epoch_alone() -> None:
    np.random.seed(0)  # noqa: NPY002
    first = plan(50, 8, epoch=3).rows
    np.random.seed(1)  # noqa: NPY002
    assert plan(50, 16, epoch=3, world=2, rank=1).rows.tolist() == first.tolist()
    assert plan(50, 8, epoch=4).rows.tolist() != first.tolist()
    other = EpochPlan.of(np.arange(50), batch=8, seed=8, epoch=3, shuffle=True)
    assert other.rows.tolist() != first.tolist()


def test_streams_of_two_purposes_differ() -> None:
    assert generator(0, 0, "order").random() != generator(0, 0, "augment").random()


def test_the_order_stays_what_it_was_in_former_versions() -> None:
    """A run resumed by a later version goes on with the same batches."""
    made = EpochPlan.of(np.arange(10), batch=4, seed=1, epoch=2, shuffle=True)
    assert made.rows.tolist() == [6, 3, 9, 1, 2, 8, 7, 4, 0, 5]


def test_oversampled_rows_are_shown_as_often_as_they_were_drawn() -> None:
    rows = np.array([0, 1, 2, 2, 2, 5])
    made = EpochPlan.of(rows, batch=4, seed=0, epoch=0, shuffle=True)
    assert sorted(made.rows) == rows.tolist()


def test_an_empty_part_is_an_error() -> None:
    with pytest.raises(DataError, match="no images"):
        plan(0, 4)


def test_a_rank_outside_the_world_is_an_error() -> None:
    with pytest.raises(ConfigError, match="rank 2"):
        plan(10, 4, rank=2, world=2)
