"""What would cost too much, or is no file, is refused before it is opened or decoded."""

from __future__ import annotations

import os
import resource
import socket
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from dicoms import dicom
from pictures import decode_gray, encode, smooth, study, table_of

from hilum.config import LimitsConfig, PrepareConfig
from hilum.errors import DataError, ImageError
from hilum.files import open_file
from hilum.pixels.build import build_pack
from hilum.pixels.read import image_info, info_and_picture, read_gray
from hilum.table import read_source

PICTURE = smooth(80, 60)


def lying(name: str) -> bytes:
    """A small file whose header says 30,000 x 30,000 pixels (16,000 x 16,000 for WebP, whose most is 16,384)."""
    if name == "png":
        data = bytearray(encode(PICTURE, "PNG"))
        data[16:24] = struct.pack(">II", 30_000, 30_000)
        data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    elif name in ("jpeg", "progressive"):
        data = bytearray(encode(PICTURE, "JPEG", progressive=name == "progressive"))
        at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
        data[at + 5 : at + 9] = struct.pack(">HH", 30_000, 30_000)
    elif name == "gif":
        data = bytearray(encode(PICTURE, "GIF"))
        data[6:10] = struct.pack("<HH", 30_000, 30_000)
    elif name == "bmp":
        data = bytearray(encode(PICTURE, "BMP"))
        data[18:26] = struct.pack("<ii", 30_000, -30_000)
    elif name == "webp":
        data = bytearray(encode(np.dstack([PICTURE] * 3), "WEBP"))
        data[26:30] = struct.pack("<HH", 16_000, 16_000)
    elif name == "webp lossless":
        data = bytearray(encode(np.dstack([PICTURE] * 3), "WEBP", lossless=True))
        data[21:25] = struct.pack("<I", 15_999 | 15_999 << 14)
    elif name == "jpeg 2000":
        data = bytearray(encode(PICTURE, "JPEG2000"))
        at = data.index(b"\xff\x4f\xff\x51")
        data[at + 8 : at + 16] = struct.pack(">II", 30_000, 30_000)
    elif name == "tiff":
        data = bytearray(encode(PICTURE, "TIFF"))
        for tag in (256, 257):
            at = data.index(struct.pack("<HH", tag, 4))
            data[at + 8 : at + 12] = struct.pack("<I", 30_000)
    else:
        data = bytearray(dicom(PICTURE, Rows=30_000, Columns=30_000))
    return bytes(data)


NAMES = ["png", "jpeg", "progressive", "gif", "bmp", "webp", "webp lossless", "jpeg 2000", "tiff", "dicom"]


@pytest.mark.parametrize("name", NAMES)
def test_a_header_that_says_too_much_is_refused_without_memory(name: str) -> None:
    data = lying(name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        ImageError, match=r"(30,000 x 30,000|16,000 x 16,000) pixels, more than limits.pixels allows"
    ):
        decode_gray(data)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


@pytest.mark.parametrize("name", NAMES)
def test_limits_are_settable(name: str) -> None:
    whole = {"dicom": dicom(PICTURE), "webp": encode(np.dstack([PICTURE] * 3), "WEBP")}
    form = {"progressive": "jpeg", "webp lossless": "webp", "jpeg 2000": "jpeg2000"}.get(name, name)
    data = whole.get(form) or encode(PICTURE, form)
    assert decode_gray(data, limits=LimitsConfig(pixels=80 * 60)).shape == (80, 60)
    with pytest.raises(ImageError, match=r"60 x 80 pixels, more than limits.pixels allows; raise that"):
        decode_gray(data, limits=LimitsConfig(pixels=80 * 60 - 1))
    with pytest.raises(ImageError, match=r"more than limits.bytes allows; raise that"):
        decode_gray(data, limits=LimitsConfig(bytes=4000))


def test_rows_that_inflate_to_more_than_the_header_says_are_not_inflated() -> None:
    packed = zlib.compress(bytes(200_000_000), 1)
    chunk = b"IDAT" + packed
    head = encode(PICTURE, "PNG")[:33]
    end = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    data = head + struct.pack(">I", len(packed)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + end
    del packed, chunk
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ImageError, match="too many"):
        decode_gray(data)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_progressive_jpeg_may_not_pass_too_often_over_many_pixels() -> None:
    data = encode(PICTURE, "JPEG", progressive=True)
    at = data.rindex(b"\xff\xda")
    many = data[:at] + data[at:-2] * 200 + b"\xff\xd9"
    with pytest.raises(ImageError, match="so many passes"):
        decode_gray(many, limits=LimitsConfig(pixels=80 * 60))


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.png"
    with path.open("wb") as file:
        file.truncate(1 << 34)
    with pytest.raises(
        ImageError, match=r"sparse.png is a file of 17,179,869,184 bytes, more than limits.bytes"
    ):
        read_gray(path)
    with pytest.raises(ImageError, match=r"^is a file of 17,179,869,184 bytes"):
        info_and_picture(path)


