"""Which rows train, which validate and which test.

A patient's images stay together unless the user says otherwise, and then the split carries a warning.

Groups are dealt so that every label is equally frequent in each part: iterative stratification of multi-label data
(Sechidis, Tsoumakas and Vlahavas 2011) carried over to groups. Groups rich in rare labels are dealt first, each to
the part that lacks most of what the group brings. All arithmetic is on integers: every machine deals alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from hilum.config import SplitConfig
from hilum.errors import DataError, did_you_mean
from hilum.files import read_parquet, write_parquet
from hilum.table.identity import Alike, identities
from hilum.table.sources.delimited import read_csv
from hilum.table.table import PARTS, Rows, Table
from hilum.text import listed, many

_SHARE_UNITS, _WEIGHT_UNITS = 10_000, 10_000_000
BY_IMAGE = "Split by image: a patient's images may be on both sides, so scores are too good"
"""What all scores of such a split must say."""


@dataclass(frozen=True)
class Split:
    """Rows of a table shared out to three parts.

    Attributes:
        id: 12 hexadecimal digits that follow from which image is in which part, and from nothing else.
        parts: `train`, `valid` and `test` -> int64 rows, ascending, of the table it was made from;
            `test` may be empty.
        by: what was kept together: `patient`, `image`, `official` or `file`.
        warnings: what everything that shows a score of this split must say.
    """

    id: str
    parts: dict[str, Rows]
    by: str
    warnings: tuple[str, ...]

    def frame(self, table: Table) -> pl.DataFrame:
        """Columns image_id, patient_id and part, one row per image, in the table's order."""
        part = np.empty(len(table), object)
        for name, rows in self.parts.items():
            part[rows] = name
        columns = table.frame.select("image_id", "patient_id")
        return columns.with_columns(part=pl.Series(part.tolist(), dtype=pl.String)).drop_nulls("part")

    def save(self, table: Table, path: Path) -> None:
        """Write `frame` as Parquet, whole."""
        write_parquet(path, self.frame(table))

    def only(self, table: Table, rows: Rows) -> Split:
        """The same parts with these rows of the table alone: a patient stays where the whole split has him.

        Raises:
            DataError: no row of train or valid is among them.
        """
        return _finish(table, {name: np.intersect1d(own, rows) for name, own in self.parts.items()}, self.by)

    @classmethod
    def load(cls, path: Path, table: Table) -> Split:
        """Read what `save` wrote, for a table of the same images in any order.

        Raises:
            DataError: the file is missing, is not a split, or lacks some of the table's images.
        """
        return _finish(table, _from_file(table, Path(path)), "file")

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {len(rows):,}" for name, rows in self.parts.items())
        return f"Split({self.id} by {self.by}: {counts})"


def make_split(table: Table, config: SplitConfig, seed: int) -> Split:
    """Share out the rows of a table. The same images, config and seed give the same split in any row order.

    Where official parts are kept, official test rows are the test part, and official valid rows the
    validation part; what remains is divided into whatever is missing. With folds, the official train and
    valid rows are divided together, so that every patient of them is in exactly one validation fold.

    Raises:
        DataError: the train or the validation part would be empty, or the split file does not fit the table.
    """
    if config.by == "file":
        return _finish(table, _from_file(table, Path(config.file)), config.by)
    if config.by == "official":
        return _finish(table, _official(table), config.by)
    kept = {part: rows for part, rows in table.official_parts().items() if part != "train"}
    if not config.keep_official:
        kept = {}
    elif config.folds:
        kept.pop("valid", None)
    free = np.setdiff1d(np.arange(len(table)), np.concatenate([*kept.values(), np.zeros(0, np.int64)]))
    return _finish(table, kept | _divide(table, free, kept, config, seed), config.by)


def subset(table: Table, n: int, seed: int) -> Table:
    """About `n` images of whole patients drawn at random, in the table's order; 0 means all.

    The number of images comes as near to `n` as whole patients in the order drawn allow, and is never 0.
    """
    if n <= 0 or n >= len(table):
        return table
    patients, sizes = np.unique(table.frame["patient_id"].to_numpy().astype(str), return_counts=True)
    order = _shuffled(patients.tolist(), "subset", seed)
    images = np.cumsum(sizes[order])
    drawn = patients[order[: int(np.abs(images - n).argmin()) + 1]]
    return table.filter(table.frame["patient_id"].is_in(drawn.tolist()))


