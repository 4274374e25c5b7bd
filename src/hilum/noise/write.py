"""Suspects on disk: `suspects.json`, `suspects.csv`, and `overlay.csv` to be filled with verdicts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from hilum.errors import DataError
from hilum.files import csv_text, write_json, write_text
from hilum.noise.suspects import Suspect, Suspects
from hilum.table import Overlay, read_csv
from hilum.text import many

OTHER = {1: "negative", 0: "positive"}
"""Given label -> the verdict that it is wrong."""
OVERLAY = "overlay.csv"


def check_out(out: Path) -> None:
    """Check, before the work, that no verdicts of a reader would be written over.

    Raises:
        DataError: the folder has an overlay with verdicts, or one that a spreadsheet saved so that it cannot be
            told whether it has any; or it is a file.
    """
    path = out / OVERLAY
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file; suspects are written into a folder. Name another one.")
    if not path.exists():
        return
    try:
        given = read_csv(path).get_column("verdict", default=None)
    except DataError:
        given = None
    if given is None:
        raise DataError(
            f"{path} has no column 'verdict' that can be read, and may hold verdicts all the same, saved in "
            "another way. Name another folder with --out, or remove that file."
        )
    filled = given.fill_null("").str.strip_chars().ne("").sum()
    if filled:
        raise DataError(
            f"{path} has {many(int(filled), 'verdict')}, which would be lost. Name another folder with --out; "
            f"--labels {path} takes them into account."
        )


def write_results(suspects: Suspects, out: Path, *, accept: int = 0, by: str = "hilum noise") -> None:
    """Write what was found.

    Args:
        suspects: what was found.
        out: a folder, made where there is none.
        accept: so many of each finding, the worst first, get the verdict that their label is wrong.
        by: whose verdict that is.

    Raises:
        DataError: as `check_out`.
        DiskError: it cannot be written.
    """
    check_out(out)
    write_json(out / "suspects.json", suspects.to_json())
    write_text(out / "suspects.csv", csv_text(suspects.frame()))
    write_text(out / OVERLAY, csv_text(overlay_of(suspects, accept=accept, by=by)))


def overlay_of(suspects: Suspects, *, accept: int = 0, by: str = "hilum noise") -> pl.DataFrame:
    """An overlay with a row for each suspect, in words, and what the reader needs to know beside the verdict.

    Args:
        suspects: what was found.
        accept: so many of each finding, the worst first, get the verdict that their label is wrong; others
            have none yet.
        by: whose verdict that is.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    rows = [_row(one, (by, now) if one.rank <= accept else None) for one in suspects.suspects]
    return pl.DataFrame(
        rows, schema=dict.fromkeys((*Overlay.COLUMNS, "given", "probability"), pl.String), orient="row"
    )


def _row(suspect: Suspect, judged: tuple[str, str] | None) -> tuple[str | None, ...]:
    given = OTHER[1 - suspect.given]
    verdict = (OTHER[suspect.given], *judged) if judged else (None, None, None)
    return (suspect.image_id, suspect.finding, *verdict, given, f"{suspect.probability:.4f}")
