"""What is predicted, as a table and as a file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import hilum
from hilum import api
from hilum.errors import ConfigError, InputError, PackError
from hilum.pixels import Pack, build_pack
from hilum.predict.predictor import expand
from hilum.runs import Run


@pytest.fixture
def films(pack: Pack, tmp_path: Path) -> Path:
    """Three pictures, one with a name that a spreadsheet would run, and a file that is none."""
    folder = tmp_path / "films"
    folder.mkdir()
    for name, path in zip(["a.png", "=b.png", "c.png"], pack.table.frame["path"], strict=False):
        shutil.copy(pack.table.root / path, folder / name)
    (folder / "d.png").write_bytes(b"no picture")
    return folder


def test_a_row_for_each_image_and_finding(run: Run, films: Path) -> None:
    predicted = api.predict(run, films, device="cpu")
    frame = predicted.frame()
    assert frame.schema == {
        "id": pl.String,
        "finding": pl.String,
        "probability": pl.Float64,
        "decision": pl.Int8,
        "notes": pl.String,
    }
    names = list(run.data["findings"])
    assert frame["finding"].to_list() == names * 4
    assert frame["id"].unique(maintain_order=True).to_list() == [
        str(path) for path in sorted(films.iterdir())
    ]
    read = frame.filter(pl.col("probability").is_not_null())
    thresholds = dict(zip(names, run.thresholds.values, strict=True))
    decided = [
        int(p >= thresholds[finding]) for finding, p in read.select("finding", "probability").iter_rows()
    ]
    assert read["decision"].to_list() == decided
    assert read["notes"].unique().to_list() == [""]
    unread = frame.filter(pl.col("probability").is_null())
    assert unread["id"].unique().to_list() == [str(films / "d.png")]
    assert unread["decision"].null_count() == len(names)
    assert "is not an image, or is damaged" in unread["notes"][0]
    assert "<table" in predicted._repr_html_()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_file_holds_the_table(run: Run, films: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / "new" / f"predictions{suffix}"
    frame = api.predict(run, films, out=out, device="cpu").frame()
    read = pl.read_csv if suffix == ".csv" else pl.read_parquet
    found = read(out, schema=frame.schema) if suffix == ".csv" else read(out)
    np.testing.assert_array_equal(found["probability"], frame["probability"])
    assert found.drop("notes").equals(frame.drop("notes"))


def test_a_name_is_no_formula(run: Run, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(films)
    api.predict(run, "=b.png", out=tmp_path / "p.csv", device="cpu")
    assert (tmp_path / "p.csv").read_text().splitlines()[1].startswith("'=b.png,")


def test_another_suffix_is_refused_before_anything_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(ConfigError, match=r"\.csv or \.parquet.*p\.xlsx"):
        api.predict("runs/none", tmp_path, out=tmp_path / "p.xlsx")


def test_a_file_a_folder_and_a_pack_go_together_into_a_new_folder(
    run: Run, films: Path, pack: Pack, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "deep" / "p.csv"
    one = next(path for path in sorted(films.iterdir()) if path.is_file())
    inside = sum(path.is_file() for path in films.rglob("*"))
    for _ in range(2):  # what is there already is written anew
        found = api.predict(run, [pack.path, films, one], out=out, force=True, device="cpu")
        assert len(found.images) == inside + 1 + len(pack)
        assert [image.in_pack for image in found.images] == [False] * (inside + 1) + [True] * len(pack)
        assert len(pl.read_csv(out)) == len(found.frame()) == len(found.images) * len(found.findings)


def test_a_pack_gives_what_its_files_give(run: Run, pack: Pack) -> None:
    paths = [pack.table.root / path for path in pack.table.frame["path"]]
    of_files = api.predict(run, paths, device="cpu")
    of_pack = api.predict(run, pack.path, device="cpu")
    assert [image.id for image in of_pack.images] == pack.table.image_ids.tolist()
    assert set(of_pack.images[0].to_json(of_pack.findings)) == {"id", "findings"}
    one, other = ([image.probabilities for image in found.images] for found in (of_files, of_pack))
    np.testing.assert_allclose(one, other, atol=1e-6)
    judged = run.judged("valid")
    rows = [pack.table.image_ids.tolist().index(name) for name in judged.image_ids]
    np.testing.assert_allclose(np.array(other)[rows], judged.probabilities, atol=1e-6)
    both = api.predict(run, [pack.path, paths[0]], device="cpu")
    assert [image.id for image in both.images[:2]] == [str(paths[0]), pack.table.image_ids[0]]


def test_an_ensemble_looks_at_a_pack(ensemble: Path, pack: Pack) -> None:
    """The run and a copy of it: their mean is what each says, before the ensemble's own calibration."""
    model = hilum.load(ensemble, device="cpu")
    found = model.predict(pack.path).images
    kept = Run(ensemble).judged("valid")
    rows = [pack.table.image_ids.tolist().index(name) for name in kept.image_ids]
    np.testing.assert_allclose([found[row].probabilities for row in rows], kept.probabilities, atol=1e-6)


def test_a_pack_of_another_size_is_refused(run: Run, pack: Pack, tmp_path: Path) -> None:
    other = build_pack(pack.table, tmp_path / "pack", pack.prepare.model_copy(update={"size": 24}), workers=1)
    with pytest.raises(PackError, match=r"size = 24, not 32.*hilum pack SOURCE FOLDER --out OUT --size 32"):
        api.predict(run, other.path, device="cpu")


def test_one_path_is_one_item(tmp_path: Path) -> None:
    film = tmp_path / "film.png"
    film.touch()
    assert expand(str(film)) == expand(film) == expand([film]) == [film]
    with pytest.raises(InputError, match="no file"):
        expand(tmp_path / "none.png")


def test_the_command_writes_the_file_and_still_says_what_could_not_be_read(
    run: Run, films: Path, tmp_path: Path, hilum
) -> None:
    out = tmp_path / "predictions.parquet"
    done = hilum("predict", run.path, films, "--out", out, "--device", "cpu")
    assert done.code == 2
    assert done.out.splitlines()[0] == f"predictions: {out}, 3 images"
    assert "1 of 4 files could not be read as an image." in done.err
    assert pl.read_parquet(out)["id"].n_unique() == 4
