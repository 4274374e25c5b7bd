"""Who and what a row is about: one spelling for the ids of patients, studies and images, whoever wrote them.

A patient under two spellings is in the training and in the test part at once. What is certainly the same is made
the same (`identity`); what may be is told (`alike`).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from hilum.text import listed, many

MISSING = ("", "nan", "na", "n/a", "#n/a", "<na>", "nat", "null", "none")
"""What files write where they know nothing, in lower case."""

INVISIBLE = r"[\p{Cc}\p{Cf}]"
"""Control characters, and what shows nothing: zero-width spaces, byte order marks, marks of direction."""


def tidy(column: pl.Expr) -> pl.Expr:
    """Text in Unicode NFC without what cannot be seen, and without spaces of any kind at its ends; a space of any
    kind inside is a plain one."""
    seen = column.cast(pl.String).str.normalize("NFC").str.replace_all(INVISIBLE, "")
    return seen.str.replace_all(r"\p{Z}", " ").str.strip_chars()


def identity(column: pl.Expr) -> pl.Expr:
    """An id in its one spelling: `tidy`, a whole number without decimals (`1.0` is `1`), `MISSING` is null."""
    text = tidy(column).str.replace(r"^(\d+)\.0+$", "$1")
    return pl.when(~text.str.to_lowercase().is_in(MISSING)).then(text)


def identities(column: pl.Series) -> pl.Series:
    """`identity` of a column; as many as are plain already cost next to nothing.

    Null stays null.
    """
    if column.dtype == pl.String and not _unusual(column):
        return column
    return column.to_frame("id").select(identity(pl.col("id"))).to_series().alias(column.name)


def _unusual(column: pl.Series) -> bool:
    """Whether any id may be spelled in another way than `identity` would; most columns have none."""
    return bool(
        column.str.contains(r"^\s|[^\x21-\x7e ]|\s$|^\d+\.0+$").any()
        or column.str.to_lowercase().is_in(MISSING).any()
    )


def alike(ids: pl.Series) -> list[tuple[str, ...]]:
    """Ids that differ only in case, leading zeros or the signs between their parts: sorted groups, in order."""
    named = pl.DataFrame({"id": ids.drop_nulls().unique()}).with_columns(key=_rough(pl.col("id")))
    groups = named.filter(pl.col("key").is_duplicated()).group_by("key").agg(pl.col("id").sort())
    return sorted(tuple(group) for group in groups["id"])


def _rough(column: pl.Expr) -> pl.Expr:
    text = column.str.normalize("NFKC").str.to_lowercase().str.replace_all(r"[\s_.\-]+", "-")
    return text.str.replace_all(r"(^|[^0-9])0+([0-9])", "${1}${2}")


def said_of(groups: Sequence[tuple[str, ...]], what: str = "patient") -> str:
    """A clause on what `alike` found: how many ids, and the first of them."""
    ids = sum(map(len, groups))
    shown = listed([" = ".join(map(repr, group)) for group in groups], 3)
    return (
        f"{ids:,} {what} ids differ only in case, leading zeros or signs, and may be "
        f"{many(len(groups), what)}: {shown}"
    )
