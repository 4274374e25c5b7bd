"""`FeatureStore`: vectors of images in a LanceDB database, one table per encoder.

::

    features/
      encoders.lance                   fingerprint, name, settings (JSON), created
      findings.lance                   finding, and the column that holds its labels in every table
      vectors_<fingerprint>.lance      image_id, ..., labels, avg, max: one row an image

A row is written whole or not at all. Whoever reads sees the rows that were there when reading began.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hilum.errors import ConfigError, DataError, did_you_mean
from hilum.features.columns import ABOUT, DIGEST, POOLINGS, column_names
from hilum.features.encoders import EncoderInfo
from hilum.features.lance import Floats, arrow_rows, connect, is_remote, reaching
from hilum.features.table import VectorTable
from hilum.features.vectors import Features
from hilum.files import disk_error
from hilum.locks import writing
from hilum.records import from_json, to_json
from hilum.text import items, listed

ENCODERS, FINDINGS = "encoders", "findings"


class FeatureStore:
    """A folder, or a URL of object storage, with vectors of images.

    Attributes:
        url: where it is.
    """

    def __init__(self, url: str | Path, *, create: bool = False) -> None:
        """Open a store; of what is in it, nothing is read yet.

        Args:
            url: a folder, or `s3://bucket/path`, `gs://...`, `az://...` with credentials in the environment.
            create: make it where there is none.

        Raises:
            DataError: there is none, or it cannot be reached.
            DiskError: it cannot be made.
            MissingExtra: LanceDB is not installed.
        """
        self.url = str(url)
        if not is_remote(self.url):
            _check_folder(Path(self.url), create)
        self._db: Any = connect(self.url)
        if not create and self._open(ENCODERS) is None:
            raise DataError(f"{self.url} is no feature store. {_HOW.format(self.url)}")

    def encoders(self) -> list[EncoderInfo]:
        """All encoders that have vectors here, in the order in which they came."""
        rows = self._rows(ENCODERS)
        texts = [row["settings"] for row in sorted(rows, key=lambda row: row["created"])]
        try:
            return [from_json(EncoderInfo, json.loads(text)) for text in texts]
        except (ValueError, DataError) as error:
            raise DataError(f"{self.url} does not describe its encoders: {error}") from error

    def encoder(self, name: str = "") -> EncoderInfo:
        """The encoder of a name, or of a fingerprint that begins so; the only one where nothing is said.

        Raises:
            ConfigError: none is called so, or several are; the message lists them.
            DataError: the store is empty.
        """
        encoders, where = self.encoders(), self.url
        if not encoders:
            raise DataError(f"{where} has no vectors yet. {_HOW.format(where)}")
        chosen = [one for one in encoders if not name or one.name == name]
        if not chosen and len(name) >= 4:
            chosen = [one for one in encoders if one.fingerprint.startswith(name)]
        if len(chosen) == 1:
            return chosen[0]
        told = listed([str(one) for one in chosen or encoders], 9)
        if not chosen:
            raise ConfigError(f"{where} has no encoder {name!r}. It has {told}.")
        raise ConfigError(
            f"{where} has vectors of {len(chosen)} encoders{f' called {name}' if name else ''}: {told}. "
            f"Say which: --encoder {chosen[0].fingerprint[:8]}"
        )

    def table(self, encoder: EncoderInfo) -> VectorTable:
        """One encoder's table, as it is now."""
        table = self._open(encoder.table)
        if table is None:
            raise DataError(f"{self.url} has lost the vectors of {encoder}: its table is gone. Embed again.")
        return VectorTable(self.url, table, encoder.width, self._columns())

    def features(self, encoder: str = "", *, where: str = "") -> Features:
        """All vectors of an encoder, in memory, in the order of image ids.

        Args:
            encoder: as for `encoder`.
            where: a condition, such as `sex = 'F' and pleural_effusion = 1`.

        Raises:
            ConfigError: as `encoder`.
            DataError: the condition cannot be understood, or no image fulfils it.
        """
        info = self.encoder(encoder)
        table = self.table(info)
        if not table.count(where):
            none = f"no image of {info.name} in {self.url} fulfils {where!r}"
            raise DataError(f"{none}." if where else f"{self.url} has no images of {info.name} yet.")
        condition = table.condition(where)
        known = table.frame([*ABOUT, *table.columns.values()], condition).sort("image_id")
        place = known.select("image_id").with_row_index("row")
        # Each vector goes to its place at once: put in order afterwards, all would be in memory twice.
        avg, largest = (np.empty((known.height, info.width), np.float32) for _ in POOLINGS)
        left = known.height
        for frame, (some, others) in table.batches(["image_id", *POOLINGS], condition):
            rows = frame.join(place, on="image_id", how="left", maintain_order="left")["row"]
            if rows.null_count():
                break
            avg[rows.to_numpy()], largest[rows.to_numpy()] = some, others
            left -= len(rows)
        if left:
            raise DataError(
                f"the condition {where!r} is fulfilled by other images each time it is asked. Ask for what is "
                "fixed of an image: sex = 'F' and age > 60"
            )
        named = known.rename({column: name for name, column in table.columns.items()})
        return Features(info, named, tuple(table.columns), avg, largest)

    def about(self, image_ids: Sequence[str], encoder: EncoderInfo) -> pl.DataFrame:
        """What is known of those of these images that an encoder has embedded, labels by finding."""
        return self.table(encoder).about(items(image_ids))

    def nearest(
        self,
        query: Floats | str,
        *,
        k: int = 10,
        where: str = "",
        pooling: str = "avg",
        encoder: str = "",
        exact: bool = False,
    ) -> pl.DataFrame:
        """The images most like one, by the cosine of their vectors.

        Up to 20,000 images that fulfil the condition, and with `both`, all are compared. Beyond, an index picks
        candidates (997 of 1,000 true neighbours in our measurement), which are then compared exactly.

        Args:
            query: an image of the store, which is left out itself, or a vector float32 [w] ([2 w] for `both`).
            k: how many.
            where: only among images that fulfil this condition.
            pooling: `avg`, `max`, or `both` side by side.
            encoder: as for `encoder`.
            exact: compare all, however many there are.

        Returns:
            image_id, similarity (1 is the same direction), then what is known of each image, labels by finding;
            the most similar first.

        Raises:
            ConfigError: no such encoder or pooling, or k below 1.
            DataError: the image is not here, the vector is of another length, or the condition is wrong.
        """
        if pooling not in (*POOLINGS, "both"):
            raise ConfigError(
                f"pooling {pooling!r} is not kept; {did_you_mean(pooling, (*POOLINGS, 'both'))}"
            )
        if k < 1:
            raise ConfigError(f"k = {k}: ask for at least one image.")
        info = self.encoder(encoder)
        return self.table(info).nearest(query, k, where, pooling, exact, f"{info.name} in {self.url}")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep other writers of a local store away: who comes later waits."""
        if is_remote(self.url):
            yield
            return
        with writing(self.url, wait=True):
            yield

    def writable(self, encoder: EncoderInfo, findings: tuple[str, ...]) -> VectorTable:
        """One encoder's table with a column for each of these findings, made where it is missing."""
        columns = self._columns()
        new = column_names(findings, columns)
        with reaching(self.url):
            self._append(FINDINGS, _frame(finding=list(new), column=list(new.values())))
            columns |= new
            if self._open(encoder.table) is None:
                kinds = {**ABOUT, DIGEST: pl.String(), **{columns[name]: pl.Int8() for name in findings}}
                none = np.empty((0, encoder.width), np.float32)
                rows = arrow_rows(pl.DataFrame(schema=kinds), (none, none))
                self._db.create_table(encoder.table, schema=rows.schema)
            self._append(ENCODERS, _encoder_row(encoder))
        table = self.table(encoder)
        if missing := {name: columns[name] for name in findings if name not in table.columns}:
            table.add_findings(missing)
            table = self.table(encoder)
        return table

    def drop(self, encoder: EncoderInfo) -> None:
        """Remove an encoder and all its vectors."""
        with reaching(self.url):
            self._db.open_table(ENCODERS).delete(f"fingerprint = '{encoder.fingerprint}'")
            self._db.drop_table(encoder.table, ignore_missing=True)

    def _open(self, name: str) -> Any | None:
        """A table of the database; None where there is none, or a kill left a folder without one."""
        with reaching(self.url):
            try:
                return self._db.open_table(name)
            except (ValueError, OSError) as error:
                if "not found" in str(error) and name in str(error):
                    return None
                raise

    def _rows(self, name: str) -> list[dict[str, str]]:
        table = self._open(name)
        if table is None:
            return []
        with reaching(self.url):
            rows: list[dict[str, str]] = table.to_arrow().to_pylist()
        return rows

    def _columns(self) -> dict[str, str]:
        """Finding -> column."""
        return {row["finding"]: row["column"] for row in self._rows(FINDINGS)}

    def _append(self, name: str, rows: pl.DataFrame) -> None:
        """Add rows whose first column is not there yet, to a table that is made where it is missing."""
        data = arrow_rows(rows)
        table = self._db.create_table(name, schema=data.schema, exist_ok=True)
        if rows.height:
            table.merge_insert(rows.columns[0]).when_not_matched_insert_all().execute(data)


_HOW = "Make one with:  hilum embed MODEL_OR_RUN --data PACK --out {}"


def _check_folder(path: Path, create: bool) -> None:
    if path.exists() and not path.is_dir():
        raise DataError(
            f"{path} is a file; a feature store is a folder or a URL such as s3://bucket/features."
        )
    if path.is_dir() or not create:
        if not path.is_dir():
            raise DataError(f"there is no feature store at {path}. {_HOW.format(path)}")
        return
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise disk_error(path, error) from error


def _encoder_row(encoder: EncoderInfo) -> pl.DataFrame:
    return _frame(
        fingerprint=[encoder.fingerprint],
        name=[encoder.name],
        settings=[json.dumps(to_json(encoder))],
        created=[datetime.now(UTC).isoformat()],
    )


def _frame(**columns: list[str]) -> pl.DataFrame:
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
