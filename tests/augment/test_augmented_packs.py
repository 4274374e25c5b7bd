"""A pack of originals and changed copies: every copy traceable, the same bits again, whole or not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_packs import made_pack

from hilum import api
from hilum.augment import augment_pack
from hilum.augment import build as build_module
from hilum.augment.boxes import _moved_boxes
from hilum.augment.build import replay
from hilum.augment.copies import SCHEMA, Copies
from hilum.augment.presets import STRENGTHS
from hilum.batches import AugmentParams
from hilum.config import AugmentConfig, AugmentPackConfig, PrepareConfig
from hilum.errors import ConfigError, DataError, PackError
from hilum.pixels import COPIES, Pack, build_pack
from hilum.table import Table

STRONG = AugmentPackConfig(strength="strong", copies=3, seed=5)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return made_pack(tmp_path_factory.mktemp("pack"), 60)


@pytest.fixture(scope="module")
def augmented(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    out = tmp_path_factory.mktemp("augmented") / "pack"
    return augment_pack(pack, out, STRONG.model_copy(update={"workers": 2})).pack


def test_originals_stay_and_copies_are_rows_of_their_own(pack: Pack, augmented: Pack) -> None:
    table = augmented.table
    assert table.originals().fingerprint() == pack.table.fingerprint()
    kept = augmented.rows_of(table.originals())
    assert (augmented.images(kept) == pack.images(pack.slots)).all()
    copied = table.frame.filter(pl.col(Table.COPY_OF).is_not_null())
    free = pack.table.frame.filter(pl.col("official_split").is_null() | (pl.col("official_split") == "train"))
    assert copied[Table.COPY_OF].value_counts().sort(Table.COPY_OF)["count"].to_list() == [3] * len(free)
    assert set(copied[Table.COPY_OF]) == set(free["image_id"])
    same = copied.join(
        pack.table.frame, left_on=Table.COPY_OF, right_on="image_id", suffix="_of", maintain_order="left"
    )
    for name in ("path", "patient_id", "study_id", "age", "sex", "official_split", "Left", "extra"):
        assert same[name].equals(same[f"{name}_of"], null_equal=True), name
    assert copied["image_id"].to_list()[:4] == [f"image0~{k}" for k in (1, 2, 3)] + [copied["image_id"][3]]


def test_each_copy_is_made_again_from_what_is_recorded(augmented: Pack) -> None:
    for name in augmented.table.frame.filter(pl.col(Table.COPY_OF).is_not_null())["image_id"]:
        row = augmented.table.filter(pl.col("image_id") == name)
        assert (replay(augmented, name) == augmented.images(augmented.rows_of(row))[0]).all()


def test_copies_differ_from_their_original_and_from_each_other(augmented: Pack) -> None:
    images = augmented.images(augmented.slots).reshape(len(augmented), -1)
    assert len(np.unique(images, axis=0)) == len(images)


def test_draws_are_those_of_training_and_more_copies_leave_the_first_ones(pack: Pack) -> None:
    config = STRENGTHS["mild"]
    few, many = (Copies.draw(pack, config, AugmentPackConfig(copies=n, seed=9)) for n in (2, 5))
    frame = many.frame(pack.table)
    assert frame.schema == pl.Schema(SCHEMA)
    first = frame.filter(pl.col("copy") <= 2)
    assert first.equals(few.frame(pack.table))
    second = AugmentParams.draw(config, 9, 2, few.rows[::2])
    again = Copies.params_of(frame.filter(pl.col("copy") == 2))
    for field in fields(AugmentParams):
        assert (getattr(second, field.name) == getattr(again, field.name)).all()
    others = Copies.draw(pack, config, AugmentPackConfig(copies=2, seed=10))
    assert not others.frame(pack.table).equals(few.frame(pack.table))


def test_mild_neither_mirrors_nor_erases_and_changes_less_than_strong() -> None:
    mild, strong = STRENGTHS["mild"], STRENGTHS["strong"]
    assert mild.flip == mild.erase == 0
    assert strong.flip > 0
    assert mild.share == strong.share == 1
    for name in ("degrees", "translate", "shear", "scale", "brightness", "contrast"):
        assert 0 < getattr(mild, name) < getattr(strong, name)


def test_statistics_and_fingerprint_are_those_of_any_pack(
    pack: Pack, augmented: Pack, tmp_path: Path
) -> None:
    pixels = augmented.images(augmented.slots).astype(np.float64) / 255
    assert augmented.mean_sd(augmented.slots) == pytest.approx((pixels.mean(), pixels.std()))
    again = augment_pack(pack, tmp_path / "again", STRONG.model_copy(update={"workers": 1})).pack
    assert again.fingerprint == augmented.fingerprint != pack.fingerprint
    assert (tmp_path / "again" / COPIES).read_bytes() == (augmented.path / COPIES).read_bytes()
    about = augmented.info["augmented"]
    assert about["fingerprint"] == pack.fingerprint
    assert about["from"] == str(pack.path)
    assert about["settings"] == STRENGTHS["strong"].model_dump(exclude={"extra"})
    assert (about["copies"], about["seed"], about["parts"]) == (3, 5, ["train"])


def test_what_could_not_be_read_is_still_said_to_be_left_out(tmp_path: Path) -> None:
    made_pack(tmp_path, 40)
    (tmp_path / "7.png").write_bytes(b"no image")
    table = Pack(tmp_path / "pack").table
    pack = build_pack(table, tmp_path / "torn", PrepareConfig(size=24), workers=1, max_excluded=0.1)
    made = augment_pack(pack, tmp_path / "out", AugmentPackConfig(copies=1)).pack
    assert made.excluded.equals(pack.excluded)
    assert made.info["excluded"] == 1
    kept = made.rows_of(made.table.originals())
    assert (made.images(kept) == pack.images(pack.slots)).all()


def test_a_killed_build_goes_on_and_gives_the_same(
    pack: Pack,
    augmented: Pack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    out, images, asked = tmp_path / "out", build_module._images, []

    def some(*given: Any) -> Any:
        asked.append(given)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return images(*given)

    with monkeypatch.context() as patch:
        patch.setattr(build_module, "_images", some)
        with pytest.raises(KeyboardInterrupt):
            augment_pack(pack, out, STRONG.model_copy(update={"workers": 1}))
    assert not out.exists()
    assert (tmp_path / "out.partial").is_dir()
    with pytest.raises(PackError, match="not finished"):
        Pack(out)
    made = augment_pack(pack, out, STRONG.model_copy(update={"workers": 1})).pack
    assert made.fingerprint == augmented.fingerprint
    assert "going on with" in capfd.readouterr().err


def test_test_images_are_never_copied_and_valid_ones_when_asked(pack: Pack) -> None:
    official = pack.table.frame["official_split"]
    assert {"train", "valid", "test"} <= set(official.drop_nulls())
    plain = Copies.draw(pack, STRENGTHS["mild"], AugmentPackConfig(copies=1))
    assert set(official[plain.rows]) == {None, "train"}
    asked = AugmentPackConfig(copies=1, parts=("train", "valid"))
    both = Copies.draw(pack, STRENGTHS["mild"], asked)
    assert set(official[both.rows]) == {None, "train", "valid"}
    with pytest.raises(ConfigError, match="train, valid"):
        api.augment(pack, "nowhere", parts=("test",))


def test_a_pack_of_test_images_has_nothing_to_copy(pack: Pack, tmp_path: Path) -> None:
    table = pack.table.filter(pl.col("official_split") == "test")
    tested = build_pack(table, tmp_path / "test", PrepareConfig(size=24), workers=1)
    with pytest.raises(DataError, match="nothing to copy"):
        augment_pack(tested, tmp_path / "out", AugmentPackConfig())
    assert not (tmp_path / "out").exists()


box = st.tuples(*(st.floats(0, 0.7) for _ in range(2)), *(st.floats(0.05, 0.3) for _ in range(2)))


@given(st.lists(box, min_size=1, max_size=5), st.integers(0, 1000))
def test_boxes_go_where_their_pixels_go(boxes: list[tuple[float, ...]], seed: int) -> None:
    import torch

    config = AugmentConfig(
        share=1, degrees=20, translate=0.1, shear=10, scale=0.2, flip=0.5, brightness=0, contrast=0
    )
    params = AugmentParams.draw(config, seed, 1, np.arange(len(boxes)))
    moved, kept = _moved_boxes(np.array(boxes), params)
    images = torch.zeros(len(boxes), 1, 96, 96)
    for image, (x, y, w, h) in zip(images, boxes, strict=True):
        image[0, round(96 * y) : round(96 * (y + h)), round(96 * x) : round(96 * (x + w))] = 1
    after = params.apply(images).numpy()[:, 0]
    for image, (x, y, w, h), there in zip(after, moved, kept, strict=True):
        assert 0 <= x <= x + w <= 1 + 1e-9
        assert 0 <= y <= y + h <= 1 + 1e-9
        rows, columns = np.nonzero(image > 0.6)
        if not there or not len(rows):
            continue
        found = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / 96
        assert np.abs(found - [x, y, x + w, y + h]).max() < 0.06


def test_boxes_are_moved_where_images_were_squashed_and_else_dropped(tmp_path: Path) -> None:
    made = made_pack(tmp_path, 12)
    boxes = pl.DataFrame(
        {"image_id": ["image0", "image1"], "finding": ["Left", "Top"], "x": [0.4, 0.3], "y": [0.4, 0.3],
         "width": [0.2, 0.2], "height": [0.2, 0.1]}
    )  # fmt: skip
    table = Table.make(made.table.frame, made.table.findings, made.table.root, boxes)
    for fit, word, count in (("squash", "moved", 6), ("pad", "dropped", 2)):
        prepare = PrepareConfig.model_validate({"size": 24, "fit": fit})
        pack = build_pack(table, tmp_path / fit, prepare, workers=1)
        out = augment_pack(pack, tmp_path / f"{fit}-out", AugmentPackConfig(copies=2)).pack
        assert out.info["augmented"]["boxes"] == word
        found = out.table.boxes
        assert found is not None
        assert len(found) == count
    moved = Pack(tmp_path / "squash-out").table.boxes
    assert moved is not None
    assert set(moved.filter(pl.col("image_id") == "image0~1")["finding"]) == {"Left"}


def test_the_command(pack: Pack, hilum: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "my pack"
    done = hilum("augment", pack.path, "--out", out, "--copies", 2, "--set", "augment.degrees=0")
    assert done.code == 0, done.err
    assert "copies (2 of each of" in done.out
    assert "mild, changed" in done.out
    assert (pl.read_parquet(out / COPIES)["angle"] == 0).all()
    again = hilum("augment", pack.path, "--out", out, "--copies", 2, "--set", "augment.degrees=0", "--json")
    assert json.loads(again.out)["seconds"] is None
    assert hilum("augment", pack.path, "--out", out, "--copies", 2).code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--copies", 0), "--copies: expected whole number (at least 1)"),
        (("--strength", "mid"), "did you mean 'mild'"),
        (("--seed", -1), "--seed: expected whole number (0 to"),
        (("--part", "test"), "expected list of words (train, valid); came: 'test'"),
        (("--set", "train.epochs=3"), "section augment"),
        (("--set", "augment.degree=3"), "degrees"),
        (("--set", "augment.flip=2"), "flip"),
    ],
)
def test_wrong_arguments_are_one_message(
    pack: Pack, hilum: Callable[..., Any], tmp_path: Path, arguments: tuple[Any, ...], message: str
) -> None:
    done = hilum("augment", pack.path, "--out", tmp_path / "out", *arguments)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_wrong_packs_are_one_message(
    pack: Pack, augmented: Pack, hilum: Callable[..., Any], tmp_path: Path
) -> None:
    again = hilum("augment", augmented.path, "--out", tmp_path / "out")
    assert (again.code, "copies of copies" in again.err, str(pack.path) in again.err) == (2, True, True)
    assert hilum("augment", tmp_path / "none", "--out", tmp_path / "out").code == 2
    onto = hilum("augment", pack.path, "--out", pack.path)
    assert (onto.code, "exists already" in onto.err) == (2, True)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="no copy 'image0~9'"):
        replay(augmented, "image0~9")
    with pytest.raises(PackError, match="holds no copies"):
        replay(pack, "image0~1")


def test_the_function_takes_a_folder_or_a_pack(pack: Pack, tmp_path: Path) -> None:
    one = api.augment(pack.path, tmp_path / "one", copies=1)
    two = api.augment(pack, tmp_path / "two", copies=1, strength="mild")
    assert one.pack.fingerprint == two.pack.fingerprint
    assert one.copies == one.pack.table.frame[Table.COPY_OF].count()
    (tmp_path / "empty").mkdir()
    assert not api.augment(pack, tmp_path / "empty", copies=1).there
