"""The label files of each layout, and what hilum keeps beside them: boxes and the truth."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from hilum.files import write_text
from hilum_phantom.chest.disease import PREVALENCE, present
from hilum_phantom.chest.render import Box
from hilum_phantom.chest.signs import FINDINGS
from hilum_phantom.layouts import Entry, nih_present

Boxes = dict[str, dict[str, tuple[Box, ...]]]
"""Image path -> finding -> boxes."""

NIH_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
NIH_PIXELS = 1024
"""NIH's boxes are in pixels of its 1024 x 1024 images, whatever the size of a copy."""
SEX = {"F": "Female", "M": "Male"}


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows under columns; None is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def write_chexpert(root: Path, entries: list[Entry], boxes: Boxes) -> None:  # noqa: ARG001
    """`train.csv` and `valid.csv`."""
    columns = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *FINDINGS]
    for part in ("train", "valid"):
        rows = [
            [
                f"CheXpert-v1.0-small/{entry.path}",
                SEX[entry.study.person.sex],
                int(entry.study.person.age),
                entry.shot.view.capitalize(),
                "" if entry.shot.view == "lateral" else entry.shot.projection,
                *(
                    None if code is None else f"{code:.1f}"
                    for code in (entry.codes[name] for name in FINDINGS)
                ),
            ]
            for entry in entries
            if entry.study.part == part
        ]
        write_csv(root / f"{part}.csv", columns, rows)


def write_nih(root: Path, entries: list[Entry], boxes: Boxes) -> None:
    """`Data_Entry_2017_v2020.csv`, `BBox_List_2017.csv` and the two official lists."""
    lines = [NIH_HEADER]
    for entry in entries:
        name = entry.path.removeprefix("images/")
        labels = "|".join(label for label, code in entry.codes.items() if code) or "No Finding"
        person, follow_up = entry.study.person, int(name[9:12])
        fields = [
            name,
            labels,
            follow_up,
            entry.study.patient,
            int(person.age),
            person.sex,
            entry.shot.projection,
        ]
        # The real file's header has nine names for eleven fields, since two of them hold a comma.
        lines.append(",".join(map(str, [*fields, NIH_PIXELS, NIH_PIXELS, 0.143, 0.143])))
    write_text(root / "Data_Entry_2017_v2020.csv", "\n".join(lines) + "\n")
    lines = ["Image Index,Finding Label,Bbox [x,y,w,h],,,"]
    for entry in entries:
        for label, finding in nih_present(entry.study).items():
            written = "Infiltrate" if label == "Infiltration" else label
            lines += [
                ",".join(
                    [entry.path.removeprefix("images/"), written, *(f"{NIH_PIXELS * v:.4f}" for v in box)]
                )
                for box in boxes[entry.path].get(finding, ())
            ]
    write_text(root / "BBox_List_2017.csv", "\n".join(lines) + "\n")
    for file, part in (("train_val_list.txt", "train"), ("test_list.txt", "test")):
        names = [entry.path.removeprefix("images/") for entry in entries if entry.study.part == part]
        write_text(root / file, "\n".join(names) + "\n")


def write_nothing(root: Path, entries: list[Entry], boxes: Boxes) -> None:
    """Class folders need no label file."""


def write_dicom(root: Path, entries: list[Entry], boxes: Boxes) -> None:  # noqa: ARG001
    """`labels.csv` by SOP Instance UID."""
    from hilum_phantom.dicom import instance_uid

    rows = [[instance_uid(entry), *(entry.codes[name] for name in FINDINGS)] for entry in entries]
    write_csv(root / "labels.csv", ["SOPInstanceUID", *FINDINGS], rows)


WRITE: dict[str, Callable[[Path, list[Entry], Boxes], None]] = {
    "chexpert": write_chexpert,
    "nih": write_nih,
    "pneumonia": write_nothing,
    "folder": write_nothing,
    "dicom": write_dicom,
}
"""Layout -> what writes its label files."""


def write_boxes(root: Path, paths: Iterable[str], boxes: Boxes) -> None:
    """`boxes.csv`: shares (0..1) of the image's width and height, from its upper left corner."""
    rows = [
        [path, finding, *(f"{value:.5f}" for value in box)]
        for path in paths
        for finding, found in boxes[path].items()
        for box in found
    ]
    write_csv(root / "boxes.csv", ["path", "finding", "x", "y", "width", "height"], rows)


def write_truth(root: Path, entries: list[Entry]) -> None:
    """`truth.csv`: per image what was really drawn: the severity of each finding (empty: it is not there)."""
    names = [name for name in PREVALENCE if any(name in present(entry.study.signs) for entry in entries)]
    columns = [
        "path",
        "patient",
        "study",
        "part",
        "person",
        "sex",
        "age",
        "view",
        "projection",
        "leads",
        "sides",
    ]
    rows = []
    for entry in entries:
        study, found = entry.study, present(entry.study.signs)
        leads = study.leads or any("ecg_leads" in sign.devices for sign in study.signs)
        sides = "|".join(f"{sign.finding}:{sign.sides}" for sign in study.signs)
        rows.append([
            entry.path, study.patient, study.number, study.part, study.person.number, study.person.sex,
            study.person.age, entry.shot.view, entry.shot.projection, int(leads), sides, entry.shot.seed,
            *(found.get(name) for name in names),
        ])  # fmt: skip
    write_csv(root / "truth.csv", [*columns, "seed", *names], rows)
