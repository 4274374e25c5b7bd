from __future__ import annotations

import gzip
import importlib.util
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.config import CleanConfig, LabelsConfig
from hilum.errors import DataError
from hilum.table.cleaning import Step, clean
from hilum.table.sources import chexpert
from hilum.table.sources.read import read_source
from hilum.table.table import Table

REFERENCE = CleanConfig(views=("frontal",), studies_below=5, projections=("AP", "PA"), parts=("train",))
HEAD = "Path,Sex,Age,Frontal/Lateral,AP/PA," + ",".join(chexpert._FINDINGS)
ROWS = (
    "{p}/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,,,,,,,,,0.0,,,,1.0",
    "{p}/train/patient00002/study2/view1_frontal.jpg,Male,0,Frontal,PA,,,-1.0,1.0,,-1.0,-1.0,,-1.0,,-1.0,,1.0,",
    "{p}/train/patient00002/study11/view2_lateral.jpg,Unknown,83,Lateral,,,,,1.0,,,,,,,,,,",
)
VALID = "{p}/valid/patient64541/study1/view1_frontal.jpg,Male,73,Frontal,RL,0,1,0,0,0,0,0,0,0,0,0,0,0,1"


def make(root: Path, prefix: str = "CheXpert-v1.0-small") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "train.csv").write_text("\n".join([HEAD, *ROWS]).format(p=prefix))
    (root / "valid.csv").write_text("\n".join([HEAD, VALID]).format(p=prefix))
    return root


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """The published label table, which torchxrayvision ships."""
    found = importlib.util.find_spec("torchxrayvision")
    if found is None or found.origin is None:
        pytest.skip("torchxrayvision is not installed")
    root = tmp_path_factory.mktemp("chexpert")
    shutil.copy(Path(found.origin).parent / "data" / "chexpert_train.csv.gz", root / "train.csv.gz")
    return read_source("chexpert", root)


def test_the_published_table_is_read_whole(published: Table) -> None:
    assert len(published) == 223_414
    assert published.patients == 64_540
    assert published.frame["row"].to_list() == list(range(223_414))
    assert published.frame["age"].min() == 18
    assert published.frame["path"][0] == "train/patient00001/study1/view1_frontal.jpg"


def test_the_published_cleaning_is_reproduced(published: Table) -> None:
    table, steps = clean(published, REFERENCE)
    assert steps == [
        Step("parts", 223_414, 223_414),
        Step("views", 223_414, 191_027),
        Step("studies_below", 191_027, 131_761),
        Step("projections", 131_761, 131_748),
    ]
    counts = dict(table.frame["projection"].value_counts().iter_rows())
    assert counts == {"AP": 108_159, "PA": 23_589}


def test_the_published_target_vectors_are_reproduced(published: Table) -> None:
    findings = [name for name in published.findings if name not in ("No Finding", "Support Devices")]
    table = clean(published, REFERENCE)[0].select(findings)
    targets = table.targets(LabelsConfig(uncertain="zeros", blank="zeros"))
    vectors, counts = np.unique(targets, axis=0, return_counts=True)
    assert len(vectors) == 802
    first = [
        (" + ".join(np.array(findings)[vectors[i] == 1]), int(counts[i])) for i in np.argsort(-counts)[:5]
    ]
    assert first == [
        ("", 25_805),
        ("Lung Opacity", 12_816),
        ("Lung Opacity + Pleural Effusion", 10_586),
        ("Edema", 4_834),
        ("Pleural Effusion", 4_770),
    ]


@pytest.mark.parametrize("prefix", ["CheXpert-v1.0-small", "CheXpert-v1.0", "."])
def test_rows_of_train_and_valid(tmp_path: Path, prefix: str) -> None:
    table = read_source("chexpert", make(tmp_path, prefix))
    rows = table.frame.to_dicts()
    assert [row["image_id"] for row in rows] == [
        "train/patient00001/study1/view1_frontal",
        "train/patient00002/study2/view1_frontal",
        "train/patient00002/study11/view2_lateral",
        "valid/patient64541/study1/view1_frontal",
    ]
    assert rows[0]["path"] == "train/patient00001/study1/view1_frontal.jpg"
    assert [row["study_number"] for row in rows] == [1, 2, 11, 1]
    assert [row["row"] for row in rows] == [0, 1, 2, 3]
    assert [row["age"] for row in rows] == [68, None, 83, 73]
    assert [row["sex"] for row in rows] == ["F", "M", None, "M"]
    assert [row["view"] for row in rows] == ["frontal", "frontal", "lateral", "frontal"]
    assert [row["projection"] for row in rows] == ["AP", "PA", None, None]
    assert [row["official_split"] for row in rows] == ["train"] * 3 + ["valid"]
    assert rows[2]["study_id"] == "patient00002/study11"
    assert [row["Cardiomegaly"] for row in rows] == [None, -1, None, 0]


