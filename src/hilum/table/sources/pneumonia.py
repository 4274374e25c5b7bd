"""Paediatric pneumonia: 5,856 anterior-posterior chest X-rays of children of one to five years, Guangzhou.

Citation: Kermany D, Zhang K, Goldbaum M. Labeled optical coherence tomography (OCT) and chest X-ray images for
classification. Mendeley Data, doi:10.17632/rscbjbr9sj. Cell 2018;172:1122-1131. Licence: CC BY 4.0.

The paper: Kermany DS, Goldbaum M, Cai W, et al. Identifying medical diagnoses and treatable diseases by
image-based deep learning.

Layout; ROOT is this folder or the one around it::

    chest_xray/
    ├── train/NORMAL/IM-0115-0001.jpeg, NORMAL2-IM-0383-0001.jpeg, ...
    ├── train/PNEUMONIA/person1_bacteria_1.jpeg, person1000_virus_1681.jpeg, ...
    ├── val/NORMAL/..., val/PNEUMONIA/...                             16 images (optional)
    └── test/NORMAL/..., test/PNEUMONIA/...

One finding, `Pneumonia`; the extra column `subtype` is bacteria, virus or null. The patient is read from the file
name: `person1`, `IM-0115`, `NORMAL2-IM-0383`; in the release whose files are called `BACTERIA-1008087-0001.jpeg`
it is the number. 170 `personN` occur in both train and test, and nobody has published whether they are the same
children: the name is kept as it is, the official test part is kept apart by the splitter, and the doctor says so.
The 16 images of `val` are too few to choose anything by; as in most published work they count as `train`
(their paths still say `val`), and the validation part is drawn from train by patient.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from hilum.config import Section
from hilum.errors import DataError
from hilum.table.sources.base import Source, is_image, subfolders
from hilum.table.sources.folder import class_folders
from hilum.table.table import Table

_FINDING = "Pneumonia"
_CLASSES = ("NORMAL", "PNEUMONIA")
_PATIENT = r"(?i)^(person\d+|(?:NORMAL2-)?IM-\d+)[_-]"
_RELEASE_PATIENT = r"(?i)^(?:NORMAL|BACTERIA|VIRUS)-(\d+)-"
_SUBTYPE = r"(?i)(?:_|^)(bacteria|virus)[_-]"


def _read(root: Path, options: Section | None = None) -> Table:
    """Read the class folders of the paediatric pneumonia set; see the module for the layout.

    Raises:
        DataError: the folders train/ or test/ with NORMAL/ and PNEUMONIA/ are not there or empty.
    """
    del options
    home = _home(root)
    if home is None:
        raise DataError(
            f"{root} should hold train/ or test/, each with folders NORMAL and PNEUMONIA of images; it does not."
        )
    frame, notes = class_folders(home)
    frame = frame.with_columns(pl.col("class").str.to_uppercase())
    strange = frame.filter(~pl.col("class").is_in(_CLASSES))
    if len(strange):
        raise DataError(
            f"{home} should hold the classes NORMAL and PNEUMONIA only; it has {strange['path'][0]}."
        )
    stem = pl.col("path").str.extract(r"([^/]+)\.[^./]+$")
    frame = frame.select(
        "image_id",
        "path",
        pl.coalesce(stem.str.extract(_PATIENT), stem.str.extract(_RELEASE_PATIENT), stem).alias("patient_id"),
        pl.lit("frontal").alias("view"),
        pl.lit("AP").alias("projection"),
        pl.lit("pneumonia").alias("source"),
        pl.col("official_split").replace("valid", "train"),
        stem.str.extract(_SUBTYPE).str.to_lowercase().alias("subtype"),
        (pl.col("class") == "PNEUMONIA").cast(pl.Int8).alias(_FINDING),
    )
    return Table.make(frame, (_FINDING,), home, notes=notes)


def _matches(root: Path) -> bool:
    """Whether the folder, or one in it, has train/ or test/ with NORMAL/ and PNEUMONIA/ that hold images."""
    return _home(root) is not None


def _home(root: Path) -> Path | None:
    for folder in (root, *subfolders(root)):
        for part in subfolders(folder):
            classes = {inner.name.upper(): inner for inner in subfolders(part)}
            if part.name.lower() in {"train", "test"} and all(
                name in classes and any(map(is_image, classes[name].iterdir())) for name in _CLASSES
            ):
                return folder
    return None


SOURCE = Source(
    name="pneumonia",
    title="Paediatric pneumonia (Kermany)",
    read=_read,
    matches=_matches,
    url="https://data.mendeley.com/datasets/rscbjbr9sj/",
    doc=__doc__,
    notes_from="One finding",
    has_official_split=True,
)
