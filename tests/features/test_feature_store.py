"""The store: one row an image and encoder, whatever is embedded in which order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from small_store import other_pack, random_encoder

from hilum.errors import ConfigError, DataError, DiskError, PackError
from hilum.features import EncoderInfo, Features, FeatureStore
from hilum.features.embedding import embed
from hilum.features.lance import reaching
from hilum.pixels import Pack


def test_vectors_are_those_of_the_encoder(filled: FeatureStore, drawn_pack: Pack) -> None:
    features = filled.features()
    direct = random_encoder().vectors(drawn_pack.images(drawn_pack.slots))
    rows = features.rows(drawn_pack.table.image_ids)
    np.testing.assert_allclose(features.avg[rows], direct.avg, atol=1e-5)
    np.testing.assert_allclose(features.max[rows], direct.max, atol=1e-5)
    np.testing.assert_array_equal(features.vectors("both")[:, :512], features.avg)
    np.testing.assert_array_equal(features.vectors("max"), features.max)
    for name in drawn_pack.table.findings:
        assert features.frame[name][rows].to_list() == drawn_pack.table.frame[name].to_list()
    assert features.frame["slot"][rows].to_list() == drawn_pack.slots.tolist()


def test_nothing_is_embedded_twice(empty: FeatureStore, drawn_pack: Pack) -> None:
    first, again = (embed(random_encoder(), drawn_pack, empty) for _ in range(2))
    assert (first.added, first.present) == (40, 0)
    assert (again.added, again.present, again.refreshed) == (0, 40, 0)
    assert len(empty.features()) == 40


def test_only_new_images_are_embedded(
    empty: FeatureStore, drawn_pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = other_pack(drawn_pack, rows=range(0, 40, 3))
    embed(random_encoder(), some, empty)
    encoder = random_encoder()
    looked_at: list[int] = []
    whole = encoder.pack
    monkeypatch.setattr(encoder, "pack", lambda *args: (looked_at.extend(args[1]), whole(*args))[1])
    found = embed(encoder, drawn_pack, empty)
    assert (found.added, found.present) == (26, 14)
    assert sorted(looked_at) == [slot for slot in range(40) if slot % 3]
    features = empty.features()
    assert features.frame["image_id"].n_unique() == len(features) == 40
    assert set(features.frame["pack"]) == {str(drawn_pack.path)}


def test_labels_of_rows_that_are_there_follow_the_pack(empty: FeatureStore, drawn_pack: Pack) -> None:
    embed(random_encoder(), drawn_pack, empty)
    before = empty.features()
    relabelled = drawn_pack.table.frame.with_columns(
        pl.lit(1, pl.Int8).alias("Left"), pl.lit("F").alias("sex")
    )
    found = embed(random_encoder(), other_pack(drawn_pack, relabelled), empty)
    assert (found.added, found.present, found.refreshed) == (0, 40, 40)
    after = empty.features()
    assert set(after.frame["Left"]) == {1}
    assert set(after.frame["sex"]) == {"F"}
    assert after.frame["Top"].to_list() == before.frame["Top"].to_list()
    np.testing.assert_array_equal(after.avg, before.avg)
    np.testing.assert_array_equal(after.max, before.max)


def test_a_pack_with_other_findings_adds_columns(empty: FeatureStore, drawn_pack: Pack) -> None:
    embed(random_encoder(), other_pack(drawn_pack, rows=range(20)), empty)
    effusion = pl.Series("Pleural Effusion", [i % 2 for i in range(20)], dtype=pl.Int8)
    frame = drawn_pack.table.frame[20:].drop("Top").with_columns(effusion)
    embed(random_encoder(), other_pack(drawn_pack, frame, ("Left", "Pleural Effusion")), empty)
    features = empty.features()
    assert features.findings == ("Left", "Top", "Pleural Effusion")
    early = features.rows(drawn_pack.table.image_ids[:20])
    late = features.rows(drawn_pack.table.image_ids[20:])
    assert features.frame["Pleural Effusion"][early].null_count() == 20
    assert features.frame["Top"][late].null_count() == 20
    assert features.frame["Pleural Effusion"][late].to_list() == effusion.to_list()
    assert len(empty.features(where="pleural_effusion = 1")) == 10


def test_an_id_with_other_pixels_is_refused_or_replaced(empty: FeatureStore, drawn_pack: Pack) -> None:
    embed(random_encoder(), drawn_pack, empty)
    before = empty.features()
    darker = other_pack(drawn_pack, rows=[3, 4], change=lambda pixels: pixels // 2)
    with pytest.raises(DataError, match=r"2 of the images of .* other pixels: image3, image4"):
        embed(random_encoder(), darker, empty)
    found = embed(random_encoder(), darker, empty, replace=True)
    assert (found.added, found.replaced, found.present) == (2, 2, 0)
    after = empty.features()
    same = np.isclose(after.avg, before.avg).all(axis=1)
    assert after.image_ids[~same].tolist() == ["image3", "image4"]


def test_encoders_have_tables_of_their_own(empty: FeatureStore, drawn_pack: Pack) -> None:
    one, two = random_encoder("one"), random_encoder("two", seed=1)
    embed(one, drawn_pack, empty)
    two.origin = "elsewhere"
    embed(two, other_pack(drawn_pack, rows=range(5)), empty)
    assert [encoder.name for encoder in empty.encoders()] == ["one", "two"]
    assert len(empty.features("one")) == 40
    assert len(empty.features(empty.encoder("two").fingerprint[:8])) == 5
    with pytest.raises(ConfigError, match=r"vectors of 2 encoders: one \(resnet18, 48 px squash, fp32, "):
        empty.features()
    with pytest.raises(ConfigError, match="no encoder 'three'"):
        empty.encoder("three")


def test_precision_makes_another_encoder(drawn_pack: Pack) -> None:
    full, half = (
        EncoderInfo.of(random_encoder(precision=name).settings(drawn_pack.prepare))
        for name in ("fp32", "bf16")
    )
    assert full.fingerprint != half.fingerprint
    assert not full.same_place(half)


def test_changed_weights_are_told(empty: FeatureStore, drawn_pack: Pack) -> None:
    embed(random_encoder(), drawn_pack, empty)
    with pytest.raises(DataError, match="before its weights changed"):
        embed(random_encoder(seed=1), drawn_pack, empty)
    found = embed(random_encoder(seed=1), drawn_pack, empty, replace=True)
    assert found.added == 40
    assert empty.encoders() == [found.encoder]


def test_a_pack_prepared_otherwise_is_refused(empty: FeatureStore, drawn_pack: Pack) -> None:
    with pytest.raises(PackError, match="size = 48, not 64"):
        embed(random_encoder(size=64), drawn_pack, empty)
    assert empty.encoders() == []


def test_rows_and_parts_of_features(filled: FeatureStore) -> None:
    features: Features = filled.features(where="image_id like 'image1%'")
    assert features.frame["image_id"].is_sorted()
    assert len(features) == 11
    with pytest.raises(DataError, match=r"1 of 2 images .* image2"):
        features.rows(pl.Series(["image1", "image2"]))
    rows = features.rows(["image12", "image10"])
    part = features.take(rows)
    assert part.image_ids.tolist() == ["image12", "image10"]
    np.testing.assert_array_equal(part.max, features.max[rows])
    assert features.take(features.image_ids == "image10").image_ids.tolist() == ["image10"]
    codes = features.codes("Left")
    assert [None if np.isnan(code) else int(code) for code in codes] == features.frame["Left"].to_list()
    with pytest.raises(DataError, match="did you mean 'Left'"):
        features.codes("Lefd")
    with pytest.raises(ConfigError, match="pooling 'mean'"):
        features.vectors("mean")


def test_what_is_no_store(tmp_path: Path, empty: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"no feature store at .*hilum embed"):
        FeatureStore(tmp_path / "missing")
    with pytest.raises(DataError, match="is no feature store"):
        FeatureStore(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is a file"):
        FeatureStore(tmp_path / "file", create=True)
    with pytest.raises(DiskError):
        FeatureStore(tmp_path / "file" / "below", create=True)
    with pytest.raises(DataError, match="has no vectors yet"):
        empty.encoder()
    monkeypatch.setattr(FeatureStore, "_rows", lambda *_: [{"settings": '{"name": "x"}', "created": ""}])
    with pytest.raises(DataError, match="does not describe its encoders"):
        empty.encoders()


def test_a_damaged_store_is_one_message(empty: FeatureStore, drawn_pack: Pack) -> None:
    found = embed(random_encoder(), drawn_pack, empty)
    for file in (Path(empty.url) / f"{found.encoder.table}.lance").rglob("*.lance"):
        file.write_bytes(b"nothing")
    with pytest.raises(DataError, match="could not be read"):
        FeatureStore(empty.url).features()


def test_a_full_disk_is_told_with_what_to_do(tmp_path: Path) -> None:
    full = RuntimeError("LanceError(IO): No space left on device (os error 28)")
    said = r"could not write .*: No space left on device .* Free some space"
    with pytest.raises(DiskError, match=said), reaching(str(tmp_path)):
        raise full
    with pytest.raises(DataError, match="could not be read or written"), reaching(str(tmp_path)):
        raise RuntimeError("LanceError(IO): Permission denied (os error 13)")


def test_many_files_are_put_together(
    empty: FeatureStore, drawn_pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hilum.features.embedding.WRITE_EVERY", 0)
    embed(random_encoder(), drawn_pack, empty, batch=4)
    table = empty.table(empty.encoder())
    before = empty.features()
    table.tidy(over=5)
    after = empty.features()
    np.testing.assert_array_equal(after.avg, before.avg)
    assert after.frame.equals(before.frame)


def test_vectors_are_the_same_from_several_cores(drawn_pack: Pack) -> None:
    encoder, threads = random_encoder(), torch.get_num_threads()
    direct = encoder.vectors(drawn_pack.images(drawn_pack.slots))
    torch.set_num_threads(3)
    try:
        found = list(encoder.pack(drawn_pack, drawn_pack.slots, 7))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    assert np.concatenate([rows for rows, _ in found]).tolist() == list(range(40))
    np.testing.assert_allclose(np.concatenate([vectors.avg for _, vectors in found]), direct.avg, atol=1e-5)
    np.testing.assert_allclose(np.concatenate([vectors.max for _, vectors in found]), direct.max, atol=1e-5)
