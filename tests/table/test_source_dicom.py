from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from hilum.errors import DataError, MissingExtra
from hilum.table.sources.dicom import _pseudonym, _scan
from hilum.table.sources.read import read_source

pydicom = pytest.importorskip("pydicom")


def write(path: Path, **tags: Any) -> str:
    """A small DICOM image; returns its SOP Instance UID."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    data = Dataset()
    data.SOPInstanceUID = generate_uid(entropy_srcs=[path.name])
    data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    data.Rows = data.Columns = 4
    data.PatientName = "Doe^Jane"
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for keyword, value in tags.items():
        setattr(data, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return str(data.SOPInstanceUID)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    study = {"StudyInstanceUID": "1.2.3", "PatientID": "MRN-77"}
    write(tmp_path / "p/a.dcm", **study, PatientSex="F", PatientAge="034Y", ViewPosition="PA")
    write(tmp_path / "p/b", **study, PatientSex="O", PatientAge="006M", ViewPosition="LL")
    write(tmp_path / "q/c.dcm", PatientBirthDate="19500630", StudyDate="20200629")
    return tmp_path


def test_tags_become_columns_and_nobody_is_named(root: Path) -> None:
    table = read_source("dicom", root)
    frame = table.frame
    patient = hashlib.sha256(b"MRN-77").hexdigest()[:12]
    assert frame["path"].to_list() == ["p/a.dcm", "p/b", "q/c.dcm"]
    assert frame["patient_id"].to_list() == [patient, patient, frame["image_id"][2]]
    assert frame["study_id"].to_list() == [_pseudonym("1.2.3")] * 2 + [None]
    assert frame["sex"].to_list() == ["F", None, None]
    assert frame["age"].to_list() == [34, 0.5, 69]
    assert frame["view"].to_list() == ["frontal", "lateral", None]
    assert frame["projection"].to_list() == ["PA", "LL", None]
    assert table.findings == ()
    written = frame.write_csv()
    for secret in ("MRN-77", "Doe", "19500630", "20200629", "1.2.3", "1.2.826"):
        assert secret not in written


def test_a_salt_changes_every_name(root: Path) -> None:
    plain, salted = read_source("dicom", root).frame, read_source("dicom", root, salt="s").frame
    for name in ("image_id", "patient_id"):
        assert not set(plain[name]) & set(salted[name])
    assert salted["patient_id"].n_unique() == 2


def test_the_view_code_is_used_where_the_position_is_not_said(tmp_path: Path) -> None:
    code = pydicom.Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "399348003", "SCT", "antero-posterior"
    write(tmp_path / "a.dcm", ViewCodeSequence=[code])
    assert read_source("dicom", tmp_path).frame["projection"].to_list() == ["AP"]


def test_other_files_are_counted_and_copies_left_out(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "notes.txt").write_text("hello")
    (root / "p/DICOMDIR").write_bytes(bytes(128) + b"DICM")
    (root / "broken.dcm").write_bytes(b"not DICOM at all")
    (root / "empty.dcm").touch()
    (root / "q/copy.dcm").write_bytes((root / "p/a.dcm").read_bytes())
    found = _scan(root)
    assert (len(found.headers), set(found.unreadable), found.others) == (4, {"broken.dcm", "empty.dcm"}, 2)
    assert len(read_source("dicom", root)) == 3
    said = capsys.readouterr().err
    assert "2 files left out that are no readable DICOM" in said
    assert "1 second copies of the same picture" in said


def test_a_report_is_no_image(tmp_path: Path) -> None:
    write(tmp_path / "report.dcm", Rows=None)
    with pytest.raises(DataError, match="holds no DICOM image: 1 files that claim"):
        read_source("dicom", tmp_path)


@pytest.mark.parametrize("key", ["SOPInstanceUID", "path", "file"])
def test_labels_by_uid_path_or_file_name(root: Path, key: str) -> None:
    uids = [write(root / name) for name in ("x/d.dcm", "x/e.dcm")]
    names = {"SOPInstanceUID": uids, "path": ["x/d.dcm", "./x/e.dcm"], "file": ["d", "e"]}[key]
    (root / "labels.csv").write_text(f"{key},Edema,note\n{names[0]},1,a\n{names[1]},-1,b\n")
    table = read_source("dicom", root, max_unlabelled=0.6)
    assert table.findings == ("Edema",)
    assert dict(table.frame.select("path", "Edema").iter_rows()) == {"x/d.dcm": 1, "x/e.dcm": -1}
    assert any("3 of 5 images have no row in labels.csv, the first p/a.dcm" in note for note in table.notes)
    with pytest.raises(DataError, match="3 of 5 images have no row"):
        read_source("dicom", root)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("file,Edema\nzzz,1\n", {}, "column 'file' fits none of the 3 images.*the first value is 'zzz'"),
        ("who,Edema\na,1\n", {}, "no column of SOP Instance UIDs"),
        ("file,Edema\na,1\na,0\n", {}, "names one twice"),
        ("file,Edema\na,7\n", {"findings": ["Edema"]}, "column 'Edema' should hold labels"),
        ("file,Edema\na,1\n", {"findings": ["Edemas"]}, "no column 'Edemas'; did you mean 'Edema'"),
        ("file,Edema\na,1\n", {"labels": "label.csv"}, r"no file label\.csv; did you mean 'labels\.csv'"),
    ],
)
def test_labels_that_do_not_fit_are_said(
    root: Path, text: str, options: dict[str, Any], message: str
) -> None:
    (root / "labels.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_source("dicom", root, **options)


def test_a_missing_pydicom_is_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(MissingExtra, match=r"hilum\[dicom\]"):
        read_source("dicom", root)


@pytest.mark.real
def test_real_files(real: Path) -> None:
    frame = read_source("dicom", real / "dicom").frame
    assert frame["path"].to_list() == ["RG1_J2KI.dcm", "dx_image.dcm"]
    assert frame["projection"].to_list() == ["PA", None]
    assert frame["age"].to_list() == [64, 5]


def test_without_a_patient_a_study_counts_as_one(tmp_path: Path) -> None:
    for at in range(6):
        missing = {} if at % 2 else {"PatientID": ("", "nan", "NA")[at // 2]}
        write(tmp_path / f"{at}.dcm", StudyInstanceUID=f"1.2.9.{at // 2}", **missing)
    write(tmp_path / "named.dcm", StudyInstanceUID="1.2.9.1", PatientID="P1")
    write(tmp_path / "alone.dcm")
    table = read_source("dicom", tmp_path)
    ids = dict(table.frame.select("path", "patient_id").iter_rows())
    assert ids["0.dcm"] == ids["1.dcm"] != ids["2.dcm"]
    assert table.patients == 5
    assert "7 of 8 files without PatientID: a study (StudyInstanceUID) counts as a patient" in table.notes[0]
    assert "each of 1 files without a study too" in table.notes[0]


def test_patients_may_be_found_in_paths(tmp_path: Path) -> None:
    for name in ("p1/a.dcm", "p1/b.dcm", "p2/c.dcm"):
        write(tmp_path / name)
    table = read_source("dicom", tmp_path, patient_pattern="^(.+)/")
    assert table.frame["patient_id"].to_list() == [_pseudonym("p1")] * 2 + [_pseudonym("p2")]


def test_one_spelling_of_a_patient_and_no_names_of_those_alike(tmp_path: Path) -> None:
    for at, patient in enumerate(["MRN7", "MRN7 ", "mrn7", "MRN8"]):
        write(tmp_path / f"{at}.dcm", PatientID=patient)
    table = read_source("dicom", tmp_path)
    assert table.patients == 3
    assert "2 PatientIDs differ only in case" in table.notes[0]
    assert "0.dcm" in table.notes[0]
    assert "mrn7" not in table.notes[0].lower()


def test_files_of_one_uid_or_none_are_told_apart_by_their_pixels(tmp_path: Path) -> None:
    for at, level in enumerate([0, 0, 1, 2]):
        pixels = {"PixelData": bytes([level]) * 16, "BitsAllocated": 8}
        write(tmp_path / f"same{at}.dcm", SOPInstanceUID="1.2.3", **pixels)
        write(tmp_path / f"own{at}.dcm", **pixels)
        path = tmp_path / f"none{at}.dcm"
        write(path, **pixels)
        data = pydicom.dcmread(path)
        del data.SOPInstanceUID
        data.save_as(path)
    table = read_source("dicom", tmp_path)
    kept = {
        name: sum(path.startswith(name) for path in table.frame["path"]) for name in ("same", "own", "none")
    }
    assert kept == {"same": 3, "own": 4, "none": 3}
    said = " ".join(table.notes)
    assert "2 second copies of the same picture" in said
    assert "3 files without a SOP Instance UID" in said
    assert "3 files share a SOP Instance UID with another and are not copies" in said
    again = dict(table.frame.select("path", "image_id").iter_rows())
    (tmp_path / "same0.dcm").unlink()
    kept_ids = dict(read_source("dicom", tmp_path).frame.select("path", "image_id").iter_rows())
    assert kept_ids["same3.dcm"] == again["same3.dcm"]


def test_rows_without_an_image_are_counted(root: Path) -> None:
    (root / "labels.csv").write_text("file,Edema\na,1\nb,0\nc,1\nd,1\ne,0\n")
    table = read_source("dicom", root)
    assert len(table) == 3
    assert "2 of 5 rows in labels.csv are of no image that is there." in table.notes


def test_pipes_are_not_opened(root: Path) -> None:
    os.mkfifo(root / "pipe.dcm")
    os.mkfifo(root / "pipe")
    assert len(read_source("dicom", root)) == 3
