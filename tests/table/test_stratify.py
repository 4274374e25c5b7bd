from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.table.split import _shuffled, deal

names = st.lists(st.text(max_size=5), unique=True, max_size=30)


@given(names, st.integers(0, 5), st.randoms(use_true_random=False))
def test_a_random_order_depends_on_the_names_not_on_their_order(some: list[str], seed: int, random):
    order = [some[i] for i in _shuffled(some, "test", seed)]
    assert sorted(order) == sorted(some)
    moved = list(some)
    random.shuffle(moved)
    assert [moved[i] for i in _shuffled(moved, "test", seed)] == order


def test_the_order_depends_on_seed_and_purpose():
    some = [str(i) for i in range(20)]
    orders = {tuple(_shuffled(some, purpose, seed)) for purpose in ("a", "b") for seed in (0, 1)}
    assert len(orders) == 4


@given(st.integers(5, 60), st.integers(0, 99), st.sampled_from([(0.5, 0.5), (0.8, 0.2), (0.7, 0.2, 0.1)]))
def test_no_part_is_empty_and_sizes_follow_the_shares(groups: int, seed: int, shares: tuple[float, ...]):
    amounts = np.ones((groups, 1), np.int64)
    part_of = deal([str(group) for group in range(groups)], amounts, shares, "test", seed)
    sizes = np.bincount(part_of, minlength=len(shares))
    assert (sizes > 0).all()
    assert np.abs(sizes - groups * np.array(shares)).max() < 1.01


def test_a_group_of_most_images_does_not_drag_the_others_along():
    amounts = np.array([[100], *[[1]] * 100])
    part_of = deal([str(group) for group in range(101)], amounts, (0.5, 0.5), "test", 0)
    assert len(set(part_of[1:])) == 1
    assert part_of[0] != part_of[1]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_part_without_a_share_gets_nothing(share: float):
    part_of = deal(list("abcdefghi"), np.ones((9, 1), np.int64), (share, 1 - share), "test", 0)
    assert set(part_of) == {0 if share else 1}
