from __future__ import annotations

import errno
import hashlib
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import DataError, DiskError
from hilum.table.arranging import _arranged_paths, _patient_number, arrange
from hilum.table.sources.read import read_source
from hilum.table.table import Table

PATHS = ["train/a.JPG", "train/b.png", "test/c.jpeg"]


@pytest.fixture
def table(tmp_path: Path) -> Table:
    root = tmp_path / "from here"
    for i, path in enumerate(PATHS):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(bytes([i]) * (1000 + i))
    frame = pl.DataFrame(
        {
            "image_id": ["a", "b", "c"],
            "path": PATHS,
            "patient_id": ["patient00107", "patient00107", 'p, 9 "x"'],
            "source": ["made"] * 3,
            "sex": ["F", None, "M"],
            "age": [4.5, None, 70.0],
            "view": ["frontal", "lateral", None],
            "official_split": ["train", "train", "test"],
            "row": [3, 57, 120],
            "subtype": ["x", None, "z"],
            "Edema": [1, 0, -1],
            "No Finding": [None, None, 1],
        }
    )
    boxes = pl.DataFrame(
        {"image_id": ["a"], "finding": ["Edema"], "x": [0.1], "y": [0.2], "width": [0.3], "height": [0.4]}
    )
    return Table.make(frame, ["Edema", "No Finding"], root, boxes)


def test_images_go_where_the_scheme_says(table: Table, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = arrange(table, out)
    assert (done.copied, done.replaced, done.kept) == (3, 0, 0)
    assert done.table.frame["path"].to_list() == ["d3/d7/i3.jpg", "d7/d7/i57.png", "d20/d9/i120.jpeg"]
    for path, old in zip(done.table.frame["path"], PATHS, strict=True):
        assert (out / path).read_bytes() == (table.root / old).read_bytes()
    assert sum(path.is_file() for path in out.rglob("*")) == 3 + 3


def test_the_copy_is_read_back_as_the_same_table(table: Table, tmp_path: Path) -> None:
    done = arrange(table, tmp_path / "out")
    again = read_source("csv", tmp_path / "out")
    assert again.fingerprint() == table.fingerprint() == done.table.fingerprint()
    assert again.frame.equals(done.table.frame)
    assert again.findings == table.findings
    assert again.boxes is not None
    assert again.boxes.equals(table.boxes)


def test_a_second_run_keeps_what_is_whole_and_replaces_what_is_not(table: Table, tmp_path: Path) -> None:
    out = tmp_path / "out"
    places = arrange(table, out).table.frame["path"]
    before = (out / places[0]).stat().st_mtime_ns
    (out / places[1]).write_bytes(bytes([9]) * 1001)
    (out / places[2]).write_bytes(b"half")
    done = arrange(table, out)
    assert (done.copied, done.replaced, done.kept) == (0, 2, 1)
    assert (out / places[0]).stat().st_mtime_ns == before
    assert (out / places[1]).read_bytes() == bytes([1]) * 1001


KILLED = """
import os, sys
from pathlib import Path
from hilum.table import arranging
from hilum.table.sources.read import read_source

written = Path.replace

def replace(self, target):
    if target.name == "i1.png":
        os.kill(os.getpid(), 9)
    return written(self, target)

Path.replace = replace
arranging._THREADS = 1
arranging.arrange(read_source("folder", sys.argv[1]), sys.argv[2])
"""


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    for name in ("no/a.png", "no/b.png", "yes/c.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(name.encode() * 100)
    out = tmp_path / "out"
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "in", out], check=False)
    assert killed.returncode == -9
    assert not (out / "table.csv").exists()
    assert [path.name for path in out.rglob("i*.png")] == ["i0.png"]
    assert [path.name for path in out.rglob(".*")] == [".i1.png.partial"]
    done = arrange(read_source("folder", tmp_path / "in"), out)
    assert (done.copied, done.kept) == (2, 1)
    assert not list(out.rglob("*.partial"))


def test_missing_images_stop_it_before_anything_is_copied(table: Table, tmp_path: Path) -> None:
    (table.root / PATHS[1]).unlink()
    with pytest.raises(DataError, match=r"1 of 3 images are missing, the first .*b\.png. Nothing was copied"):
        arrange(table, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_images_own_folder_is_refused(table: Table) -> None:
    for out in (table.root, table.root / "arranged"):
        with pytest.raises(DataError, match="where the images are; give a folder outside"):
            arrange(table, out)
    assert not (table.root / "arranged").exists()


def test_a_file_is_no_folder(table: Table, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("hello")
    with pytest.raises(DataError, match="out is a file"):
        arrange(table, tmp_path / "out")


def test_a_full_disk_leaves_no_half_file(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskError, match="No space left on device"):
        arrange(table, tmp_path / "out")
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_rows_that_do_not_count_images_are_replaced_by_a_running_number(table: Table) -> None:
    frame = table.frame.with_columns(row=pl.lit(4))
    twice = Table(frame, table.findings, table.root)
    assert [path.rpartition("/")[2] for path in _arranged_paths(twice)] == ["i0.jpg", "i1.png", "i2.jpeg"]


@given(st.integers(0, 10**8), st.sampled_from(["patient", "p_", "", "person-"]))
def test_a_numbered_patient_is_that_number(number: int, prefix: str) -> None:
    assert _patient_number(f"{prefix}{number:05}") == number


@given(st.text(min_size=1))
def test_any_patient_has_a_stable_number(patient: str) -> None:
    assert _patient_number(patient) == _patient_number(patient) >= 0


def test_a_hash_is_the_sha256() -> None:
    expected = int(hashlib.sha256(b"NORMAL2-IM-1427").hexdigest()[:12], 16)
    assert _patient_number("NORMAL2-IM-1427") == expected


@pytest.mark.real
def test_real_images(real: Path, tmp_path: Path) -> None:
    table = read_source("nih", real / "nih-320").take(range(40))
    arrange(table, tmp_path)
    again = read_source("csv", tmp_path)
    assert again.fingerprint() == table.fingerprint()
    assert again.boxes is not None
    assert set(again.boxes["image_id"]) <= set(table.image_ids)
