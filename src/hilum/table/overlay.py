"""Verdicts on labels: a CSV that readers fill, applied over what the source said.

Columns `image_id, finding, verdict, by, when`, one row a verdict; further columns are left alone. A row without a
verdict has not been read yet and says nothing. The source's own files are never touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.config import LabelsConfig
from hilum.errors import DataError, did_you_mean
from hilum.files import csv_text, write_text
from hilum.table.identity import identities, tidy
from hilum.table.labels import NEGATIVE, POSITIVE, UNCERTAIN, UNUSABLE
from hilum.table.sources.base import need_columns
from hilum.table.sources.delimited import read_csv
from hilum.table.table import Table
from hilum.text import listed, many

_WORDS: dict[str, int | None] = {
    "positive": POSITIVE,
    "negative": NEGATIVE,
    "uncertain": UNCERTAIN,
    "unusable": None,
}
"""Verdict -> code; an unusable label is never scored, whatever the label policy."""
_ALSO = {"1": POSITIVE, "1.0": POSITIVE, "0": NEGATIVE, "0.0": NEGATIVE, "-1": UNCERTAIN, "-1.0": UNCERTAIN}
_LEARNED = ("train", "valid")
"""Parts that verdicts are applied to. The test part keeps its own labels: verdicts that a model asked for would
make that model look better."""
_SCHEMA = dict.fromkeys(("image_id", "finding", "verdict", "by", "when"), pl.String()) | {
    "verdict": pl.Int8()
}
_Row = tuple[int, str, str, str, str, str]
"""Line of the file, image_id, finding, verdict, by, when."""


@dataclass(frozen=True)
class Applied:
    """What an overlay did to a run's labels.

    Attributes:
        fingerprint: of the verdicts: equal for equal verdicts, whoever gave them and when.
        verdicts: `correct` or `drop`.
        counts: part -> number of labels `confirmed`, `corrected` and `dropped` (no longer scored).
        test: verdicts on test images, which are not applied.
        elsewhere: verdicts on images or findings that take no part in the run.
    """

    fingerprint: str
    verdicts: str
    counts: dict[str, dict[str, int]]
    test: int
    elsewhere: int

    @property
    def text(self) -> str:
        """What everything that shows a score of the run must say."""
        done = "; ".join(
            f"{part}: {count['corrected']:,} corrected, {count['dropped']:,} dropped, "
            f"{count['confirmed']:,} confirmed"
            for part, count in self.counts.items()
        )
        told = [f"Labels are not all the source's own: an overlay of verdicts was applied ({done})."]
        if self.test:
            told.append(f"{many(self.test, 'verdict')} on test images not applied: they keep their labels.")
        if self.elsewhere:
            told.append(f"{many(self.elsewhere, 'verdict')} on what takes no part in the run.")
        return " ".join(told)

    def to_json(self) -> dict[str, Any]:
        """As a run keeps it."""
        return asdict(self)


@dataclass(frozen=True)
class Overlay:
    """Verdicts, one for each image and finding.

    Attributes:
        frame: `image_id`, `finding`, `verdict` (Int8: 1, 0, -1; null is unusable), `by`, `when`, sorted by the
            first two.
    """

    frame: pl.DataFrame
    COLUMNS: ClassVar = tuple(_SCHEMA)
    """What an overlay has, in the order in which hilum writes it."""

    @classmethod
    def read(cls, path: str | Path, table: Table | None = None) -> Overlay:
        """Read verdicts.

        Where an image has several verdicts on a finding, the newest `when` (ISO 8601: `2025-11-21` or with a time;
        a time without a zone is UTC) counts. The headings may come again, as where files were joined.

        Args:
            path: a CSV with `COLUMNS`.
            table: the data that it is for; what it names must be there. None checks no names.

        Raises:
            DataError: the file cannot be read, lacks a column or has no verdict, a verdict or a time cannot be
                understood, two verdicts contradict each other, or it names what the data have not.
        """
        path = Path(path)
        rows = _given(path)
        faults = list(_faults(rows))
        if table is not None:
            faults += _unknown({row[1] for row in rows} - {""}, {row[2] for row in rows} - {""}, table)
        if not faults:
            kept, faults = _settled(rows)
        if faults:
            raise DataError(f"{path} cannot be used:\n" + "\n".join(f"  - {fault}" for fault in faults))
        return cls(pl.DataFrame(kept, schema=_SCHEMA, orient="row"))

    @staticmethod
    def filled(path: Path) -> int | None:
        """How many verdicts a file has; None where it has no column of them that can be read."""
        try:
            given = read_csv(path).get_column("verdict", default=None)
        except DataError:
            return None
        return None if given is None else int(given.fill_null("").str.strip_chars().ne("").sum())

    def write(self, path: Path) -> None:
        """Write verdicts so that `read` reads the same."""
        words = {code: word for word, code in _WORDS.items()}
        verdicts = pl.Series("verdict", [words[code] for code in self.frame["verdict"]], dtype=pl.String)
        write_text(path, csv_text(self.frame.select(self.COLUMNS).with_columns(verdicts)))

    @property
    def fingerprint(self) -> str:
        """A sha256 of the verdicts, by whomever and whenever they were given."""
        text = self.frame.select("image_id", "finding", "verdict").sort("image_id", "finding").write_csv(None)
        return hashlib.sha256(text.encode()).hexdigest()

    def apply(
        self, table: Table, parts: Mapping[str, npt.NDArray[np.int64]], policy: LabelsConfig
    ) -> tuple[Table, Applied]:
        """Put verdicts in the place of labels, in the training and validation part only.

        A verdict on an image holds for its augmented copies too. One that agrees with the given label confirms it.
        Else, under `policy.verdicts = "correct"`, it replaces the label; under `drop` it is no longer scored.
        A verdict `unusable` always drops it.

        Args:
            table: the rows of a run.
            parts: part -> int64 rows of `table`.
            policy: `verdicts`, and whether a blank label is a negative one.

        Returns:
            The table with labels replaced, and what was done.
        """
        named = {(image, finding): code for image, finding, code, *_ in self.frame.iter_rows()}
        rows_of = _rows_of(table, {image for image, _ in named})
        part_of = np.full(len(table), "", object)
        for part, members in parts.items():
            part_of[members] = part
        columns = {
            name: table.frame[name].to_list() for name in {one for _, one in named} & {*table.findings}
        }
        counts = {part: {"confirmed": 0, "corrected": 0, "dropped": 0} for part in _LEARNED}
        test = elsewhere = 0
        for (image, finding), verdict in named.items():
            # A copy's own verdict counts for more than its original's.
            rows = [r for r, own in rows_of.get(image, ()) if own == image or (own, finding) not in named]
            rows = rows if finding in columns else []
            where = {part_of[row] for row in rows}
            test += "test" in where
            elsewhere += not where - {""}
            for row in rows:
                if part_of[row] in _LEARNED:
                    what, columns[finding][row] = _outcome(columns[finding][row], verdict, policy)
                    counts[part_of[row]][what] += 1
        changed = table.relabel({name: pl.Series(name, codes, pl.Int8) for name, codes in columns.items()})
        return changed, Applied(self.fingerprint, policy.verdicts, counts, test, elsewhere)


def _given(path: Path) -> list[_Row]:
    """The rows of a file that have a verdict."""
    frame = read_csv(path)
    need_columns(frame, Overlay.COLUMNS, path)
    text = frame.select(tidy(pl.col(name)).fill_null("") for name in Overlay.COLUMNS)
    text = text.with_columns(identities(text["image_id"]).fill_null(""))
    headings = pl.all_horizontal(pl.col(name) == name for name in Overlay.COLUMNS)
    rows: list[_Row] = text.with_row_index("line", 2).filter((pl.col("verdict") != "") & ~headings).rows()
    if not rows:
        raise DataError(
            f"{path} has no verdict yet. Fill its column verdict with: {', '.join(_WORDS)}; "
            "a row without one says nothing."
        )
    return rows


def _rows_of(table: Table, images: set[str]) -> dict[str, list[tuple[int, str]]]:
    """Image -> each row that shows it, its own and those of its copies, with that row's own id."""
    found: dict[str, list[tuple[int, str]]] = {}
    own = table.frame["image_id"].to_list()
    originals = table.frame[Table.COPY_OF].to_list() if Table.COPY_OF in table.frame.columns else own
    for row, names in enumerate(zip(own, originals, strict=True)):
        for name in {*names} & images:
            found.setdefault(name, []).append((row, names[0]))
    return found


