"""Suspects that may be suspect because they are no chest films."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from hilum.errors import PackError
from hilum.pixels import Pack, are_films, unlike_films
from hilum.text import listed


def unlike_note(frame: pl.DataFrame) -> tuple[str, ...]:
    """What to tell of images that do not look like chest films, in packs that have not left such out.

    Args:
        frame: the images, with `image_id`, `view`, `pack` and `slot`; those whose pack is gone are not looked at.
    """
    unlike: list[str] = []
    asked = 0
    for (path,), rows in frame.drop_nulls("pack").group_by("pack", maintain_order=True):
        try:
            pack = Pack(Path(str(path)))
        except PackError:
            continue
        rows = rows.filter(pl.col("slot").is_between(0, len(pack.pixels) - 1))
        if pack.films is None and rows.height:
            found = unlike_films(pack.pixels, rows["slot"].to_list(), rows["view"].to_list())
            asked += rows.height
            unlike += [rows["image_id"][at] for at in found]
    if not unlike or not are_films(len(unlike), asked):
        return ()
    return (f"{len(unlike):,} of {asked:,} images do not look like chest films: {listed(sorted(unlike))}.",)