def special(folder: Path) -> dict[str, Path]:
    """Things that are no files, under names of images."""
    os.mkfifo(folder / "pipe.png")
    (folder / "device.png").symlink_to("/dev/zero")
    (folder / "folder.png").mkdir()
    (folder / "loop.png").symlink_to(folder / "loop.png")
    listening = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(folder)  # names of sockets are short
    try:
        listening.bind("socket.png")
    finally:
        os.chdir(here)
        listening.close()
    return {path.name: path for path in folder.iterdir()}


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    said = {
        "pipe.png": r"it is a pipe \(FIFO\), not a file",
        "device.png": "it is a device, not a file",
        "folder.png": "is a folder, not an image",
        "loop.png": "cannot be read",
        "socket.png": "cannot be read",
    }
    found = special(tmp_path)
    assert found.keys() == said.keys()
    for name, path in found.items():
        for read in (read_gray, image_info):
            with pytest.raises(ImageError, match=rf"{name} .*{said[name]}"):
                read(path)
        with pytest.raises(ImageError, match=said[name]):
            info_and_picture(path)
    with pytest.raises(OSError, match="no file can have this name"):
        open_file("a\0b")


def test_a_study_with_a_pipe_in_it(tmp_path: Path) -> None:
    table = study(tmp_path / "films", 12)
    (tmp_path / "films" / "0003.png").unlink()
    os.mkfifo(tmp_path / "films" / "0003.png")
    pack = build_pack(table, tmp_path / "pack", PrepareConfig(size=16), max_excluded=0.2)
    assert pack.excluded["reason"].to_list() == ["cannot be read: it is a pipe (FIFO), not a file"]
    os.mkfifo(tmp_path / "films" / "scan.dcm")
    (tmp_path / "films" / "film.dcm").write_bytes(dicom(PICTURE))
    found = read_source("dicom", tmp_path / "films")
    assert len(found) == 1
    assert "2 files passed over as no images: 2 pipe or socket." in found.notes  # 0003.png and scan.dcm


def test_other_limits_make_another_pack(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(encode(smooth(100, 100), "PNG"))
    (tmp_path / "small.png").write_bytes(encode(PICTURE, "PNG"))
    table, small = table_of(tmp_path, ["large.png", "small.png"]), PrepareConfig(size=16)
    narrow = LimitsConfig(pixels=5000)
    with pytest.raises(DataError, match="1 of 2 images"):
        build_pack(table, tmp_path / "pack", small, limits=narrow)
    assert len(build_pack(table, tmp_path / "few", small, limits=narrow, max_excluded=0.5)) == 1
    assert len(build_pack(table, tmp_path / "pack", small)) == 2


def test_what_was_guessed_is_counted_in_the_pack(tmp_path: Path) -> None:
    for name, bits in (("a", 12), ("b", 12), ("c", 16)):
        deep = np.rint(PICTURE * ((2**bits - 1) / 255)).astype(np.uint16)
        (tmp_path / f"{name}.png").write_bytes(encode(deep, "PNG"))
    pack = build_pack(
        table_of(tmp_path, ["a.png", "b.png", "c.png"]), tmp_path / "pack", PrepareConfig(size=16)
    )
    assert list(pack.info["guessed"].items()) == [
        ("16-bit pixels of unknown depth: taken for 12 bits, which hold nearly all of them", 2)
    ]
    assert list(info_and_picture(tmp_path / "a.png")[1].notes) == list(pack.info["guessed"])


def test_warnings_of_pydicom_are_not_printed(tmp_path: Path) -> None:
    padded = dicom(PICTURE, PixelData=PICTURE.tobytes() + bytes(10), NumberOfFrames="1")
    (tmp_path / "x.dcm").write_bytes(padded)
    code = (
        "import sys; from hilum.pixels.read import read_picture as read; print(read(sys.argv[1]).gray.shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "x.dcm"], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("(80, 60)\n", "")
