"""NIH ChestX-ray14: 112,120 frontal chest X-rays of 30,805 patients, labelled from their reports.

Citation: Wang X, Peng Y, Lu L, Lu Z, Bagheri M, Summers RM. ChestX-ray8: hospital-scale chest X-ray database and
benchmarks on weakly-supervised classification and localization of common thorax diseases. IEEE CVPR 2017,
3462-3471. Licence: no restriction of use; link, acknowledge the NIH Clinical Center and cite.

Layout::

    ROOT/
    ├── Data_Entry_2017_v2020.csv  (or Data_Entry_2017.csv, or .csv.gz)   112,120 rows
    │   or sample_labels.csv                                  5,606 rows, of Kaggle's sample
    ├── train_val_list.txt, test_list.txt                     official split, one file name a line (optional)
    ├── BBox_List_2017.csv                                    984 boxes (optional)
    └── images/00000001_000.png, images_001/images/..., ...   PNG or JPEG, matched by name without suffix

Images are looked for in folders whose names begin with `images`, else anywhere under ROOT. Where some are there,
only they are rows (`only_present=False` keeps all rows); where none is there, all rows are kept. Every label is
1 or 0: what a report does not mention counts as negative in this data set. The findings are the 14 diseases in
their official order; `no_finding=True` adds the label "No Finding" as a last one, which is 1 where all others
are 0. The official lists know train_val and test only: train_val is `train`, and a row in neither list has no
part. Ages over 120 are errors of the record (there is a 411) and become null. Boxes are drawn on 1024 x 1024
originals and become shares of width and height. Extra columns: `follow_up` (number of the visit) and `row` (row
number in the label file, from 0).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from hilum.config import Section
from hilum.errors import DataError, did_you_mean
from hilum.table.identity import identity
from hilum.table.sources.base import (
    Source,
    find_images,
    missing_file,
    need_columns,
    one_of,
    strip_suffix,
    subfolders,
)
from hilum.table.sources.delimited import csv_columns, read_csv, read_lines
from hilum.table.sources.values import READERS, numbers
from hilum.table.table import Table
from hilum.text import listed, stem_of

_FINDINGS = (
    *("Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia"),
    *("Pneumothorax", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia"),
)
_NO_FINDING = "No Finding"
_LABEL_FILES = (
    *("Data_Entry_2017_v2020.csv", "Data_Entry_2017_v2020.csv.gz"),
    *("Data_Entry_2017.csv", "Data_Entry_2017.csv.gz", "sample_labels.csv"),
)
"""The names under which labels are published; the first that is there is read, and no copy under another name."""
_LISTS = {
    "train": ("train_val_list.txt", "train_val_list_NIH.txt"),
    "test": ("test_list.txt", "test_list_NIH.txt"),
}
_BOX_FILES = ("BBox_List_2017.csv", "BBox_List_2017_Official_NIH.csv")
_BOX_PIXELS = 1024.0
"""Width and height of the originals, in whose pixels boxes are written."""


class _NihOptions(Section):
    """Options of the source `nih`."""

    only_present: bool = True
    """Where some images are there, leave out the rows whose image is not."""
    no_finding: bool = False
    """Add the label "No Finding" as a last finding."""


def _read(root: Path, options: _NihOptions | None = None) -> Table:
    """Read the label file of ChestX-ray14; see the module for the layout.

    Raises:
        DataError: the label file or a column is missing, a label is unknown, or an image occurs twice.
    """
    options = options or _NihOptions()
    path = _label_file(root)
    if path is None:
        raise missing_file(root, "Data_Entry_2017_v2020.csv")
    notes = _copies(root, path)
    raw = read_csv(path, notes).with_row_index("row")
    need_columns(raw, ("Image Index", "Finding Labels", "Patient ID"), path)
    findings = (*_FINDINGS, _NO_FINDING) if options.no_finding else _FINDINGS
    frame = raw.select(
        strip_suffix(pl.col("Image Index")).alias("image_id"),
        pl.col("row").cast(pl.Int64),
        *_label_columns(raw["Finding Labels"], findings, path),
        **_described(raw),
    )
    frame = _official_parts(frame, root, notes)
    frame = _with_paths(frame, raw["Image Index"], root, options.only_present)
    return Table.make(frame, findings, root, _boxes(root, frame["image_id"]), notes)


def _matches(root: Path) -> bool:
    """Whether the label file of ChestX-ray14 is in the folder."""
    path = _label_file(root)
    return path is not None and "Finding Labels" in csv_columns(path)


def _label_columns(labels: pl.Series, findings: tuple[str, ...], origin: Path) -> list[pl.Series]:
    """Label strings such as `Effusion|Mass` to one Int8 column of 0 and 1 a finding.

    Raises:
        DataError: a string holds a label that is not one of the 14 or "No Finding".
    """
    # Few distinct strings (836 in 112,120 rows) are split once, then looked up.
    distinct = labels.unique(maintain_order=True).fill_null("")
    sets = [{part.strip() for part in text.split("|")} for text in distinct]
    for names in sets:
        for name in sorted(names - {*_FINDINGS, _NO_FINDING}):
            raise DataError(
                f"{origin}: unknown label {name!r}; {did_you_mean(name, [*_FINDINGS, _NO_FINDING])}"
            )
    table = pl.DataFrame(
        {"labels": distinct, **{name: [int(name in names) for names in sets] for name in findings}},
        schema_overrides=dict.fromkeys(findings, pl.Int8),
    )
    rows = labels.fill_null("").to_frame("labels").join(table, on="labels", how="left", maintain_order="left")
    return [rows[name] for name in findings]


def _label_file(root: Path) -> Path | None:
    return one_of(root, _LABEL_FILES)


def _copies(root: Path, path: Path) -> list[str]:
    """A note on what is called nearly as the label file, and not read."""
    alike = sorted(file.name for file in root.glob("Data_Entry_2017*") if file != path)
    return [f"{path.name} was read; beside it and not read: {listed(alike, 4)}."] if alike else []


def _described(raw: pl.DataFrame) -> dict[str, pl.Expr]:
    """Patient, study, view, age and sex, as far as the file has them."""
    position, there = "View Position", {"age": "Patient Age", "sex": "Patient Gender"}
    there |= {"view": position, "projection": position}
    made = {name: READERS[name](pl.col(column)) for name, column in there.items() if column in raw.columns}
    if "Follow-up #" in raw.columns:
        made["follow_up"] = pl.col("Follow-up #").cast(pl.Int64, strict=False)
    patient, study = identity(pl.col("Patient ID")).str.zfill(8), strip_suffix(pl.col("Image Index"))
    return {"patient_id": patient, "study_id": study, "source": pl.lit("nih"), **made}


def _official_parts(frame: pl.DataFrame, root: Path, notes: list[str]) -> pl.DataFrame:
    parts: dict[str, str] = {}
    for part, names in _LISTS.items():
        path = one_of(root, names)
        if path:
            parts |= dict.fromkeys(map(stem_of, read_lines(path)), part)
    if not parts:
        return frame.with_columns(official_split=pl.lit(None, pl.String))
    found = pl.col("image_id").replace_strict(parts, default=None, return_dtype=pl.String)
    frame = frame.with_columns(official_split=found)
    if neither := frame["official_split"].null_count():
        notes.append(f"{neither:,} of {len(frame):,} rows are in none of the official lists that are there.")
    return frame


def _with_paths(frame: pl.DataFrame, names: pl.Series, root: Path, only_present: bool) -> pl.DataFrame:
    """Paths of the images that are there; the official place for those that are not."""
    there = _images_by_stem(root, set(frame["image_id"]))
    found = pl.col("image_id").replace_strict(there, default=None, return_dtype=pl.String)
    frame = frame.with_columns(path=found if there else pl.lit(None, pl.String))
    if there and only_present:
        return frame.filter(pl.col("path").is_not_null())
    return frame.with_columns(pl.col("path").fill_null("images/" + names))


def _images_by_stem(root: Path, wanted: set[str]) -> dict[str, str]:
    folders = [folder for folder in subfolders(root) if folder.name.lower().startswith("images")] or [root]
    there: dict[str, str] = {}
    for folder in folders:
        prefix = "" if folder == root else f"{folder.name}/"
        for name in find_images(folder):
            stem = stem_of(name)
            if stem not in wanted:
                continue
            if stem in there:
                raise DataError(
                    f"{root} holds the image {stem} twice: {there[stem]} and {prefix}{name}. "
                    "Keep one copy of the images under the folder."
                )
            there[stem] = prefix + name
    return there


def _boxes(root: Path, image_ids: pl.Series) -> pl.DataFrame | None:
    """Boxes of the images that are rows, as shares."""
    path = one_of(root, _BOX_FILES)
    if path is None:
        return None
    raw = read_csv(path)
    # The header is `Image Index,Finding Label,Bbox [x,y,w,h],,,`: four unnamed-looking columns hold the box.
    if len(raw.columns) < 6:
        raise DataError(
            f"{path} should have 6 columns (image, finding, x, y, width, height); it has {len(raw.columns)}."
        )
    columns = zip(("x", "y", "width", "height"), numbers(raw, raw.columns[2:6], path), strict=True)
    corner = {name: (column / _BOX_PIXELS).clip(0, 1) for name, column in columns}
    boxes = raw.select(
        strip_suffix(pl.col(raw.columns[0])).alias("image_id"),
        pl.col(raw.columns[1]).replace("Infiltrate", "Infiltration").alias("finding"),
        **corner,
    )
    return boxes.join(image_ids.to_frame(), on="image_id", how="semi")


SOURCE = Source(
    name="nih",
    title="NIH ChestX-ray14",
    read=_read,
    matches=_matches,
    url="https://nihcc.app.box.com/v/ChestXray-NIHCC",
    doc=__doc__,
    notes_from="Images are",
    has_official_split=True,
    options=_NihOptions,
)