def test_the_folder_around_it_will_do(tmp_path: Path) -> None:
    home = make(tmp_path / "CheXpert-v1.0")
    table = read_source("chexpert", tmp_path)
    assert table.root == home


def test_gzip_is_read(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "train.csv.gz").write_bytes(gzip.compress((tmp_path / "train.csv").read_bytes()))
    plain = read_source("chexpert", tmp_path)
    (tmp_path / "train.csv").unlink()
    assert read_source("chexpert", tmp_path).fingerprint() == plain.fingerprint()


def test_labels_of_the_test_part_lack_age_sex_and_view(tmp_path: Path) -> None:
    findings = [name for name in chexpert._FINDINGS if name != "Lung Lesion"]
    zeros = ",0.0" * (len(findings) - 1)
    (tmp_path / "test_labels.csv").write_text(
        f"Path,{','.join(findings)}\n"
        f"test/patient64741/study1/view1_frontal.jpg,1.0{zeros}\n"
        f"test/patient64741/study1/view2_lateral.jpg,1.0{zeros}\n"
    )
    table = read_source("chexpert", tmp_path)
    assert table.findings == chexpert._FINDINGS
    assert table.frame["view"].to_list() == ["frontal", "lateral"]
    for absent in ("age", "sex", "projection", "Lung Lesion"):
        assert table.frame[absent].null_count() == 2
    assert table.frame["official_split"].to_list() == ["test", "test"]
    assert table.frame["No Finding"].to_list() == [1, 1]


def test_test_labels_by_study_count_for_each_image_of_the_study(tmp_path: Path) -> None:
    zeros = ",0" * len(chexpert._FINDINGS)
    (tmp_path / "test.csv").write_text(
        f"Study,{','.join(chexpert._FINDINGS)}\n"
        f"CheXpert-v1.0/test/patient64741/study1{zeros}\n"
        f"CheXpert-v1.0/test/patient64742/study1{zeros}\n"
    )
    study = tmp_path / "test/patient64741/study1"
    study.mkdir(parents=True)
    for name in ("view1_frontal.jpg", "view2_lateral.jpg"):
        (study / name).touch()
    assert read_source("chexpert", tmp_path).frame["path"].to_list() == [
        "test/patient64741/study1/view1_frontal.jpg",
        "test/patient64741/study1/view2_lateral.jpg",
        "test/patient64742/study1/view1_frontal.jpg",
    ]


@pytest.mark.parametrize("csv_in_batch", [True, False])
def test_the_full_download_is_read_as_it_is_unpacked(tmp_path: Path, csv_in_batch: bool) -> None:
    first = tmp_path / "CheXpert-v1.0 batch 1 (validate & csv)"
    make(first if csv_in_batch else tmp_path, "CheXpert-v1.0")
    images = [
        "CheXpert-v1.0 batch 2 (train 1)/patient00001/study1/view1_frontal.jpg",
        "CheXpert-v1.0 batch 3 (train 2)/patient00002/study2/view1_frontal.jpg",
        "CheXpert-v1.0 batch 3 (train 2)/patient00002/study11/view2_lateral.jpg",
        "CheXpert-v1.0 batch 1 (validate & csv)/valid/patient64541/study1/view1_frontal.jpg",
    ]
    for name in images:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    table = read_source("chexpert", tmp_path)
    assert table.frame["path"].to_list() == images
    assert table.root == tmp_path
    assert table.frame["image_id"][0] == "train/patient00001/study1/view1_frontal"


@given(
    prefix=st.sampled_from(["", "CheXpert-v1.0/", "CheXpert-v1.0-small/", "/data/my train/", "a/b/"]),
    part=st.sampled_from(["train", "valid", "test"]),
    patient=st.integers(0, 99999),
    study=st.integers(1, 99),
    view=st.sampled_from(["view1_frontal.jpg", "view2_lateral.jpg", "view3_frontal.png"]),
)
def test_a_path_is_taken_apart(prefix: str, part: str, patient: int, study: int, view: str) -> None:
    path = f"{prefix}{part}/patient{patient:05}/study{study}/{view}"
    groups = pl.Series([path]).str.extract_groups(chexpert._PATH).struct.unnest().row(0)
    assert groups == (part, f"patient{patient:05}", str(study), view)


