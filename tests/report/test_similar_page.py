"""The page of similar images shows the query, what was found, and what is known of it."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hilum.errors import DataError
from hilum.report.similar_page import write_similar

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 255, (64, 64), dtype=np.uint8)
FOUND = pl.DataFrame(
    {
        "image_id": ["a/1", "b/<2>", "c/3"],
        "similarity": [0.98, 0.97, 0.5],
        "patient_id": ["p1", "p2", "p1"],
        "age": [61.0, None, 40.0],
        "sex": ["F", "M", None],
        "view": ["frontal", "lateral", "frontal"],
        "projection": ["PA", None, None],
        "Edema": [1, 0, None],
        "Fracture": [1, -1, None],
        "Hernia": [0, 0, None],
    },
    schema_overrides={"Edema": pl.Int8, "Fracture": pl.Int8, "Hernia": pl.Int8},
)
FINDINGS = ("Edema", "Fracture", "Hernia")


def text_of(html: str) -> str:
    html = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def test_shows_what_was_found(tmp_path: Path) -> None:
    page = write_similar("x/0.png", PICTURE, FOUND, [PICTURE] * 3, FINDINGS, tmp_path / "out")
    assert page == tmp_path / "out" / "similar.html"
    html = page.read_text()
    text = text_of(html)
    assert "The 3 images most like it, of 2 patients: similarity 0.980 to 0.500." in text
    assert html.count("data:image/jpeg") == 4
    assert "1. similarity 0.980 Edema Fracture patient p1, 61 years, F, PA a/1" in text
    assert "2. similarity 0.970 Fracture uncertain patient p2, M, lateral b/<2>" in text
    assert "3. similarity 0.500 no positive label patient p1, 40 years, frontal c/3" in text
    assert "Edema 1 1 1 Fracture 1 0 2 Similarity" in text, "Hernia is positive nowhere"
    assert not re.search(r"""(src|href)=["'](?!data:image/|#)|https?://|<script""", html)


def test_a_single_finding_is_always_said(tmp_path: Path) -> None:
    text = text_of(
        write_similar("x", PICTURE, FOUND, [PICTURE] * 3, ("Edema",), tmp_path / "a.html").read_text()
    )
    assert [f"similarity {value} Edema {says}" in text for value, says in (("0.980", "positive"),)] == [True]
    assert "0.970 Edema negative" in text
    assert "0.500 Edema not known" in text
    hernia = text_of(write_similar("x", PICTURE, FOUND, [PICTURE] * 3, ("Hernia",), tmp_path).read_text())
    assert "Hernia 0 2 1" in hernia


def test_few_or_none_found(tmp_path: Path) -> None:
    one = text_of(write_similar("x", PICTURE, FOUND[2:], [PICTURE], FINDINGS, tmp_path).read_text())
    assert "The image most like it: similarity 0.500." in one
    assert "None of them has a positive label." in one
    none = text_of(write_similar("x", PICTURE, FOUND[:0], [], ("Edema",), tmp_path).read_text())
    assert "No image fits the condition." in none
    assert "Most similar first" not in none
    assert "Edema" not in none


def test_pictures_may_be_gone_and_columns_unknown(tmp_path: Path) -> None:
    bare = FOUND.select("image_id", "similarity", *FINDINGS)
    html = write_similar("x", None, bare, [None, PICTURE, None], FINDINGS, tmp_path).read_text()
    assert html.count("no picture<") == 3
    assert "The 3 images most like it: similarity" in html


def test_what_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing: similarity, Hernia; 3 images, 3 pictures"):
        write_similar(
            "x", PICTURE, FOUND.drop("similarity", "Hernia"), [PICTURE] * 3, FINDINGS, tmp_path / "out"
        )
    with pytest.raises(DataError, match="missing: none; 3 images, 2 pictures"):
        write_similar("x", PICTURE, FOUND, [PICTURE] * 2, FINDINGS, tmp_path / "out")
    assert not (tmp_path / "out").exists()
