"""Which errors are the worst, and what the pictures of them, of inputs and of filters show."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from hilum.metrics import Predictions, sigmoid
from hilum.track.pictures import _CAPTION as CAPTION
from hilum.track.pictures import _TILE as TILE
from hilum.track.pictures import _grid as grid
from hilum.track.pictures import error_grid, first_filters, input_grid, most_wrong


def _predictions(logits: np.ndarray, targets: np.ndarray) -> Predictions:
    ids = np.array([f"i{i}" for i in range(len(logits))], object)
    names = tuple("ABC"[: logits.shape[1]])
    return Predictions(ids, names, logits.astype(np.float32), targets.astype(np.float32), "valid")


@given(
    arrays(np.float32, (7, 2), elements=st.integers(-40, 40).map(lambda v: v / 8)),
    arrays(np.float32, (7, 2), elements=st.sampled_from([0.0, 1.0, np.nan])),
    st.integers(1, 6),
)
def test_the_worst_errors_are_those_of_a_full_search(
    logits: np.ndarray, targets: np.ndarray, count: int
) -> None:
    found = most_wrong(_predictions(logits, targets), count)
    wrong = np.abs(sigmoid(logits) - targets)
    for truth in (True, False):
        mine = [error for error in found if error.truth is truth]
        distances = [abs(error.probability - truth) for error in mine]
        best = sorted((float(v) for v in wrong[targets == truth] if v > 0.5), reverse=True)
        assert np.allclose(distances, best[: len(mine)])
    errors = int((np.nan_to_num(wrong, nan=0.0) > 0.5).sum())
    assert len(found) == min(count, errors)
    assert len({(error.image_id, error.finding) for error in found}) == len(found)


def test_half_of_them_are_false_alarms_where_there_are_as_many() -> None:
    logits = np.array([[3.0], [2.0], [1.0], [-3.0], [-2.0], [-1.0]])
    targets = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [1.0]])
    found = most_wrong(_predictions(logits, targets), 4)
    assert [(error.image_id, error.truth) for error in found] == [
        ("i3", True), ("i4", True), ("i0", False), ("i1", False),
    ]  # fmt: skip
    assert not most_wrong(_predictions(-logits, targets), 4)


def test_each_error_is_shown_with_its_caption() -> None:
    logits, targets = np.array([[3.0], [-2.0]]), np.array([[0.0], [1.0]])
    errors = most_wrong(_predictions(logits, targets))
    shown = error_grid(
        errors, np.stack([np.full((40, 40), 60, np.uint8), np.full((300, 300)[:2], 200, np.uint8)[:40, :40]])
    )
    assert shown.shape == (TILE + CAPTION, 2 * TILE + 2)
    assert (shown[:TILE, :TILE] == 60).all()
    assert (shown[:TILE, -TILE:] == 200).all()
    captions = shown[TILE:, :TILE], shown[TILE:, -TILE:]
    assert all(caption.max() > 150 for caption in captions)
    assert not np.array_equal(*captions)


def test_inputs_are_shown_in_gray_with_what_is_beyond_cut() -> None:
    images = np.stack([np.full((16, 16), value, np.float32) for value in (-0.5, 0.2, 1.5)])
    shown = input_grid(images)
    assert shown.shape == (2 * TILE + 2, 2 * TILE + 2) or shown.shape == (TILE, 3 * TILE + 4)
    assert set(np.unique(shown)) == {0, 51, 255}


@given(st.integers(1, 40))
def test_a_grid_holds_every_tile_once(count: int) -> None:
    tiles = [np.full((3, 5), i + 1, np.uint8) for i in range(count)]
    whole = grid(tiles)
    assert [int((whole == i + 1).sum()) for i in range(count)] == [15] * count


def test_filters_are_gray_where_they_weigh_nothing() -> None:
    layer = nn.Conv2d(3, 2, 3, bias=False)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, :, 1, 1] = torch.tensor([1.0, 2.0, -1.0])  # 2 in all: the largest, so white
        layer.weight[0, 0, 0, 0] = -1.0
    shown = first_filters(nn.Sequential(nn.Identity(), layer))
    assert shown is not None
    side = 24
    assert shown.shape == (side, 2 * side + 2)
    assert shown[side // 2, side // 2] == 255
    assert shown[1, 1] == 64
    assert (shown[:, -side:] == 128).all()


def test_a_model_without_a_wide_convolution_has_no_filters() -> None:
    assert first_filters(nn.Linear(3, 2)) is None
    assert first_filters(nn.Conv2d(1, 4, 1)) is None
