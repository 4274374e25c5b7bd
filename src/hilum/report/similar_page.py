"""`write_similar`: the images most like one, side by side with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.drawing import jpeg
from hilum.errors import DataError
from hilum.files import write_text
from hilum.locks import writing
from hilum.report.html import render
from hilum.report.suspects_page import page_path
from hilum.text import many

_NAME = "similar.html"
_QUERY_SIDE, _SIDE = 384, 256
"""Pixels of the query's picture and of each found one, at most."""

_Picture = npt.NDArray[np.uint8]
"""uint8 [h, w]."""
_NAMED = {1: "positive", -1: "uncertain", 0: "negative", None: "not known"}


def write_similar(
    title: str,
    query: _Picture | None,
    found: pl.DataFrame,
    pictures: Sequence[_Picture | None],
    findings: tuple[str, ...],
    out: str | Path,
) -> Path:
    """Write a page of one image and those most like it.

    Args:
        title: what was looked for, such as the image's name.
        query: uint8 [s, s], its picture; None where there is none any more.
        found: a row an image, most similar first: image_id, similarity, a column for each of `findings` (codes as
            in a table), and of patient_id, age, sex, view and projection those that are known.
        pictures: uint8 [s, s] or None each, in the order of `found`.
        findings: whose labels are shown.
        out: an `.html` file, or a folder to put `similar.html` into, made where there is none.

    Returns:
        The page's path.

    Raises:
        DataError: `found` lacks a column, or there are more or fewer pictures than rows.
        DiskError: it cannot be written.
    """
    missing = [name for name in ("image_id", "similarity", *findings) if name not in found.columns]
    if missing or len(pictures) != found.height:
        raise DataError(
            "similar images need the columns image_id, similarity and one a finding, and a picture each; "
            f"missing: {', '.join(missing) or 'none'}; {found.height} images, {len(pictures)} pictures."
        )
    path = page_path(Path(out), _NAME)
    with writing(path):
        write_text(path, render("similar.html", _contents(title, query, found, pictures, findings)))
    return path


def _contents(
    title: str,
    query: _Picture | None,
    found: pl.DataFrame,
    pictures: Sequence[_Picture | None],
    findings: tuple[str, ...],
) -> dict[str, Any]:
    """Everything that the template shows."""
    rows = found.to_dicts()
    return {
        "title": title,
        "query": _picture(query, _QUERY_SIDE),
        "several": len(findings) > 1,
        "lead": _lead(found),
        "counts": _counts(found, findings) if rows else [],
        "found": [_found(row, findings, picture) for row, picture in zip(rows, pictures, strict=True)],
    }


def _lead(found: pl.DataFrame) -> str:
    if not found.height:
        return "No image fits the condition."
    low, high = float(found["similarity"].min()), float(found["similarity"].max())  # type: ignore[arg-type]
    patients = found["patient_id"].n_unique() if "patient_id" in found.columns else 0
    if found.height == 1:
        return f"The image most like it: similarity {high:.3f}."
    of = f", of {many(patients, 'patient')}" if patients else ""
    return f"The {found.height:,} images most like it{of}: similarity {high:.3f} to {low:.3f}."


def _counts(found: pl.DataFrame, findings: tuple[str, ...]) -> list[tuple[str, int, int, int]]:
    """Finding, positives, negatives and all else: of a single finding always, of several where one is positive."""
    counts = []
    for finding in findings:
        positive, negative = (int((found[finding] == code).sum()) for code in (1, 0))
        if positive or len(findings) == 1:
            counts.append((finding, positive, negative, found.height - positive - negative))
    return sorted(counts, key=lambda count: -count[1])


def _found(row: dict[str, Any], findings: tuple[str, ...], picture: _Picture | None) -> dict[str, Any]:
    """One image as the page shows it: what is known of it, and its labels by what they say."""
    return {
        "image_id": str(row["image_id"]),
        "similarity": float(row["similarity"]),
        "about": _about(row),
        "labels": _labels(row, findings),
        "picture": _picture(picture, _SIDE),
    }


def _about(row: dict[str, Any]) -> str:
    """Patient, age, sex and view, as far as they are known."""
    age = row.get("age")
    parts = [
        f"patient {row['patient_id']}" if row.get("patient_id") else "",
        f"{age:.0f} years" if age is not None else "",
        str(row.get("sex") or ""),
        str(row.get("projection") or row.get("view") or ""),
    ]
    return ", ".join(part for part in parts if part)


def _labels(row: dict[str, Any], findings: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Finding and what is said of it: of a single finding anyway, of several what is positive or uncertain."""
    if len(findings) == 1:
        return ((findings[0], _NAMED[row[findings[0]]]),)
    return tuple(
        (finding, _NAMED[row[finding]]) for code in (1, -1) for finding in findings if row[finding] == code
    )


def _picture(picture: _Picture | None, side: int) -> str:
    return "" if picture is None else jpeg(picture, side)
