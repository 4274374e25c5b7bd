"""Pooling against what it is by definition."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import ConfigError
from hilum.models.pooling import AttentionPool, _Pool, make_pool


@given(
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(1, 5),
    st.floats(0.1, 100),
    st.integers(0, 99),
)
def test_lse_lies_between_mean_and_maximum(n: int, c: int, h: int, w: int, scale: float, seed: int) -> None:
    x = scale * torch.randn(n, c, h, w, generator=torch.Generator().manual_seed(seed))
    pooled = _Pool("lse")(x)
    slack = 1e-4 * scale
    assert pooled.shape == (n, c)
    assert torch.all(pooled >= x.mean((2, 3)) - slack)
    assert torch.all(pooled <= x.amax((2, 3)) + slack)


def test_lse_is_its_formula_and_its_limits() -> None:
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    expected = torch.log(torch.exp(2.0 * x).mean((2, 3))) / 2.0
    torch.testing.assert_close(_Pool("lse", 2.0)(x), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(_Pool("lse", 1e-3)(x.float()), x.float().mean((2, 3)), atol=2e-3, rtol=0)
    torch.testing.assert_close(_Pool("lse", 1e3)(x), x.amax((2, 3)), atol=5e-3, rtol=0)


def test_lse_survives_large_values_and_bfloat16() -> None:
    x = torch.full((1, 1, 3, 3), 300.0, dtype=torch.bfloat16)
    assert _Pool("lse")(x).item() == 300.0
    assert _Pool("lse")(x).dtype == torch.bfloat16


def test_avg_and_max() -> None:
    x = torch.arange(8.0).view(1, 2, 2, 2)
    assert make_pool("avg", 2)(x).tolist() == [[1.5, 5.5]]
    assert make_pool("max", 2)(x).tolist() == [[3.0, 7.0]]


def test_attention_weights_sum_to_one_and_find_the_place() -> None:
    pool = AttentionPool(4)
    x = torch.randn(2, 4, 3, 3)
    torch.testing.assert_close(pool.weights(x).sum((2, 3)), torch.ones(2, 1))
    torch.testing.assert_close(pool(x), (x * pool.weights(x)).sum((2, 3)))
    with torch.no_grad():
        pool.score.weight.zero_()
    torch.testing.assert_close(pool(x), x.mean((2, 3)))


def test_unknown_pooling_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'max'"):
        make_pool("maxx", 3)
