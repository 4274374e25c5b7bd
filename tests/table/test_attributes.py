"""The user's own columns: which are taken, how they find their images, and what is said when they do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.config import make_config
from hilum.errors import DataError
from hilum.table.attributes import read_attributes
from hilum.table.sources.read import read_source
from hilum.table.table import Table
from hilum.train import make_job
from hilum_phantom import Faults, make_phantom


def made(tmp_path: Path, count: int = 4) -> Table:
    rows = {
        "image_id": [f"i{k}" for k in range(count)],
        "path": [f"train/a/{k}.png" for k in range(count)],
        "patient_id": ["p"] * count,
        "source": ["x"] * count,
        "Edema": [1] * count,
    }
    return Table.make(pl.DataFrame(rows), ("Edema",), tmp_path)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_columns_of_few_values_are_taken_and_others_left_out(tmp_path: Path) -> None:
    file = write(
        tmp_path / "a.csv",
        "image_id,drain,tube,ward,age_years,note,part,Edema,empty,mixed\n"
        "i0,1,True,ICU,3,a,F,1,,1\ni1,0,no,ICU,4,b,M,0,,x\ni2,,YES,ward 3,5,c,M,0,,2\nother,1,false,,6,d,M,0,,x\n",
    )
    found = read_attributes(file, made(tmp_path))
    assert found.to_dict(as_series=False) == {
        "image_id": ["i0", "i1", "i2"],
        "drain": [True, False, None],
        "tube": [True, False, True],
        "ward": ["ICU", "ICU", "ward 3"],
        "note": ["a", "b", "c"],
        "mixed": ["1", "x", "2"],
    }


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"image_id": ["i1", "i0"], "a": [True, None], "b": [0, 1], "c": [1.0, 0.0], "d": [0.5, 1.0]}
    )
    frame.write_parquet(tmp_path / "a.parquet")
    found = read_attributes(tmp_path / "a.parquet", made(tmp_path))
    assert found.columns == ["image_id", "a", "b", "c"]
    assert found.rows() == [("i1", True, False, True), ("i0", None, True, False)]


@given(st.sampled_from(["", "./", "Release-v1/", "x/y/", "ROOT/"]), st.booleans())
def test_paths_find_their_image_however_they_are_written(prefix: str, backwards: bool) -> None:
    table = made(Path("/data"))
    prefix = "/data/" if prefix == "ROOT/" else prefix
    paths = [f"{prefix}{path}" for path in table.frame["path"]]
    paths = [path.replace("/", "\\") for path in paths] if backwards and prefix != "./" else paths
    frame = pl.DataFrame({"path": paths, "drain": [1, 0, 0, 1]})
    with TemporaryDirectory() as folder:
        frame.write_csv(Path(folder) / "a.csv")
        found = read_attributes(Path(folder) / "a.csv", table)
    assert found.rows() == [("i0", True), ("i1", False), ("i2", False), ("i3", True)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("image,drain\ni0,1\n", "no column 'image_id'; did you mean 'image'"),
        ("image_id,size\ni0,3\n", "no column to show scores by"),
        (
            "image_id,drain\nj0,1\nj1,0\n",
            "2 values of image_id is an image of the data. It has j0, j1",
        ),
        ("path,drain\nq.png,1\n", "none of its 1 values of path"),
        ("image_id,drain\ni0,1\ni0,0\n", "different things of the same image: i0"),
    ],
)
def test_a_wrong_file_is_said_in_one_message(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DataError, match=says.replace("(", r"\(")):
        read_attributes(write(tmp_path / "a.csv", text), made(tmp_path))


def test_a_missing_or_damaged_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file|is empty or not there"):
        read_attributes(tmp_path / "a.csv", made(tmp_path))
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_attributes(write(tmp_path / "a.parquet", "x"), made(tmp_path))
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_attributes(tmp_path / "b.parquet", made(tmp_path))


def test_the_same_row_twice_is_no_contradiction(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "image_id,drain\ni0,1\ni0,1\ni1,0\n")
    assert len(read_attributes(file, made(tmp_path))) == 2


@pytest.mark.parametrize("layout", ["chexpert", "nih"])
def test_a_phantoms_truth_shows_scores_by_leads(tmp_path: Path, layout: str) -> None:
    make_phantom(
        tmp_path / "study", 16, layout, size=32, workers=1, faults=Faults(shortcut="Pleural Effusion")
    )
    truth = pl.read_csv(tmp_path / "study" / "truth.csv")
    settings = {
        "data": {
            "path": f"{layout}:{tmp_path / 'study'}",
            "attributes": str(tmp_path / "study" / "truth.csv"),
            "findings": ["Cardiomegaly"],
        },
        "prepare": {"size": 32},
    }
    images = make_job(make_config(settings)).images()
    table = read_source(layout, tmp_path / "study").frame
    wanted = dict(truth.select("path", pl.col("leads") == 1).iter_rows())
    by_id = {row["image_id"]: wanted[row["path"]] for row in table.iter_rows(named=True)}
    assert dict(images.select("image_id", "leads").iter_rows()) == {i: by_id[i] for i in images["image_id"]}
    assert 0 < images["leads"].sum() < len(images)


def test_ages_and_sexes_come_from_the_file_where_the_data_have_none(tmp_path: Path) -> None:
    make_phantom(tmp_path / "study", 16, "folder", size=32, workers=1)
    truth = pl.read_csv(tmp_path / "study" / "truth.csv")
    settings = {
        "data": {
            "path": f"folder:{tmp_path / 'study'}",
            "attributes": str(tmp_path / "study" / "truth.csv"),
            "findings": ["pneumothorax"],
        },
        "prepare": {"size": 32},
    }
    images = make_job(make_config(settings)).images().sort("image_id")
    truth = truth.with_columns(image_id=pl.col("path").str.strip_suffix(".png")).sort("image_id")
    assert images["image_id"].to_list() == truth["image_id"].to_list()
    assert images["sex"].to_list() == truth["sex"].to_list()
    assert images["projection"].to_list() == truth["projection"].to_list()
    assert images["age"].to_list() == pytest.approx(truth["age"].to_list(), abs=1e-4)
    table = made(tmp_path)
    file = write(tmp_path / "a.csv", "image_id,sex,drain\ni0,female,1\ni1,M,0\n")
    assert read_attributes(file, table).columns == ["image_id", "drain", "sex"]
    known = Table.make(table.frame.with_columns(sex=pl.lit("F")), ("Edema",), tmp_path)
    assert read_attributes(file, known).columns == ["image_id", "drain"]


def test_a_wrong_file_leaves_no_run(tmp_path: Path, hilum: Callable[..., Any]) -> None:
    make_phantom(tmp_path / "study", 8, size=32, workers=1)
    file = write(tmp_path / "a.csv", "image_id,drain\nx,1\n")
    outcome = hilum(
        "train", "phantom-resnet18", "--data", f"chexpert:{tmp_path / 'study'}", "--out", tmp_path / "runs",
        "--set", f"data.attributes={file}", "--set", "prepare.size=32",
    )  # fmt: skip
    assert outcome.code == 2
    assert "none of its 1 values of image_id" in outcome.err
    assert not list((tmp_path / "runs").glob("*"))


def test_parquet_of_bytes_and_lists(tmp_path: Path) -> None:
    ids = pl.Series("image_id", ["i1", "i0"])
    lists, text = pl.Series("a", [[1], [2]]), pl.Series("b", [b"icu", b"ward"])
    pl.DataFrame([ids.cast(pl.Binary), lists, text]).write_parquet(tmp_path / "a.parquet")
    assert read_attributes(tmp_path / "a.parquet", made(tmp_path)).rows() == [("i1", "icu"), ("i0", "ward")]
    for wrong in (pl.Series("image_id", [[1], [2]]), pl.Series("image_id", [b"\xff", b"i0"])):
        pl.DataFrame([wrong, text]).write_parquet(tmp_path / "a.parquet")
        with pytest.raises(DataError, match=r"no column 'image_id'|cannot be read as Parquet: invalid utf"):
            read_attributes(tmp_path / "a.parquet", made(tmp_path))
