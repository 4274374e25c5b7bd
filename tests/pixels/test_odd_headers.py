"""One odd header in a study of DICOM files is one file left out, by name, whoever reads the study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dicoms import dicom
from pictures import smooth

from hilum.config import PrepareConfig
from hilum.doctor import PackReport, doctor
from hilum.pixels.build import build_pack
from hilum.table import read_source

ODD = {
    "frames that are no number": (b"(\x00\x08\x00IS\x02\x001 ", b"(\x00\x08\x00IS\x02\x00ab"),
    "bits of three bytes": (b"(\x00\x01\x01US\x02\x00", b"(\x00\x01\x01US\x03\x00"),
    "rows of three bytes": (b"(\x00\x10\x00US\x02\x00", b"(\x00\x10\x00US\x03\x00"),
    "an unknown kind of value": (b"(\x00\x00\x01US\x02\x00", b"(\x00\x00\x01ZZ\x02\x00"),
    "a representation that is none": (b"(\x00\x03\x01US\x02\x00\x00\x00", b"(\x00\x03\x01US\x02\x00\x07\x00"),
    "colours that are none": (b"MONOCHROME2", b"MONO\xff\x00ROME2"),
    "a width that is no number": (b"(\x00Q\x10DS\x04\x004096", b"(\x00Q\x10DS\x04\x00wide"),
    "a slope that is no number": (b"(\x00S\x10DS\x02\x001 ", b"(\x00S\x10DS\x02\x00--"),
}


def study(folder: Path) -> Path:
    """Twelve films and their labels."""
    folder.mkdir()
    lines = ["path,Edema"]
    for number in range(12):
        tags = {"WindowCenter": "2048", "WindowWidth": "4096", "RescaleSlope": "1", "RescaleIntercept": "0"}
        pixels = smooth(40, 36, number).astype(np.uint16) * 16
        (folder / f"{number:02}.dcm").write_bytes(
            dicom(pixels, 12, NumberOfFrames="1", PatientID=f"p{number}", **tags)
        )
        lines.append(f"{number:02}.dcm,{number % 2}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("odd", ODD)
def test_one_odd_file(odd: str, tmp_path: Path) -> None:
    folder = study(tmp_path / "study")
    whole = read_source("dicom", folder)
    bad, (old, new) = folder / "03.dcm", ODD[odd]
    data = bad.read_bytes()
    assert data.count(old) == 1
    bad.write_bytes(data.replace(old, new))
    report = doctor("dicom", folder, max_bad=0.2)
    assert report.images in (11, 12)  # 11: the source has left it out already
    assert any("03.dcm" in str(check) for check in report.checks)
    pack = build_pack(whole, tmp_path / "pack", PrepareConfig(size=16), max_excluded=0.2)
    assert pack.excluded["path"].to_list() == ["03.dcm"]
    assert pack.excluded["reason"][0].startswith("is a DICOM file")
    assert PackReport.of(pack).originals.looked_at == 11


def test_a_guess_is_told_by_the_doctor(tmp_path: Path) -> None:
    folder = study(tmp_path / "study")
    for number in (2, 5):
        (folder / f"{number:02}.dcm").write_bytes(
            dicom(smooth(40, 36, number).astype(np.uint16) * 16, 12, PatientID=f"p{number}")
        )
    told = [check for check in doctor("dicom", folder).checks if check.name == "guessed"]
    assert len(told) == 1
    assert "2 images read with a guess: 2 x no window and no look-up table" in told[0].message