def _divide(
    table: Table, free: Rows, kept: dict[str, Rows], config: SplitConfig, seed: int
) -> dict[str, Rows]:
    """Divide the rows `free` into the parts that are not in `kept`."""
    test = 0.0 if "test" in kept else config.test
    if not config.folds:
        valid = 0.0 if "valid" in kept else config.valid
        train_rows, *others = _stratified(table, free, config.by, (1 - valid - test, valid, test), seed)
        made = dict(zip(("valid", "test"), others, strict=True))
        return {"train": train_rows} | {part: rows for part, rows in made.items() if part not in kept}
    rest, test_rows = _stratified(table, free, config.by, (1 - test, test), seed)
    folds = _stratified(table, rest, config.by, (1 / config.folds,) * config.folds, seed)
    valid_rows = folds[config.fold]
    made = {"train": np.setdiff1d(rest, valid_rows), "valid": valid_rows}
    return made if "test" in kept else made | {"test": test_rows}


def _stratified(table: Table, rows: Rows, by: str, shares: tuple[float, ...], seed: int) -> list[Rows]:
    """Rows of each share, groups (patients or images) unbroken."""
    key = "patient_id" if by == "patient" else "image_id"
    names, group_of = np.unique(table.frame[key][rows].to_numpy().astype(str), return_inverse=True)
    if not len(names):
        return [rows for _ in shares]
    marks = table.marks()[1][rows]
    ones = np.ones((len(rows), 1), np.int64)
    columns = np.concatenate([ones, marks], axis=1).T
    sums = [np.bincount(group_of, column, minlength=len(names)) for column in columns]
    amounts = np.stack([np.ones(len(names)), *sums], axis=1).astype(np.int64)
    part_of = deal(names.tolist(), amounts, shares, "split", seed)[group_of]
    return [rows[part_of == part] for part in range(len(shares))]


def _official(table: Table) -> dict[str, Rows]:
    parts = table.official_parts()
    without = table.frame["official_split"].null_count()
    if without:
        raise DataError(
            f'split.by = "official" needs an official part for every image; {without:,} of {len(table):,} '
            'have none. Use split.by = "patient".'
        )
    return parts


def _from_file(table: Table, path: Path) -> dict[str, Rows]:
    listing = _read_listing(path)
    part = table.frame.select("image_id").join(listing, on="image_id", how="left", maintain_order="left")
    missing = part.filter(pl.col("part").is_null())["image_id"]
    if len(missing):
        raise DataError(
            f"{path} names no part for {len(missing):,} of the {len(table):,} images "
            f"({listed(missing.to_list(), 3)}). Add them to the file, or split another way."
        )
    return {name: part["part"].eq(name).arg_true().cast(pl.Int64).to_numpy() for name in PARTS}


def _read_listing(path: Path) -> pl.DataFrame:
    """Columns image_id and part of a split file, checked."""
    if path.suffix.lower() in {".parquet", ".pq"}:
        try:
            frame = read_parquet(path)
            frame = frame.with_columns(
                frame[name].cast(pl.String) for name in ("image_id", "part") if name in frame.columns
            )
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f"the split file {path} cannot be read: {error}".rstrip(".") + ".") from error
    else:
        frame = read_csv(path)
    for name in ("image_id", "part"):
        if name not in frame.columns:
            raise DataError(
                f"the split file {path} needs the columns image_id and part; it has no column {name!r} "
                f"({did_you_mean(name, frame.columns)})."
            )
    listing = frame.select(identities(frame["image_id"]), identities(frame["part"]).str.to_lowercase())
    listing = listing.drop_nulls().unique()
    strange = listing.filter(~pl.col("part").is_in(PARTS))["part"]
    if len(strange):
        raise DataError(f"the split file {path} has the part {strange[0]!r}; parts are {', '.join(PARTS)}.")
    twice = listing.filter(pl.col("image_id").is_duplicated())["image_id"]
    if len(twice):
        raise DataError(f"the split file {path} puts image {twice.min()!r} in two parts.")
    return listing


def _finish(table: Table, parts: dict[str, Rows], by: str) -> Split:
    """Check that no part is empty, name the split, and say what its scores must say."""
    parts = {name: np.asarray(parts.get(name, ()), np.int64) for name in PARTS}
    for name in ("train", "valid"):
        if not len(parts[name]):
            raise DataError(_empty(table, name, by))
    split = Split("", parts, by, _warnings(table, parts, by))
    pairs = split.frame(table).select("image_id", "part").sort("image_id").write_csv(None)
    return Split(hashlib.sha256(pairs.encode()).hexdigest()[:12], parts, by, split.warnings)


def _empty(table: Table, part: str, by: str) -> str:
    message = f"the {part} part of the split is empty: {len(table):,} images of {table.patients:,} patients"
    if by == "file":
        return f"{message}. Name some images for it in the split file."
    if by == "official":
        official = ", ".join(table.official_parts()) or "none"
        return (
            f"{message}; the data set's own parts are: {official}. "
            'Use split.by = "patient" with keep_official = true, which divides the official train part.'
        )
    if part == "valid":
        return f"{message}. Raise split.valid, or use more patients."
    return (
        f"{message}, none of which may be trained on. Filter fewer rows away, or set "
        "split.keep_official = false to divide the official parts again."
    )