@pytest.mark.parametrize("strange", ["person1/", "patient1/study2" + 30 * "9" + "/"])
def test_a_path_of_another_data_set_is_named(tmp_path: Path, strange: str) -> None:
    make(tmp_path)
    text = (tmp_path / "valid.csv").read_text().replace("patient64541/", strange)
    (tmp_path / "valid.csv").write_text(text)
    with pytest.raises(DataError, match=rf"valid\.csv: 1 paths are not CheXpert's .*{strange}"):
        read_source("chexpert", tmp_path)


def test_a_misspelt_column_names_the_nearest(tmp_path: Path) -> None:
    make(tmp_path)
    text = (tmp_path / "train.csv").read_text().replace("Pneumothorax", "Pneumotorax")
    (tmp_path / "train.csv").write_text(text)
    with pytest.raises(DataError, match="no column 'Pneumothorax'; did you mean 'Pneumotorax'"):
        read_source("chexpert", tmp_path)


def test_a_missing_label_file_names_the_nearest(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "valid.csv").unlink()
    (tmp_path / "train.csv").rename(tmp_path / "traim.csv")
    with pytest.raises(DataError, match=r"no file train\.csv or valid\.csv .* did you mean 'traim\.csv'"):
        read_source("chexpert", tmp_path)


def test_a_label_that_is_no_code_is_named(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "valid.csv").write_text((tmp_path / "valid.csv").read_text().replace(",RL,0,", ",RL,3,"))
    with pytest.raises(DataError, match=r"column 'No Finding' should hold labels .* the first '3' in row 1"):
        read_source("chexpert", tmp_path)


@pytest.mark.parametrize(
    ("written", "age"),
    [("45.5", 45.5), ("58Y", 58.0), ("68.0", 68.0), ("old", None), ("", None), ("nan", None)],
)
def test_an_age_far_down_in_another_form_is_an_age_or_none(
    tmp_path: Path, written: str, age: float | None
) -> None:
    line = ROWS[0].format(p="C")
    rows = [line.replace("patient00001", f"patient{at:05}") for at in range(150)]
    last = line.replace("patient00001", "patient99999").replace(",68,", f",{written},")
    (tmp_path / "train.csv").write_text("\n".join([HEAD, *rows, last]))
    assert read_source("chexpert", tmp_path).frame["age"].to_list() == [68.0] * 150 + [age]


@pytest.mark.parametrize(
    "renamed",
    [
        HEAD.replace(" ", "_"),
        HEAD.lower(),
        HEAD.replace("Path", "path_to_image")
        .replace("Frontal/Lateral", "frontal_lateral")
        .replace("/PA", "_PA"),
        HEAD.replace("Lung Opacity", "Airspace Opacity"),
        HEAD.replace("Sex", "Gender").replace(",", " ,"),
    ],
)
def test_columns_are_known_under_other_names(tmp_path: Path, renamed: str) -> None:
    official = read_source("chexpert", make(tmp_path / "a"))
    other = make(tmp_path / "b")
    (other / "train.csv").write_text((other / "train.csv").read_text().replace(HEAD, renamed))
    assert read_source("chexpert", other).frame.equals(official.frame)


def test_one_column_under_two_names_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    text = HEAD.replace("Lung Lesion", "Lung_Opacity")
    (tmp_path / "train.csv").write_text((tmp_path / "train.csv").read_text().replace(HEAD, text))
    with pytest.raises(DataError, match="the column 'Lung Opacity' as Lung Opacity, Lung_Opacity"):
        chexpert._read(tmp_path)


def test_labels_may_lie_beside_the_folder_of_the_images(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "my copy/train/patient00001/study1").mkdir(parents=True)
    table = read_source("chexpert", tmp_path)
    assert (table.root, table.frame["path"][0]) == (
        tmp_path / "my copy",
        "train/patient00001/study1/view1_frontal.jpg",
    )


def test_batches_may_be_renamed(tmp_path: Path) -> None:
    make(tmp_path)
    for name in ("Batch_1_valid/valid/patient64541", "batch_2/patient00001", "batch_3/train/patient00002"):
        (tmp_path / name).mkdir(parents=True)
    table = read_source("chexpert", tmp_path)
    assert table.frame["path"].to_list() == [
        "batch_2/patient00001/study1/view1_frontal.jpg",
        "batch_3/train/patient00002/study2/view1_frontal.jpg",
        "batch_3/train/patient00002/study11/view2_lateral.jpg",
        "Batch_1_valid/valid/patient64541/study1/view1_frontal.jpg",
    ]