def _outcome(given: int | None, verdict: int | None, policy: LabelsConfig) -> tuple[str, int | None]:
    """What a verdict does to a label: the name of its count, and the label's new code."""
    if verdict is None:
        return "dropped", UNUSABLE
    if verdict == given or (given is None and verdict == NEGATIVE and policy.blank == "zeros"):
        return "confirmed", given
    return ("corrected", verdict) if policy.verdicts == "correct" else ("dropped", UNUSABLE)


def _faults(rows: Sequence[_Row]) -> Iterator[str]:
    words = [(line, verdict) for line, _, _, verdict, _, _ in rows if not _known(verdict)]
    if words:
        line, word = words[0]
        yield (
            f"{many(len(words), 'verdict')} cannot be understood, in line {line}: {word!r}; "
            f"{did_you_mean(word, _WORDS)} (or 1, 0, -1)"
        )
    nameless = [row[0] for row in rows if not (row[1] and row[2])]
    if nameless:
        yield f"{many(len(nameless), 'verdict')} without an image_id or a finding, the first in line {nameless[0]}"
    times = [(line, when) for line, *_, when in rows if when and _time(when) is None]
    if times:
        line, when = times[0]
        yield (
            f"{many(len(times), 'time')} cannot be understood, in line {line}: {when!r}; "
            "expected ISO 8601, as 2025-11-21 or 2025-11-21T14:30"
        )


