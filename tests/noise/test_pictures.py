"""What the pictures of a store say of themselves: some are no chest films, some packs are gone."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from film_pictures import mixed
from hilum.config import PrepareConfig
from hilum.noise.pictures import look_at_pictures
from hilum.pixels import build_pack


def told(
    folder: Path, films: int, others: tuple[str, ...], ask: str = "any", gone: bool = False
) -> list[str]:
    """What is said of films; not that they look alike, as drawn ones do."""
    table = mixed(folder / "films", films, others)
    pack = build_pack(table, folder / "pack", PrepareConfig(size=48), films=ask, workers=1)
    frame = pack.table.frame.with_columns(pack=pl.lit(str(pack.path)), slot=pl.Series(pack.slots))
    if gone:
        pack.path.rename(folder / "elsewhere")
    return [text for text in look_at_pictures(frame)[1] if "look alike" not in text]


def test_what_is_no_film_is_named(tmp_path: Path) -> None:
    said = told(tmp_path, 6, ("mask", "limb"))
    assert said == ["2 of 8 images do not look like chest films: limb1, mask0."]


@pytest.mark.parametrize(
    ("films", "others", "ask"), [(6, (), "any"), (6, ("mask", "limb"), "auto"), (1, ("mask", "limb"), "any")]
)
def test_nothing_is_noted(tmp_path: Path, films: int, others: tuple[str, ...], ask: str) -> None:
    """Of films alone; where the pack has left the others out; of a set of other things."""
    assert told(tmp_path, films, others, ask) == []


def test_a_pack_that_is_gone_is_not_looked_at(tmp_path: Path) -> None:
    (said,) = told(tmp_path, 6, ("mask",), gone=True)
    assert said.startswith("Near duplicates were not looked for among 7 images")