def _warnings(table: Table, parts: dict[str, Rows], by: str) -> tuple[str, ...]:
    found = []
    shared = table.shared_patients(parts)
    pairs = "; ".join(f"{a} and {b}: {len(ids):,}" for (a, b), ids in shared.items())
    if by == "image":
        found.append(BY_IMAGE + (f" (patients in two parts: {pairs})." if shared else "."))
    elif shared:
        found.append(
            f"Patient ids that occur in two parts, which were given and are kept: {pairs}. "
            "If these are the same persons, scores are too good."
        )
    if torn := _torn(table, parts):
        found.append(f"{torn}; they are in two parts. If so, scores are too good.")
    sources = table.frame[np.concatenate(list(parts.values()))]["source"].value_counts().sort("source").rows()
    if len(sources) > 1:
        each = [f"{name} ({many(count, 'image')})" for name, count in sources]
        found.append(
            f"The images are of {len(sources)} sources: {listed(each)}. Where labels are rarer in one than in "
            "another, a model may learn to tell the sources apart and score well by that."
        )
    gaps = table.rate_gaps(parts["train"], parts["valid"])
    if gaps:
        found.append(f"Rates that differ by over 2 points between train and valid: {listed(gaps)}.")
    for name in ("train", "valid"):
        part = table.frame[parts[name]]
        if lacking := [finding for finding in table.findings if not part[finding].eq(1).any()]:
            found.append(f"No positive in {name}: {listed(lacking, len(lacking))}.")
    return tuple(found)


def _torn(table: Table, parts: dict[str, Rows]) -> Alike:
    """Groups of patients who may be the same (`alike_patients`) and are in different parts."""
    where: dict[str, set[str]] = {}
    groups = table.alike_patients()
    for name, rows in parts.items() if groups else ():
        for patient in table.frame["patient_id"][rows].unique():
            where.setdefault(patient, set()).add(name)
    return Alike(group for group in groups if len(set().union(*(where.get(one, set()) for one in group))) > 1)


def _shuffled(names: Sequence[str], purpose: str, seed: int) -> Rows:
    """A random order of distinct names that follows from (purpose, seed, name) alone.

    The order in which the names come does not matter, and neither does the numpy version.

    Returns:
        int64 [n]: positions into `names`.
    """
    keys = [hashlib.sha256(f"{purpose}:{seed}:{name}".encode()).digest() for name in names]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


def deal(names: Sequence[str], amounts: Rows, shares: Sequence[float], purpose: str, seed: int) -> Rows:
    """Deal groups to parts; which part a group comes to does not hang on the order in which groups are given.

    Args:
        names: of the groups, distinct.
        amounts: int64 [groups, m], how much of each of m things a group brings: its images, the positives
            of each finding among them, and so on.
        shares: share of each part, summing to 1.
        purpose, seed: of the random order that breaks ties.

    Returns:
        int64 [groups], the part of each group. No part with a share is empty where there are groups enough.
    """
    units = _units(shares)
    weights = _WEIGHT_UNITS // np.maximum(amounts.sum(axis=0), 1)
    weighted = amounts * weights
    # Stable: groups of equal weight stay in random order.
    order = _shuffled(names, purpose, seed)
    order = order[np.argsort(-weighted.sum(axis=1)[order], kind="stable")]
    part_of = np.zeros(len(amounts), np.int64)
    surplus = np.zeros((len(units), amounts.shape[1]), np.int64)
    column = units[:, None]
    for group in order:
        brings = amounts[group]
        surplus -= column * brings
        part = int(surplus.dot(weighted[group]).argmin())
        surplus[part] += brings * _SHARE_UNITS
        part_of[group] = part
    return _fill_empty(part_of, order, units)


def _units(shares: Sequence[float]) -> Rows:
    """Shares as whole ten-thousandths that sum to `_SHARE_UNITS`."""
    edges = np.rint(np.cumsum([0.0, *shares]) / sum(shares) * _SHARE_UNITS).astype(np.int64)
    return np.diff(edges)


def _fill_empty(part_of: Rows, order: Rows, units: Rows) -> Rows:
    """Give every part with a share at least one group: the lightest one of the part that has most."""
    for part in np.flatnonzero(units):
        sizes = np.bincount(part_of, minlength=len(units))
        if sizes[part] == 0 and sizes.max() > 1:
            richest = int(sizes.argmax())
            part_of[order[part_of[order] == richest][-1]] = part
    return part_of
