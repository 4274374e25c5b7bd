"""Columns of a store: what is kept of an image, and what a finding is called in a condition."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import polars as pl

from hilum.errors import DataError
from hilum.pixels import Pack

ABOUT: dict[str, pl.DataType] = {
    "image_id": pl.String(),
    "patient_id": pl.String(),
    "study_id": pl.String(),
    "view": pl.String(),
    "projection": pl.String(),
    "age": pl.Float32(),
    "sex": pl.String(),
    "source": pl.String(),
    "official_split": pl.String(),
    "copy_of": pl.String(),
    "pack": pl.String(),
    "pack_fingerprint": pl.String(),
    "slot": pl.Int64(),
}
"""What is kept of every image. `copy_of` is the image that an augmented one was made from; `pack` is the folder
that it was embedded from last, `slot` its place among that pack's pixels."""

DIGEST = "digest"
"""Of the prepared pixels: the same id with another digest is another picture."""
POOLINGS = ("avg", "max")
"""The two columns of vectors."""
TAKEN = frozenset((*ABOUT, DIGEST, *POOLINGS))


def column_names(findings: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """Finding -> column, for findings that have none yet: lower case, with _ for all but letters and digits.

    Conditions need no quotes then: `Pleural Effusion` is `pleural_effusion`. A name that is taken gets a number.

    Args:
        findings: their names.
        known: finding -> column so far.

    Raises:
        DataError: a finding is called as a column that every image has.
    """
    taken = {*TAKEN, *known.values()}
    made: dict[str, str] = {}
    for finding in findings:
        if finding in known:
            continue
        if finding in TAKEN:
            raise DataError(f"a finding cannot be called {finding!r}: a store keeps something else under it.")
        plain = re.sub(r"\W+", "_", finding.lower()).strip("_") or "finding"
        plain = f"finding_{plain}" if plain[0].isdigit() else plain
        name, number = plain, 2
        while name in taken:
            name, number = f"{plain}_{number}", number + 1
        taken.add(name)
        made[finding] = name
    return made


def rows_of(pack: Pack, columns: Mapping[str, str]) -> pl.DataFrame:
    """What a store keeps of a pack's images: `ABOUT`, the digest, and labels under their columns.

    Args:
        pack: the pack.
        columns: finding -> column.
    """
    frame = pack.table.frame
    copy_of = pl.col("copy_of") if "copy_of" in frame.columns else pl.lit(None)
    return frame.with_columns(
        copy_of.alias("copy_of"),
        pl.lit(str(pack.path.resolve())).alias("pack"),
        pl.lit(pack.fingerprint).alias("pack_fingerprint"),
        pl.Series("slot", pack.slots),
        pack.stats[DIGEST],
    ).select(
        *(pl.col(name).cast(kind) for name, kind in ABOUT.items()),
        DIGEST,
        *(pl.col(name).alias(columns[name]) for name in pack.table.findings),
    )
