"""Where a store can be: in memory, on object storage that does not answer, without LanceDB."""

from __future__ import annotations

import sys
import time

import pytest
from small_store import random_encoder

from hilum.errors import ConfigError, DataError, MissingExtra
from hilum.features import FeatureStore
from hilum.features.embedding import embed
from hilum.features.lance import _unreached
from hilum.pixels import Pack


def test_a_url_works_as_a_folder_does(drawn_pack: Pack) -> None:
    store = FeatureStore("memory://features", create=True)
    assert embed(random_encoder(), drawn_pack, store).added == 40
    assert embed(random_encoder(), drawn_pack, store).present == 40
    assert store.nearest("image3", k=3).height == 3


def test_storage_that_does_not_answer_is_told_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT": "http://127.0.0.1:9",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    started = time.monotonic()
    with pytest.raises(DataError, match=r"s3://nobody/features .*http://127.0.0.1:9 did not answer"):
        FeatureStore("s3://nobody/features")
    assert time.monotonic() - started < 60


def test_answers_of_object_storage_are_shortened() -> None:
    told = _unreached(
        "IO { source: Generic { uri: Some(https://s3.x.com/b?list), inner: Status { status: 403, body }}"
    )
    assert told.startswith("https://s3.x.com answered 403. Is the URL right")
    assert _unreached("no Azure account").startswith("no Azure account")


def test_other_urls_are_refused() -> None:
    with pytest.raises(ConfigError, match="ftp://x: a feature store is a folder, or a URL s3://"):
        FeatureStore("ftp://x")
    with pytest.raises(ConfigError, match="nothing was named"):
        FeatureStore("", create=True)


def test_without_lancedb_the_extra_is_named(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setitem(sys.modules, "lancedb", None)
    with pytest.raises(MissingExtra, match=r"pip install 'hilum\[features\]'"):
        FeatureStore(tmp_path / "features", create=True)
