"""Checks of what a table says; no image is opened."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from hilum.doctor.report import Check
from hilum.metrics import FEW
from hilum.table import Table
from hilum.text import listed, many

_OLDEST = 110
_NUMBERED_ANEW = ("pneumonia", "folder")
"""Sources whose patients come from file names, which may have been numbered anew in each part."""


def label_checks(table: Table, patients_given: bool = False) -> Iterator[Check]:
    """Findings, patients, parts, paths and unknown values.

    Args:
        table: the images.
        patients_given: whether the user said how file names tell the patient: they are then the same persons.
    """
    yield from _findings(table)
    yield from _patients(table)
    yield from _official(table, patients_given)
    yield from _paths(table)
    yield from _unknown(table)


def _findings(table: Table) -> Iterator[Check]:
    if not table.findings:
        yield Check("warning", "findings", "There are no findings.", "Name the label columns or classes.")
        return
    counts = table.counts()
    none = counts.filter(pl.col("positive") == 0)["finding"].to_list()
    always = counts.filter(pl.col("positive") == max(len(table), 1))["finding"].to_list()
    if none or always:
        said = [f"no positive: {listed(none)}"] if none else []
        said += [f"nothing but positives: {listed(always)}"] if always else []
        yield Check(
            "warning",
            "findings",
            f"Findings of one class only have no AUC and teach nothing ({'; '.join(said)}).",
            "Leave them out with --findings, or filter fewer rows away.",
            {"no_positive": none, "only_positive": always},
        )
    few = list(_few(table))
    yield from few
    if not none and not always and not few:
        yield Check("ok", "findings", f"Every finding is positive in {FEW} patients or more.")
    blank = counts.filter((pl.col("negative") == 0) & (pl.col("blank") > 0))["finding"].to_list()
    if blank:
        yield Check(
            "note",
            "no-negatives",
            f"No image is said to be negative for {listed(blank)}; blanks are all that is not positive.",
            'With labels.blank = "ignore" it would be of one class only.',
            {"findings": blank},
        )


def _few(table: Table) -> Iterator[Check]:
    """Findings whose positives are of few patients: the patient is the unit that splits and intervals draw."""
    few, same = [], []
    for name in table.findings:
        ids = table.frame.filter(pl.col(name).eq(1))["patient_id"]
        images, patients = len(ids), ids.n_unique()
        if images >= FEW and patients < FEW:
            same.append(f"{name} ({images:,} images of {many(patients, 'patient')})")
        elif 0 < patients < FEW:
            few.append(f"{name} ({patients})")
    if few:
        message = f"Fewer than {FEW} patients with a finding, so that scores mean little: {listed(few)}."
        yield Check("note", "few-positives", message, details={"findings": few})
    if same:
        yield Check(
            "warning",
            "few-patients",
            f"Positives of fewer than {FEW} patients: {listed(same, 3)}.",
            "Scores will tell of these patients, not of the finding.",
            {"findings": same},
        )


def _patients(table: Table) -> Iterator[Check]:
    if table.nobody_named:
        yield Check(
            "note",
            "patients",
            "No patients are named, so every image counts as a patient of its own; where that is not so, the same "
            "patient may be in two parts.",
            "If file names or a column tell the patient, tell the source; see its options in `hilum sources`.",
        )


def _official(table: Table, patients_given: bool) -> Iterator[Check]:
    parts = table.official_parts()
    if len(parts) < 2:
        return
    shared = table.shared_patients(parts)
    counts = ", ".join(f"{len(ids):,} in both {a} and {b}" for (a, b), ids in shared.items())
    if not shared and not table.nobody_named:
        yield Check("ok", "patients-in-two-parts", "No patient is in two official parts.")
    elif shared:
        named = not patients_given and _taken_from_names(table)
        message = f"Patients have images in two official parts ({counts}): scores on them would be too good."
        what_to_do = (
            'Divide anew with split.keep_official = false, or give a split file with split.by = "file".'
        )
        if named:
            message = (
                f"The same patient names occur in two official parts ({counts}). They come from file names, and "
                "whether they are the same persons is not known."
            )
            what_to_do = (
                "Read test scores with that in mind; duplicate images across parts, below, would be a proof."
            )
        details = {f"{a}+{b}": list(ids) for (a, b), ids in shared.items()}
        yield Check("warning" if named else "fault", "patients-in-two-parts", message, what_to_do, details)
    for part in ("valid", "test"):
        gaps = table.rate_gaps(parts["train"], parts[part]) if {"train", part} <= set(parts) else ()
        if gaps:
            yield Check(
                "note",
                "rates-of-parts",
                f"Rates differ by over 2 points between the official train and {part}: {listed(gaps, 6)}.",
                f"Thresholds and calibration from train-like images may not suit {part}.",
                {gap.name: [gap.first, gap.second] for gap in gaps},
            )


def _taken_from_names(table: Table) -> bool:
    """Whether patients are names that the source itself found in files: of class folders, the whole file names."""
    source = table.frame["source"]
    return bool(source.is_in(_NUMBERED_ANEW).all()) and (not source.eq("folder").any() or table.nobody_named)


def _paths(table: Table) -> Iterator[Check]:
    twice = table.frame.filter(pl.col("path").is_duplicated())["path"].unique(maintain_order=True).to_list()
    if twice:
        message = f"{len(twice):,} image files are listed in two rows or more ({listed(twice, 3)})."
        yield Check("fault", "paths", message, "Keep one row for each file.", {"paths": twice})


def _unknown(table: Table) -> Iterator[Check]:
    unknown = {
        name: count
        for name in ("sex", "projection", "view", "age", "official_split")
        if 0 < (count := table.frame[name].null_count()) < len(table)
    }
    if unknown:
        said = [f"{name} in {count:,}" for name, count in unknown.items()]
        yield Check("note", "unknown", f"Rows that do not say: {listed(said)}.", details=unknown)
    strange = table.frame.filter((pl.col("age") < 0) | (pl.col("age") > _OLDEST))
    if len(strange):
        yield Check(
            "warning",
            "ages",
            f"{len(strange):,} ages are below 0 or above {_OLDEST} years ({listed(strange['age'].to_list(), 3)}).",
            "Do not filter by age or study its effect before they are corrected.",
            {"image_ids": strange["image_id"].to_list()},
        )
