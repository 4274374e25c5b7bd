"""Checks of what a table says; no image is opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from hilum.doctor.predicting import DECIDING, Shortcut
from hilum.doctor.report import Check, Level
from hilum.metrics import FEW
from hilum.table import TRAITS, Table, nobody_named, official_parts, rate_gaps, shared_patients
from hilum.text import listed, many

OLDEST = 110
TELLING = 0.7
"""ROC AUC from which a trait alone is called a shortcut."""
NUMBERED_ANEW = ("pneumonia", "folder")
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
    positives = {row["finding"]: row["positive"] for row in table.counts().iter_rows(named=True)}
    none = [name for name, count in positives.items() if not count]
    always = [name for name, count in positives.items() if count and count == len(table)]
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
    blank_only = table.counts().filter((pl.col("negative") == 0) & (pl.col("blank") > 0))["finding"].to_list()
    if blank_only:
        yield Check(
            "note",
            "no-negatives",
            f"No image is said to be negative for {listed(blank_only)}; blanks are all that is not positive.",
            'With labels.blank = "ignore" it would be of one class only.',
            {"findings": blank_only},
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
        yield Check(
            "note",
            "few-positives",
            f"Fewer than {FEW} patients with a finding, so that scores mean little: {listed(few)}.",
            details={"findings": few},
        )
    if same:
        yield Check(
            "warning",
            "few-patients",
            f"Positives of fewer than {FEW} patients: {listed(same, 3)}.",
            "Scores will tell of these patients, not of the finding.",
            {"findings": same},
        )


def _patients(table: Table) -> Iterator[Check]:
    if nobody_named(table):
        yield Check(
            "note",
            "patients",
            "No patients are named, so every image counts as a patient of its own; where that is not so, the same "
            "patient may be in two parts.",
            "If file names or a column tell the patient, tell the source; see its options in `hilum sources`.",
        )


def _official(table: Table, patients_given: bool) -> Iterator[Check]:
    parts = official_parts(table)
    if len(parts) < 2:
        return
    shared = shared_patients(table, parts)
    details = {f"{a}+{b}": list(ids) for (a, b), ids in shared.items()}
    counts = ", ".join(f"{len(ids):,} in both {a} and {b}" for (a, b), ids in shared.items())
    if not shared and not nobody_named(table):
        yield Check("ok", "patients-in-two-parts", "No patient is in two official parts.")
    elif shared and not patients_given and _taken_from_names(table):
        yield Check(
            "warning",
            "patients-in-two-parts",
            f"The same patient names occur in two official parts ({counts}). They come from file names, and "
            "whether they are the same persons is not known.",
            "Read test scores with that in mind; duplicate images across parts, below, would be a proof.",
            details,
        )
    elif shared:
        yield Check(
            "fault",
            "patients-in-two-parts",
            f"Patients have images in two official parts ({counts}): scores on them would be too good.",
            'Divide anew with split.keep_official = false, or give a split file with split.by = "file".',
            details,
        )
    for part in ("valid", "test"):
        gaps = rate_gaps(table, parts["train"], parts[part]) if {"train", part} <= set(parts) else ()
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
    return bool(source.is_in(NUMBERED_ANEW).all()) and (not source.eq("folder").any() or nobody_named(table))


def _paths(table: Table) -> Iterator[Check]:
    twice = table.frame.filter(pl.col("path").is_duplicated())["path"].unique(maintain_order=True)
    if len(twice):
        yield Check(
            "fault",
            "paths",
            f"{len(twice):,} image files are listed in two rows or more ({listed(twice.to_list(), 3)}).",
            "Keep one row for each file.",
            {"paths": twice.to_list()},
        )


def _unknown(table: Table) -> Iterator[Check]:
    unknown = {
        name: count
        for name in (*TRAITS, "age", "official_split")
        if 0 < (count := table.frame[name].null_count()) < len(table)
    }
    if unknown:
        said = [f"{name} in {count:,}" for name, count in unknown.items()]
        yield Check("note", "unknown", f"Rows that do not say: {listed(said)}.", details=unknown)
    age = table.frame["age"]
    strange = table.frame.filter(age.is_not_null() & ((age < 0) | (age > OLDEST)))
    if len(strange):
        yield Check(
            "warning",
            "ages",
            f"{len(strange):,} ages are below 0 or above {OLDEST} years ({listed(strange['age'].to_list(), 3)}).",
            "Do not filter by age or study its effect before they are corrected.",
            {"image_ids": strange["image_id"].to_list()},
        )


def shortcut_checks(
    found: Sequence[Shortcut], looked_at: Sequence[str] = (), missed: str = ""
) -> Iterator[Check]:
    """Traits that tell the label without a look at the picture, by how well they do.

    Args:
        found: the traits.
        looked_at: names of all traits that were looked at.
        missed: what was not, in words: then it is not said that nothing but the picture does.
    """
    by_level: dict[Level, list[Shortcut]] = {}
    for shortcut in found:
        levels: tuple[Level, Level] = ("note", "warning") if shortcut.patient else ("warning", "fault")
        if shortcut.auc >= TELLING:
            by_level.setdefault(levels[shortcut.auc >= DECIDING], []).append(shortcut)
    for level, shortcuts in by_level.items():
        yield Check(
            level,
            "shortcuts",
            f"What predicts labels without a look at the picture (ROC AUC): {listed(shortcuts, 6)}.",
            ""
            if level == "note"
            else "Compare scores within one value of it, or balance it, before believing them.",
            {"shortcuts": [vars(shortcut) for shortcut in shortcuts]},
        )
    if not by_level and missed and not looked_at:
        yield Check(
            "note",
            "shortcuts",
            f"Whether only the picture predicts a label is not known; not looked at: {missed}.",
        )
    elif not by_level:
        what = (
            f"Of what was looked at ({listed(looked_at, 40)}), nothing"
            if missed
            else "Nothing but the picture"
        )
        rest = f"; not looked at: {missed}" if missed else ""
        yield Check("ok", "shortcuts", f"{what} predicts a label with an AUC of {TELLING}{rest}.")
