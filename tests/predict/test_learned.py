from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from film_pictures import chest, mixed, other
from hilum import api
from hilum.config import PrepareConfig, make_config
from hilum.pixels import build_pack
from hilum.predict.learned import Learned
from hilum.runs import Run

pydicom = pytest.importorskip("pydicom")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One epoch on 24 drawn films, all known to be frontal."""
    folder = tmp_path_factory.mktemp("films")
    table = mixed(folder / "films", 24, view=["frontal"] * 24)
    pack = build_pack(table, folder / "pack", PrepareConfig(size=32), workers=1)
    config = make_config(
        {
            "data": {"path": str(pack.path)},
            "prepare": {"size": 32},
            "model": {"name": "densenet-small"},
            "train": {"epochs": 1, "batch": 8, "device": "cpu"},
            "scores": {"intervals": "none"},
        }
    )
    return api.train(config, out=folder / "runs", quiet=True)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "new"
    folder.mkdir()
    for name, picture in {
        "film": chest(500),
        "screen": other("screenshot", 1),
        "mask": other("mask", 1),
    }.items():
        assert cv2.imwrite(str(folder / f"{name}.png"), picture)
    return folder


def lateral(path: Path, position: str = "LL") -> Path:
    from hilum_phantom.dicom import need_pydicom

    need_pydicom()
    made = pydicom.dcmread(_dicom(path), force=True)
    made.ViewPosition = position
    made.save_as(path)
    return path


def _dicom(path: Path) -> Path:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    made = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    made.SOPClassUID, made.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    pixels = chest(501, 96)
    made.Rows, made.Columns = pixels.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    made.PixelData = pixels.tobytes()
    made.save_as(path, enforce_file_format=True)
    return path


def test_a_run_knows_what_it_learned(films: Run, run: Run):
    assert films.data["films"] is True
    assert Learned.of(films) == Learned(True, frozenset({"frontal"}))
    assert run.data["films"] is False  # bright halves of noise
    assert Learned.of(run) == Learned(False, frozenset())


def test_a_run_of_an_earlier_version_counts_as_one_of_films(run: Run, tmp_path: Path):
    copy = Path(shutil.copytree(run.path, tmp_path / "run"))
    data = json.loads((copy / "data.json").read_text())
    del data["films"]
    (copy / "data.json").write_text(json.dumps(data))
    assert Learned.of(Run(copy)).films


def test_what_is_no_film_gets_the_reason(films: Run, pictures: Path):
    results = api.predict(films, [pictures], device="cpu").images
    by_name = {Path(result.id).stem: result for result in results}
    assert by_name["film"].probabilities is not None
    assert by_name["film"].doubt is None
    for name in ("screen", "mask"):
        assert by_name[name].probabilities is None
        assert by_name[name].doubt in str(by_name[name].error)
        assert "chest film" in str(by_name[name].error)


def test_force_gives_the_same_probabilities_and_the_doubt(films: Run, pictures: Path):
    forced = api.predict(films, [pictures], force=True, device="cpu").images
    assert [result.doubt is None for result in forced] == [True, False, False]
    assert all(result.probabilities is not None and result.error is None for result in forced)
    asked = api.predict(films, [pictures], device="cpu").images
    np.testing.assert_allclose(forced[0].probabilities, asked[0].probabilities, atol=1e-6)
    assert "doubt" in forced[1].to_json(("Edema", "Mass"))


def test_a_run_that_learned_other_things_says_nothing(run: Run, pictures: Path):
    results = api.predict(run, [pictures], device="cpu").images
    assert all(result.probabilities is not None and result.doubt is None for result in results)


@pytest.mark.parametrize("position", ["LL", "RL", "LATERAL"])
def test_a_lateral_view_for_a_frontal_run(films: Run, tmp_path: Path, position: str):
    (result,) = api.predict(films, lateral(tmp_path / "a.dcm", position), device="cpu").images
    assert result.probabilities is None
    assert f"is a lateral view ({position}), and the run learned frontal ones alone" in str(result.error)


def test_images_of_a_pack_are_asked_the_same(films: Run, tmp_path: Path):
    views = ["lateral", "frontal", None]
    table = mixed(tmp_path / "films", 3, ["mask"], view=[*views, "frontal"])
    pack = build_pack(table, tmp_path / "pack", PrepareConfig(size=32), workers=1, films="any")
    results = api.predict(films, pack.path, device="cpu").images
    assert [result.probabilities is None for result in results] == [True, False, False, True]
    assert "is a lateral view, and the run learned frontal ones alone" in str(results[0].error)
    assert "does not look like a chest film" in str(results[3].error)
    forced = api.predict(films, pack.path, force=True, device="cpu").images
    assert all(result.probabilities is not None and result.error is None for result in forced)
    assert [bool(result.doubt) for result in forced] == [True, False, False, True]


@pytest.mark.parametrize("position", ["PA", "AP", ""])
def test_frontal_and_unknown_views_pass(films: Run, tmp_path: Path, position: str):
    (result,) = api.predict(films, lateral(tmp_path / "a.dcm", position), device="cpu").images
    assert result.probabilities is not None


def test_the_command(films: Run, pictures: Path, hilum):
    lateral(pictures / "side.dcm")
    done = hilum("predict", films.path, pictures, "--device", "cpu")
    assert done.code == 2
    assert "film.png" in done.out
    assert "screen.png" not in done.out
    assert done.err.count("not judged: ") == 3
    assert "3 of 4 files got no probabilities" in done.err
    assert "--force" in done.err
    listed = json.loads(hilum("predict", films.path, pictures, "--device", "cpu", "--json").out)
    assert [sorted(entry) for entry in listed] == [["findings", "path"], *[["error", "path"]] * 3]
    forced = hilum("predict", films.path, pictures, "--device", "cpu", "--force")
    assert forced.code == 0, forced.err
    assert forced.err.count("doubtful: ") == 3
    assert "screen.png" in forced.out


def test_both_kinds_of_failure_are_counted(films: Run, pictures: Path, hilum):
    (pictures / "bad.png").write_bytes(b"no picture")
    done = hilum("predict", films.path, pictures, "--device", "cpu")
    assert done.code == 2
    assert "1 of 4 files could not be read as an image. 2 of 4 files got no probabilities" in done.err


def test_a_guess_of_the_reader_is_said_once_with_its_files(films: Run, tmp_path: Path, hilum):
    for name, seed in (("a", 500), ("b", 501)):
        assert cv2.imwrite(str(tmp_path / f"{name}.png"), chest(seed).astype(np.uint16) * 8)
    assert cv2.imwrite(str(tmp_path / "c.png"), chest(502))
    done = hilum("predict", films.path, tmp_path, "--device", "cpu")
    assert done.code == 0, done.err
    said = "16-bit pixels of unknown depth: taken for 1"
    assert done.err.count("guessed: ") == done.err.count(said) == 1
    assert f"{tmp_path / 'a.png'}, {tmp_path / 'b.png'}\n" in done.err
    entries = json.loads(hilum("predict", films.path, tmp_path, "--device", "cpu", "--json").out)
    assert [said in str(entry.get("guessed")) for entry in entries] == [True, True, False]
