"""The store: one row an image and encoder, whatever is embedded in which order."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from small_store import random_encoder

from hilum.errors import DataError
from hilum.features import Features, FeatureStore
from hilum.features.embed import embed
from hilum.pixels.pack import Pack


def test_vectors_are_those_of_the_encoder(filled: FeatureStore, drawn_pack: Pack) -> None:
    features = filled.features()
    direct = random_encoder().vectors(drawn_pack.images(drawn_pack.slots))
    rows = features.rows(drawn_pack.table.image_ids)
    np.testing.assert_allclose(features.avg[rows], direct.avg, atol=1e-6)
    np.testing.assert_allclose(features.max[rows], direct.max, atol=1e-6)
    np.testing.assert_array_equal(features.vectors("both")[:, :512], features.avg)
    for name in drawn_pack.table.findings:
        assert features.frame[name][rows].to_list() == drawn_pack.table.frame[name].to_list()


def test_nothing_is_embedded_twice(empty: FeatureStore, drawn_pack: Pack) -> None:
    first, again = (embed(random_encoder(), drawn_pack, empty) for _ in range(2))
    assert (first.added, first.present) == (40, 0)
    assert (again.added, again.present, again.refreshed) == (0, 40, 0)
    assert len(empty.features()) == 40


def test_ids_that_are_missing_are_named(filled: FeatureStore) -> None:
    features: Features = filled.features(where="image_id like 'image1%'")
    assert features.frame["image_id"].is_sorted()
    with pytest.raises(DataError, match=r"1 of 2 images .* image2"):
        features.rows(pl.Series(["image1", "image2"]))
