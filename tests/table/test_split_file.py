from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from made_tables import cohort, make_table

from hilum.config import SplitConfig
from hilum.errors import DataError
from hilum.table.split import Split, make_split


def test_a_saved_split_is_read_again_in_any_row_order(tmp_path: Path):
    table = cohort(60)
    split = make_split(table, SplitConfig(test=0.2), 0)
    split.save(table, tmp_path / "split.parquet")
    assert pl.read_parquet(tmp_path / "split.parquet").columns == ["image_id", "patient_id", "part"]
    assert Split.load(tmp_path / "split.parquet", table).id == split.id
    again = make_split(
        table.take(np.arange(len(table))[::-1]),
        SplitConfig(by="file", file=str(tmp_path / "split.parquet")),
        99,
    )
    assert again.id == split.id
    assert again.by == "file"


def from_csv(tmp_path: Path, text: str) -> Split:
    (tmp_path / "split.csv").write_text(text)
    config = SplitConfig(by="file", file=str(tmp_path / "split.csv"))
    return make_split(make_table([0, 1, 2, 2]), config, 0)


def test_a_csv_may_list_more_images_than_the_table_has(tmp_path: Path):
    split = from_csv(tmp_path, "part,image_id\ntrain,i0\nvalid,i1\ntrain,i2\ntest,i3\ntest,i99\n")
    assert {part: rows.tolist() for part, rows in split.parts.items()} == {
        "train": [0, 2],
        "valid": [1],
        "test": [3],
    }
    assert "train and test: 1" in split.warnings[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image_id,parts\ni0,train\n", r"no column 'part' \(did you mean 'parts'\?\)"),
        ("image_id,part\ni0,train\ni1,valid\ni2,train\n", r"no part for 1 of the 4 images \(i3\)"),
        ("image_id,part\ni0,train\ni0,valid\n", "image 'i0' in two parts"),
        ("image_id,part\ni0,training\n", r"the part 'training'; parts are train, valid, test"),
        ("image_id,part\ni0,train\ni1,train\ni2,train\ni3,test\n", "valid part .* empty.*split file"),
        ("", "cannot be read"),
    ],
)
def test_a_split_file_that_does_not_fit(tmp_path: Path, text: str, message: str):
    with pytest.raises(DataError, match=message):
        from_csv(tmp_path, text)


def test_a_split_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(DataError, match="cannot be read"):
        Split.load(tmp_path / "no.parquet", make_table([0, 1]))


@pytest.mark.parametrize("ids", [[[0], [1], [2], [3]], [b"\xff"] * 4])
def test_a_parquet_split_file_without_names(tmp_path: Path, ids: list[object]):
    path = tmp_path / "split.parquet"
    pl.DataFrame({"image_id": ids, "part": ["train"] * 4}).write_parquet(path)
    with pytest.raises(DataError, match="cannot be read"):
        make_split(make_table([0, 1, 2, 2]), SplitConfig(by="file", file=str(path)), 0)
