"""Who and what a row is about: one spelling for the ids of patients, studies and images, whoever wrote them.

A patient under two spellings is in the training and in the test part at once. What is certainly the same is made
the same (`identity`); what may be is told (`alike`).
"""

from __future__ import annotations

import polars as pl

from hilum.text import listed, many

MISSING = ("", "nan", "na", "n/a", "#n/a", "<na>", "nat", "null", "none")
"""What files write where they know nothing, in lower case."""

_INVISIBLE = r"[\p{Cc}\p{Cf}]"
"""Control characters, and what shows nothing: zero-width spaces, byte order marks, marks of direction."""


def tidy(column: pl.Expr) -> pl.Expr:
    """Text in Unicode NFC without what cannot be seen, and without spaces of any kind at its ends; a space of any
    kind inside is a plain one."""
    seen = column.cast(pl.String).str.normalize("NFC").str.replace_all(_INVISIBLE, "")
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


class Alike(list[tuple[str, ...]]):
    """Groups of ids that differ only in case, leading zeros or the signs between their parts."""

    @classmethod
    def of(cls, ids: pl.Series) -> Alike:
        """Such groups among some ids, each sorted, in order."""
        text = pl.col("id").str.normalize("NFKC").str.to_lowercase().str.replace_all(r"[\s_.\-]+", "-")
        named = pl.DataFrame({"id": ids.drop_nulls().unique()})
        named = named.with_columns(key=text.str.replace_all(r"(^|[^0-9])0+([0-9])", "${1}${2}"))
        groups = named.filter(pl.col("key").is_duplicated()).group_by("key").agg(pl.col("id").sort())
        return cls(sorted(tuple(group) for group in groups["id"]))

    def said(self, what: str = "patient") -> str:
        """A clause on them: how many ids, and the first of them."""
        shown = listed([" = ".join(map(repr, group)) for group in self], 3)
        return (
            f"{sum(map(len, self)):,} {what} ids differ only in case, leading zeros or signs, and may be "
            f"{many(len(self), what)}: {shown}"
        )

    def __str__(self) -> str:
        return self.said()
