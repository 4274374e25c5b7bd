"""`hilum phantom`: draw a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def phantom(
    out: Annotated[Path, typer.Argument(help="New folder for the study.")],
    patients: Annotated[int, typer.Option(help="How many patients, or containers.")] = 500,
    layout: Annotated[
        str,
        typer.Option(
            help="chexpert, nih, pneumonia, folder or dicom: the official layout of that data set; or containers."
        ),
    ] = "chexpert",
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
    size: Annotated[int, typer.Option(help="Pixels of each image's shorter side.")] = 320,
    masks: Annotated[bool, typer.Option("--masks", help="Also write a mask per finding and image.")] = False,
    flip_labels: Annotated[
        float, typer.Option(metavar="SHARE", help="Plant: this share of each finding's labels is wrong.")
    ] = 0.0,
    shortcut: Annotated[
        str,
        typer.Option(
            metavar="FINDING",
            help="Plant: ECG leads lie on patients with this finding (lorries carry containers of this class).",
        ),
    ] = "",
    shortcut_strength: Annotated[
        float, typer.Option(metavar="R", help="Plant: correlation of leads and finding, 0 to 1.")
    ] = 0.9,
    age_gap: Annotated[
        str,
        typer.Option(metavar="FINDING", help="Plant: this finding is drawn fainter from 60 years on."),
    ] = "",
    age_gap_strength: Annotated[float, typer.Option(metavar="SHARE", help="How much fainter, 0 to 1.")] = 0.8,
    leak: Annotated[int, typer.Option(metavar="N", help="Plant: patients with images in two parts.")] = 0,
    damage: Annotated[int, typer.Option(metavar="N", help="Plant: empty, truncated and garbage files.")] = 0,
    duplicates: Annotated[
        int, typer.Option(metavar="N", help="Plant: studies that occur again as another patient's.")
    ] = 0,
    monochrome1: Annotated[
        bool, typer.Option("--monochrome1", help="Plant: every second DICOM file is MONOCHROME1.")
    ] = False,
    workers: Annotated[int, typer.Option(help="Processes; 0 means one per processor.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was made as JSON.")] = False,
) -> None:
    """Draw a study of chest X-rays with known findings, or of containers: no download is needed to try hilum."""
    from hilum.cli.show import show_json
    from hilum_phantom import Faults, make_phantom

    faults = Faults(
        flip_labels,
        shortcut,
        shortcut_strength,
        leak,
        damage,
        duplicates,
        monochrome1,
        age_gap,
        age_gap_strength,
    )
    made = make_phantom(
        out, patients, layout, seed, size, masks=masks, faults=faults, workers=workers or None
    )
    if as_json:
        show_json({"path": str(made.path), **made.truth})
        return
    of = "containers" if made.layout == "containers" else "patients"
    typer.echo(f"{made.images:,} images of {made.patients:,} {of}, layout {made.layout}: {made.path}")
    planted = {
        name: len(made.truth.get(name, ()))
        for name in ("flipped", "fainter", "leaked", "duplicates", "damaged", "monochrome1")
    }
    if any(planted.values()):
        listed = ", ".join(f"{count:,} {name}" for name, count in planted.items() if count)
        typer.echo(f"Planted, and listed in truth.json: {listed}.")
    what = "goods" if made.layout == "containers" else "severities"
    typer.echo(
        f"What was drawn: truth.csv ({what}), boxes.csv. Drawn pictures: nothing here is of a patient."
    )
