from __future__ import annotations

import io
import struct
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_images import make_table, picture

from hilum.doctor.marks import MARKS, marks_of
from hilum.doctor.pictures import read_pictures

EXIF_TAGS = {0x010F: "GE", 0x0110: "Definium 8000", 0x0131: "Photoshop", 0x0132: "2017:03:05 11:12:13"}
SAID = {"manufacturer": "GE", "model": "Definium 8000", "software": "Photoshop"}


def jpeg(quality: int = 90, channels: int = 1, exif: bytes = b"") -> bytes:
    image = np.repeat(picture(0, 32, 32)[..., None], channels, axis=2)
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    if not exif:
        return data
    block = b"Exif\0\0" + exif
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]


def exif(order: str, tags: dict[int, str]) -> bytes:
    """A TIFF header and one folder of texts."""
    count = len(tags)
    after = 8 + 2 + 12 * count + 4
    entries, texts = b"", b""
    for tag, text in tags.items():
        value = text.encode() + b"\0"
        inline = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "I", after + len(texts))
        entries += struct.pack(order + "HHI", tag, 2, len(value)) + inline
        texts += value if len(value) > 4 else b""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, count)
    return head + entries + b"\0" * 4 + texts


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    data = cv2.imencode(".png", picture(0, 16, 16))[1].tobytes()
    more = b"".join(struct.pack(">I", len(content)) + name + content + b"\0" * 4 for name, content in chunks)
    return data[:33] + more + data[33:]


@given(st.integers(1, 100))
@settings(max_examples=20)
def test_the_quality_of_a_jpeg_is_told(quality: int):
    assert marks_of(jpeg(quality), "jpeg")["coding"] == f"JPEG quality {quality}, gray"


def test_thinned_colours_and_foreign_tables_are_told_apart():
    assert marks_of(jpeg(75, 3), "jpeg")["coding"] == "JPEG quality 75, 2x2"
    data = bytearray(jpeg(75))
    data[data.index(b"\xff\xdb") + 10] += 1
    coding = marks_of(bytes(data), "jpeg")["coding"]
    assert isinstance(coding, str)
    assert "75" not in coding.removeprefix("JPEG quality ")[:3]
    assert coding == marks_of(bytes(data), "jpeg")["coding"]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("holder", ["jpeg", "png", "tiff"])
def test_exif_says_the_machine_and_the_day(order: str, holder: str):
    block = exif(order, EXIF_TAGS)
    data = {"jpeg": jpeg(exif=block), "png": png((b"eXIf", block)), "tiff": block}[holder]
    marks = marks_of(data, "other" if holder == "tiff" else holder)
    assert {name: marks[name] for name in SAID} == SAID
    assert marks["day"] == date(2017, 3, 5).toordinal()
    assert marks["kind"] == holder


def test_png_texts_name_the_software():
    chunks = ((b"tEXt", b"Software\0ImageMagick"), (b"tEXt", b"Author\0Jane Doe"), (b"tEXt", b"Make\0Canon"))
    marks = marks_of(png(*chunks), "png")
    assert (marks["software"], marks["manufacturer"]) == ("ImageMagick", "Canon")
    assert "Jane Doe" not in str(marks)


def test_dicom_says_the_machine_and_nothing_of_the_patient():
    pydicom = pytest.importorskip("pydicom")
    header = pydicom.Dataset()
    header.Manufacturer, header.ManufacturerModelName, header.StationName = (
        "Philips",
        "DigitalDiagnost",
        "ROOM4",
    )
    header.PatientName, header.PatientID, header.StudyDate = "Doe^Jane", "4711", "20190101"
    header.AcquisitionDate, header.Modality = "20190228", "DX"
    header.SOPClassUID, header.SOPInstanceUID = pydicom.uid.DigitalXRayImageStorageForPresentation, "1.2.3"
    header.file_meta = pydicom.dataset.FileMetaDataset()
    header.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    file = io.BytesIO()
    pydicom.dcmwrite(file, header, enforce_file_format=True)
    marks = marks_of(file.getvalue(), "dicom")
    assert (marks["manufacturer"], marks["model"], marks["station"]) == (
        "Philips",
        "DigitalDiagnost",
        "ROOM4",
    )
    assert (marks["modality"], marks["day"]) == ("DX", date(2019, 2, 28).toordinal())
    assert "Doe" not in str(marks)
    assert "4711" not in str(marks)


@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"RIFF", b"BM", b""]),
    st.binary(max_size=200),
    st.sampled_from(["jpeg", "png", "dicom", "other"]),
)
def test_nonsense_says_nothing_and_never_fails(start: bytes, rest: bytes, format: str):
    assert set(marks_of(start + rest, format)) <= set(MARKS)


@pytest.mark.parametrize(
    ("suffix", "kind"), [(".tif", "tiff"), (".bmp", "bmp"), (".webp", "webp"), (".jp2", "jpeg 2000")]
)
def test_other_formats_are_told_apart(tmp_path: Path, suffix: str, kind: str):
    path = tmp_path / f"a{suffix}"
    assert cv2.imwrite(str(path), picture(0))
    facts = read_pictures(make_table(tmp_path, [path.name])).frame
    assert facts["kind"].to_list() == [kind]
    assert facts["format"].to_list() == ["other"]