def _known(verdict: str) -> bool:
    return verdict.lower() in _WORDS or verdict in _ALSO


def _time(when: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(when)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _unknown(images: set[str], findings: set[str], table: Table) -> Iterator[str]:
    ids = set(table.frame["image_id"].to_list())
    if Table.COPY_OF in table.frame.columns:
        ids |= set(table.frame[Table.COPY_OF].drop_nulls().to_list())
    if strange := sorted(images - ids):
        yield (
            f"{many(len(strange), 'image')} of {len(images):,} not in the data: {listed(strange, 3)}; "
            f"the data have {listed(table.frame['image_id'].to_list(), 2)}"
        )
    if strange := sorted(findings - set(table.findings)):
        hint = did_you_mean(strange[0], table.findings)
        yield f"{many(len(strange), 'finding')} not in the data: {listed(strange, 3)}; {hint}"


def _settled(rows: Iterable[_Row]) -> tuple[list[tuple[str, str, int | None, str, str]], list[str]]:
    """One verdict for each image and finding, sorted; and which contradict each other."""
    given: dict[tuple[str, str], list[_Row]] = {}
    for row in rows:
        given.setdefault((row[1], row[2]), []).append(row)
    kept, torn = [], []
    for key, several in sorted(given.items()):
        newest = max(several, key=lambda row: (_moment(row[5]), row[0]))
        # A verdict without a time may be older or newer than any other.
        rivals = [row for row in several if not row[5] or _moment(row[5]) == _moment(newest[5])]
        if len({_code(row[3]) for row in (*rivals, newest)}) > 1:
            torn.append((key, several))
        kept.append((*key, _code(newest[3]), newest[4], newest[5]))
    if not torn:
        return kept, []
    (image, finding), several = torn[0]
    said = ", ".join(f"line {line} {verdict}" for line, _, _, verdict, _, _ in several)
    return kept, [
        f"{many(len(torn), 'label')} with contradicting verdicts of the same or an unknown time; the first is "
        f"{finding} of {image}: {said}. Remove one, or say in the column when which is newer"
    ]


def _moment(when: str) -> datetime:
    return _time(when) or datetime.min.replace(tzinfo=UTC)


def _code(verdict: str) -> int | None:
    return _ALSO[verdict] if verdict in _ALSO else _WORDS[verdict.lower()]
