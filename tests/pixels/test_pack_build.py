"""Packs: what is in them, what is left out, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pictures import encode, smooth, study, table_of

from hilum.config import PrepareConfig
from hilum.errors import DataError, MissingExtra, PackError
from hilum.pixels import build, workers
from hilum.pixels.build import build_pack
from hilum.pixels.pack import Pack
from hilum.pixels.prepare import load_image
from hilum.table import Table

SMALL = PrepareConfig(size=16)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """70 images: three chunks, the last one not full."""
    made = study(tmp_path_factory.mktemp("study"), 70)
    boxes = pl.DataFrame(
        {"image_id": ["0003"], "finding": ["Edema"], "x": [0.1], "y": [0.2], "width": [0.3], "height": [0.4]}
    )
    return Table.make(made.frame, made.findings, made.root, boxes)


@pytest.fixture(scope="module")
def pack(table: Table, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return build_pack(table, tmp_path_factory.mktemp("packs") / "whole", SMALL)


def damaged(table: Table, folder: Path, *names: str) -> Table:
    """A copy of the study in which some files are cut short."""
    shutil.copytree(table.root, folder)
    for name in names:
        (folder / name).write_bytes((folder / name).read_bytes()[:-20])
    return dataclasses.replace(table, root=folder)


def test_a_pack_holds_each_image_as_it_is_prepared(table: Table, pack: Pack) -> None:
    assert len(pack) == 70
    assert pack.pixels.shape == (70, 16, 16)
    for row in (0, 31, 32, 69):
        expected = load_image(table.root / table.frame["path"][row], SMALL)
        assert np.array_equal(pack.pixels[pack.slots[row]], expected)
    assert np.array_equal(pack.images([69, 0, 0]), np.asarray(pack.pixels)[[69, 0, 0]])


def test_the_table_comes_back_whole(table: Table, pack: Pack) -> None:
    assert pack.table.frame.equals(table.frame)
    assert pack.table.findings == table.findings
    assert pack.table.root == table.root
    assert pack.table.boxes is not None
    assert table.boxes is not None
    assert pack.table.boxes.equals(table.boxes)
    assert pack.excluded.height == 0
    assert pack.prepare == SMALL


def test_nothing_but_the_pack_is_left(pack: Pack) -> None:
    assert sorted(path.name for path in pack.path.iterdir()) == [
        "boxes.parquet",
        "excluded.parquet",
        "pack.json",
        "pixels.npy",
        "stats.parquet",
        "table.parquet",
    ]
    assert [path.name for path in pack.path.parent.iterdir()] == ["whole"]
    assert pack.bytes > 70 * 256


def test_mean_and_sd_are_those_of_the_pixels(pack: Pack) -> None:
    for slots in (pack.slots, pack.slots[::3], pack.slots[:1]):
        pixels = pack.images(slots) / 255.0
        assert pack.mean_sd(slots) == pytest.approx((pixels.mean(), pixels.std()), rel=1e-12)
    with pytest.raises(PackError, match="at least one image"):
        pack.mean_sd([])


def test_rows_of_a_rearranged_table(table: Table, pack: Pack) -> None:
    rows = [40, 3, 69]
    assert pack.rows_of(table.take(rows)).tolist() == rows
    other = table_of(table.root, ["0001.png", "elsewhere.png"])
    with pytest.raises(PackError, match=r"has no image 'elsewhere' \(1 of 2"):
        pack.rows_of(other)


@pytest.mark.parametrize("count", [1, 3])
def test_the_fingerprint_does_not_depend_on_workers_or_place(
    table: Table, pack: Pack, tmp_path: Path, count: int
) -> None:
    moved = damaged(table, tmp_path / "moved")
    assert build_pack(moved, tmp_path / "out", SMALL, workers=count).fingerprint == pack.fingerprint


def test_the_fingerprint_depends_on_pixels_labels_and_settings(
    table: Table, pack: Pack, tmp_path: Path
) -> None:
    repainted = damaged(table, tmp_path / "moved")
    (repainted.root / "0005.png").write_bytes(encode(smooth(40, 36, 999), "PNG"))
    relabelled = dataclasses.replace(table, frame=table.frame.with_columns(Edema=pl.lit(1, pl.Int8)))
    prints = [
        build_pack(repainted, tmp_path / "a", SMALL).fingerprint,
        build_pack(relabelled, tmp_path / "b", SMALL).fingerprint,
        build_pack(table, tmp_path / "c", PrepareConfig(size=16, fit="pad")).fingerprint,
        pack.fingerprint,
    ]
    assert len(set(prints)) == 4


def test_unreadable_images_are_left_out_and_listed(table: Table, tmp_path: Path) -> None:
    bad = damaged(table, tmp_path / "bad", "0002.png", "0040.png")
    (bad.root / "0050.png").unlink()
    pack = build_pack(bad, tmp_path / "out", SMALL, max_excluded=0.05)
    assert pack.excluded["image_id"].to_list() == ["0002", "0040", "0050"]
    assert pack.excluded["reason"].to_list() == [
        "is a PNG file that is cut short; copy or download it again",
        "is a PNG file that is cut short; copy or download it again",
        "is missing",
    ]
    assert len(pack) == 67
    assert not {"0002", "0040", "0050"} & set(pack.table.image_ids)
    for row, image_id in enumerate(pack.table.image_ids):
        expected = load_image(bad.root / f"{image_id}.png", SMALL)
        assert np.array_equal(pack.pixels[pack.slots[row]], expected)
    with pytest.raises(PackError, match="all of them in the pack"):
        pack.mean_sd([2])
    assert "3 left out" in repr(pack)


def test_too_many_unreadable_images_stop_the_build_and_repaired_ones_end_it(
    table: Table, pack: Pack, tmp_path: Path
) -> None:
    bad = damaged(table, tmp_path / "bad", "0002.png", "0040.png")
    out = tmp_path / "out"
    with pytest.raises(DataError) as raised:
        build_pack(bad, out, SMALL)
    said = str(raised.value)
    assert "2 of 70 images (2.86%) cannot be read; at most 1.00% may be left out" in said
    assert "2 x is a PNG file that is cut short" in said
    assert f"the first: {bad.root / '0002.png'}" in said
    assert not out.exists()
    with pytest.raises(PackError, match="is not finished"):
        Pack(out)
    for name in ("0002.png", "0040.png"):
        shutil.copy(table.root / name, bad.root / name)
    assert build_pack(bad, out, SMALL).fingerprint == pack.fingerprint


def test_when_all_fail_the_reason_is_said_and_nothing_is_left(table: Table, tmp_path: Path) -> None:
    nowhere = dataclasses.replace(table, root=tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"70 of 70 images \(100.00%\) cannot be read(.|\n)*70 x is missing"):
        build_pack(nowhere, tmp_path / "out", SMALL, max_excluded=0.5)
    assert list(tmp_path.iterdir()) == []


def test_a_hopeless_build_is_broken_off_early(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "_NO_LIMIT_UNDER", 10)
    nowhere = dataclasses.replace(table, root=tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"(32|64|38) of 70 images"):
        build_pack(nowhere, tmp_path / "out", SMALL, workers=1)


def test_a_missing_package_is_not_taken_for_a_bad_image(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise MissingExtra("pydicom", "dicom", "reading DICOM files")

    monkeypatch.setattr(workers, "read_picture", refuse)
    with pytest.raises(MissingExtra):
        build_pack(table, tmp_path / "out", SMALL)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_table_is_refused(table: Table, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no images to pack"):
        build_pack(table.take([]), tmp_path / "out", SMALL)


def test_a_finished_pack_is_opened_again(table: Table, pack: Pack) -> None:
    before = (pack.path / "pack.json").stat().st_mtime_ns
    assert build_pack(table, pack.path, SMALL).fingerprint == pack.fingerprint
    assert (pack.path / "pack.json").stat().st_mtime_ns == before


def test_what_is_there_is_never_overwritten(table: Table, pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(PackError, match=rf"is a pack made with size = {pack.prepare.size}, not 32\."):
        build_pack(table, pack.path, pack.prepare.model_copy(update={"size": 32}))
    with pytest.raises(PackError, match="is a pack of another table or other settings"):
        build_pack(table.take([0, 1]), pack.path, pack.prepare)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(PackError, match=r"exists already and is no pack"):
        build_pack(table, tmp_path / "mine", SMALL)
    with pytest.raises(PackError, match="exists already"):
        build_pack(table, tmp_path / "mine" / "thesis.txt", SMALL)
    (tmp_path / "empty").mkdir()
    assert len(build_pack(table, tmp_path / "empty", SMALL)) == 70


def test_a_pack_of_files_that_changed_since_is_not_taken_for_the_same(table: Table, tmp_path: Path) -> None:
    moved = damaged(table, tmp_path / "moved")
    build_pack(moved, tmp_path / "out", SMALL)
    (moved.root / "0005.png").write_bytes(encode(smooth(40, 36, 999), "PNG"))
    with pytest.raises(PackError, match="as they were before their files changed"):
        build_pack(moved, tmp_path / "out", SMALL)


def copied(pack: Pack, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pack.path, tmp_path / "copy"))


def edit(path: Path, **values: object) -> None:
    info = json.loads((path / "pack.json").read_text())
    (path / "pack.json").write_text(json.dumps(info | values))


def test_what_is_not_a_pack_says_so(pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="there is no pack at"):
        Pack(tmp_path / "none")
    with pytest.raises(PackError, match=r"is not a pack: it has no pack\.json"):
        Pack(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").touch()
    with pytest.raises(PackError, match="is not a pack, but a run"):
        Pack(tmp_path / "run")
    for name in ("one/a.png", "two/b.png"):
        (tmp_path / "films" / name).parent.mkdir(parents=True)
        (tmp_path / "films" / name).touch()
    with pytest.raises(
        PackError, match=r"like Any folder of class folders\. Pack it first:  hilum pack folder"
    ):
        Pack(tmp_path / "films")
    path = copied(pack, tmp_path)
    edit(path, format=99)
    with pytest.raises(PackError, match=r"of format 99; this hilum reads format 1\. Pack the data again"):
        Pack(path)


@pytest.mark.parametrize(
    "name", ["pixels.npy", "table.parquet", "stats.parquet", "pack.json", "excluded.parquet"]
)
@pytest.mark.parametrize("left", [0, 0.5, 0.99])
def test_a_pack_of_half_a_file_is_not_opened(pack: Pack, tmp_path: Path, name: str, left: float) -> None:
    path = copied(pack, tmp_path)
    os.truncate(path / name, int((path / name).stat().st_size * left))
    with pytest.raises(PackError, match="is damaged"):
        Pack(path)
    (path / name).unlink()
    with pytest.raises(PackError, match=r"damaged|not a pack"):
        Pack(path)


def test_parts_of_different_packs_do_not_pass_for_one(table: Table, pack: Pack, tmp_path: Path) -> None:
    path = copied(pack, tmp_path)
    edit(path, slots=71)
    with pytest.raises(PackError, match=r"pixels\.npy holds uint8 \[70, 16, 16\], not uint8 \[71, 16, 16\]"):
        Pack(path)
    edit(path, slots=70)
    table.take(range(60)).frame.write_parquet(path / "table.parquet")
    with pytest.raises(PackError, match="60 rows in its table, 70 in its statistics"):
        Pack(path)


def without(name: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda frame: frame.drop(name)


def column(name: str, value: object) -> Callable[[pl.DataFrame], pl.DataFrame]:
    kind = pl.Int64 if isinstance(value, int) else None
    return lambda frame: frame.with_columns(pl.lit(value, kind).alias(name))


@pytest.mark.parametrize(
    ("file", "change", "why"),
    [
        ("stats", without("slot"), "'slot' should be Int64, it is missing"),
        ("stats", without("sum"), "'sum' should be Int64, it is missing"),
        ("stats", without("squares"), "'squares' should be Int64, it is missing"),
        ("stats", column("slot", "nan"), "'slot' should be Int64, it is String"),
        ("stats", column("slot", float("inf")), "'slot' should be Int64, it is Float64"),
        ("stats", column("sum", None), "'sum' should be Int64, it is Null"),
        ("stats", column("slot", -1), r"images that pixels\.npy does not hold"),
        ("stats", column("slot", 70), r"images that pixels\.npy does not hold"),
        ("stats", lambda frame: frame.reverse(), "not of the same images"),
        ("excluded", without("reason"), "'reason' should be String, it is missing"),
        ("table", without("Edema"), "finding 'Edema' should be Int8, it is missing"),
        ("table", column("Edema", [1]), "finding 'Edema' should be Int8, it is List"),
        ("table", column("Edema", "x"), "finding 'Edema' should be Int8, it is String"),
    ],
)
def test_a_table_of_something_else_is_told(
    pack: Pack, tmp_path: Path, file: str, change: Callable[[pl.DataFrame], pl.DataFrame], why: str
) -> None:
    path = copied(pack, tmp_path)
    frame = change(pl.read_parquet(path / f"{file}.parquet"))
    frame.write_parquet(path / f"{file}.parquet")
    with pytest.raises(PackError, match=why):
        Pack(path)


@pytest.mark.parametrize(
    "header",
    [
        "{",
        "{'descr': '|u1'",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 16, 16), }",
        "\0",
        "(((",
        "{'descr': '|O'}",
    ],
)
def test_an_array_with_another_header_is_told(pack: Pack, tmp_path: Path, header: str) -> None:
    path = copied(pack, tmp_path)
    data = (path / "pixels.npy").read_bytes()
    size = int.from_bytes(data[8:10], "little")
    (path / "pixels.npy").write_bytes(data[:10] + header.ljust(size).encode() + data[10 + size :])
    with pytest.raises(PackError, match=r"pixels\.npy is missing or cut short"):
        Pack(path)


@pytest.mark.parametrize(
    "said", [{"created": None}, {"fingerprint": 3}, {"findings": "Edema"}, {"notes": [1]}]
)
def test_a_field_of_something_else_is_told(pack: Pack, tmp_path: Path, said: dict[str, object]) -> None:
    path = copied(pack, tmp_path)
    edit(path, **said)
    with pytest.raises(PackError, match="expected a list of strings"):
        Pack(path)


def test_a_pack_shows_itself(pack: Pack) -> None:
    assert repr(pack).endswith("70 images of 35 patients, 16 x 16, 1 finding)")
    shown = pack._repr_html_()
    assert shown.count("data:image/png;base64,") == 8
    assert "0069" in shown
