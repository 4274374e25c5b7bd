"""Nearest images: against scikit-learn, under conditions, and what is wrong with a question."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics.pairwise import cosine_similarity
from small_store import random_encoder

from hilum.errors import ConfigError, DataError
from hilum.features import EncoderInfo, FeatureStore
from hilum.features.columns import TAKEN, column_names, rows_of
from hilum.features.nearest import neighbours
from hilum.pixels import Pack

NUMBERS = st.floats(-3, 3, width=16)


@pytest.mark.parametrize("pooling", ["avg", "max", "both"])
def test_nearest_are_those_of_scikit_learn(filled: FeatureStore, pooling: str) -> None:
    features = filled.features()
    vectors = features.vectors(pooling)
    for image in ("image3", "image17"):
        row = features.rows([image])[0]
        truth = cosine_similarity(vectors[row : row + 1], vectors)[0]
        truth[row] = -2
        best = np.argsort(-truth)[:5]
        found = filled.nearest(image, k=5, pooling=pooling)
        assert found["image_id"].to_list() == features.image_ids[best].tolist()
        np.testing.assert_allclose(found["similarity"], truth[best], atol=1e-5)
        assert found["Left"].to_list() == features.frame["Left"][best].to_list()
        assert found["slot"].to_list() == features.frame["slot"][best].to_list()


@pytest.mark.parametrize("pooling", ["avg", "both"])
def test_nearest_by_vector_and_condition(filled: FeatureStore, pooling: str) -> None:
    features = filled.features()
    found = filled.nearest(features.vectors(pooling)[7], k=50, where="`Left` = 1", pooling=pooling)
    assert set(found["Left"]) == {1}
    assert found.height == (features.frame["Left"] == 1).sum()
    assert found["similarity"].is_sorted(descending=True)
    nobody = filled.nearest("image3", where="age > 200", pooling=pooling)
    assert nobody.height == 0
    assert nobody.columns == found.columns


def test_a_large_store_is_searched_by_an_index(
    empty: FeatureStore, drawn_pack: Pack, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hilum.features.table.INDEX_OVER", 300)
    monkeypatch.setattr("hilum.features.table.ROWS_A_PART", 60)
    random = np.random.default_rng(0)
    info = EncoderInfo.of(random_encoder().settings(drawn_pack.prepare))
    table = empty.writable(info, drawn_pack.table.findings)
    one = rows_of(drawn_pack, table.columns)
    rows = pl.concat([one.with_columns(pl.col("image_id") + f"/{copy}") for copy in range(10)])
    centres = random.normal(size=(10, 512))[np.arange(400) % 10]
    vectors = (random.normal(size=(400, 512)) + centres).astype(np.float32)
    table.add(rows, vectors, -vectors)
    table.tidy()
    assert "indexing 400 images" in capfd.readouterr().err
    later = one.with_columns(pl.col("image_id") + "/later")
    table.add(later, vectors[:40] * 2, vectors[:40])
    table.tidy()
    assert "indexing" not in capfd.readouterr().err
    table.update(rows.with_columns(pl.lit("F").alias("sex")))
    for image in rows["image_id"][:20]:
        quick, exact = (empty.nearest(image, k=5, exact=exact) for exact in (False, True))
        assert quick["image_id"].to_list() == exact["image_id"].to_list()
        assert quick["image_id"][0].endswith("later")
        assert all((sex == "F") != name.endswith("later") for name, sex in quick["image_id", "sex"].rows())
        assert quick["similarity"][0] == pytest.approx(1, abs=1e-5)
    few = empty.nearest(rows["image_id"][0], k=500, where="left = 1")
    assert few.height == (pl.concat([rows, later])["left"] == 1).sum() - (rows["left"][0] == 1)


def test_what_cannot_be_asked(filled: FeatureStore) -> None:
    with pytest.raises(DataError, match=r"no image 'imag3'.*did you mean 'image3'"):
        filled.nearest("imag3")
    with pytest.raises(DataError, match="no image 'zz', and there is no such file"):
        filled.nearest("zz")
    with pytest.raises(DataError, match="no image '', and there is no such file"):
        filled.nearest("")
    with pytest.raises(DataError, match=r"has 3 numbers; those of random in .* have 512"):
        filled.nearest(np.ones(3, np.float32))
    with pytest.raises(DataError, match="no direction"):
        filled.nearest(np.zeros(512, np.float32))
    with pytest.raises(ConfigError, match="pooling 'mean'"):
        filled.nearest("image3", pooling="mean")
    with pytest.raises(ConfigError, match="k = 0"):
        filled.nearest("image3", k=0)
    assert filled.about([], filled.encoder()).height == 0


def test_quotes_in_ids_are_only_quotes(filled: FeatureStore) -> None:
    with pytest.raises(DataError, match="no image"):
        filled.nearest("x' or image_id like '%")


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("age >", "is not SQL: it ends too early"),
        ("(age > 3", "is not SQL: it ends too early"),
        ("age > 60 sex = 'F'", "is not SQL: sex is not expected there"),
        ("top = 1; drop table x", "is not SQL: ; is not expected there"),
        ("sex = 'F", "Unterminated string"),
        ("agee > 60", "names 'agee', which is no column; did you mean 'age'"),
        ("sex = F", "names 'F'.*if it is a text, write it in quotes: 'F'"),
        ("top", "is neither true nor false.*top = 1|left = 1"),
        ("age > 'old'", "does not fit the columns"),
        ("foo(age) > 1", "does not fit the columns: Invalid function 'foo'"),
        ("count(*) > 1", "is about several images at once"),
    ],
)
def test_a_wrong_condition_is_one_message(filled: FeatureStore, where: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        filled.features(where=where)
    assert "\n" not in str(caught.value)
    assert "/root" not in str(caught.value)
    with pytest.raises(DataError, match=message):
        filled.nearest("image3", where=where)


def test_a_condition_that_draws_lots_is_refused(filled: FeatureStore) -> None:
    with pytest.raises(DataError, match="other images each time"):
        filled.features(where="random() < 0.5")


def test_a_condition_that_nothing_fulfils(filled: FeatureStore) -> None:
    with pytest.raises(DataError, match="fulfils 'age > 200'"):
        filled.features(where="age > 200")


@given(
    findings=st.lists(st.text(min_size=1, max_size=12), max_size=12, unique=True),
    known=st.dictionaries(
        st.text(min_size=1, max_size=6), st.sampled_from(["mass", "pleural_effusion"]), max_size=1
    ),
)
def test_columns_need_no_quotes_and_are_never_shared(findings: list[str], known: dict[str, str]) -> None:
    findings = [name for name in findings if name not in TAKEN]
    made = column_names(findings, known)
    assert set(made) == set(findings) - set(known)
    columns = [*made.values(), *known.values(), *TAKEN]
    assert len(set(columns)) == len(columns)
    for column in made.values():
        assert column == column.lower() or column.lower() != column.upper()
        assert all(letter.isalnum() or letter == "_" for letter in column)
        assert not column[0].isdigit()


def test_columns_by_example() -> None:
    made = column_names(["Pleural Effusion", "pleural-effusion", "2nd", "Max", "+"], {})
    assert list(made.values()) == [
        "pleural_effusion",
        "pleural_effusion_2",
        "finding_2nd",
        "max_2",
        "finding",
    ]
    with pytest.raises(DataError, match="cannot be called 'slot'"):
        column_names(["slot"], {})


@given(
    hnp.arrays(
        np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=30), elements=st.floats(-3, 3, width=16)
    ),
    st.integers(1, 8),
)
def test_neighbours_are_the_most_similar(vectors: np.ndarray, k: int) -> None:
    index, similarity = neighbours(vectors, k)
    truth = cosine_similarity(vectors.astype(np.float64))
    assert index.shape == similarity.shape == (len(vectors), min(k, len(vectors) - 1))
    for row in range(len(vectors)):
        assert row not in index[row]
        others = np.delete(truth[row], row)
        np.testing.assert_allclose(similarity[row], np.sort(others)[::-1][: index.shape[1]], atol=1e-5)
        np.testing.assert_allclose(truth[row, index[row]], similarity[row], atol=1e-5)


def test_neighbours_of_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hilum.features.nearest.BLOCK", 4 * 50 * 7)
    random = np.random.default_rng(0)
    among, queries = (random.normal(size=(n, 16)).astype(np.float32) for n in (50, 23))
    index, similarity = neighbours(among, 50, queries=queries)
    truth = cosine_similarity(queries, among)
    np.testing.assert_array_equal(index, np.argsort(-truth, axis=1))
    np.testing.assert_allclose(similarity, -np.sort(-truth, axis=1), atol=1e-5)
    with pytest.raises(DataError, match="lengths of vectors must agree"):
        neighbours(among, 3, queries=queries[:, :3])
