"""From what the user names as data to the parts that a run learns from and is judged on."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.config import Config, PrepareConfig
from hilum.errors import ConfigError, DataError, PackError
from hilum.models import Normalisation
from hilum.pixels import Pack, are_films, cached_pack, unlike, unlike_films
from hilum.predict import Origin
from hilum.table import (
    Applied,
    Overlay,
    Split,
    Step,
    Table,
    all_sources,
    clean,
    make_split,
    read_attributes,
    read_quietly,
    sample_rows,
    subset,
)

_IMAGE_COLUMNS = ("image_id", "patient_id", "study_id", "view", "projection", "age", "sex", "source")
"""What a run keeps of each image."""
_LOOKED_AT = 200
"""Images of a pack that was not asked for films, by which it is told whether it is one of films."""
_DEVICES = ("Support Devices",)
"""Labels that say what is in the picture rather than what the patient has."""


@dataclass(frozen=True)
class Part:
    """One part of the data, ready for a model.

    Attributes:
        name: `train`, `valid` or `test`.
        table: its rows.
        slots: int64 [n], where each image's pixels lie in the pack.
        targets: float32 [n, k], what training aims at; NaN is not scored.
        truth: float32 [n, k], what scores are counted against: 0, 1 or NaN.
    """

    name: str
    table: Table
    slots: npt.NDArray[np.int64]
    targets: npt.NDArray[np.float32]
    truth: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def own(self) -> npt.NDArray[np.bool_]:
        """Which images are no copies (`hilum augment`): those that scores count."""
        return ~self.table.copies

    @property
    def patient_ids(self) -> npt.NDArray[np.object_]:
        """Object array [n] of str."""
        return self.table.frame["patient_id"].to_numpy()

    @property
    def study_ids(self) -> npt.NDArray[np.object_] | None:
        """Object array [n] of str, or None where the data do not name every image's study."""
        return self.table.study_ids


@dataclass(frozen=True)
class Job:
    """Everything that a run starts from.

    Attributes:
        config: the whole configuration.
        pack: where pixels come from.
        table: the rows that take part, with the findings to learn; copies of training images come last.
        split: which row is in which part; copies are in none.
        steps: rows before and after each filter.
        normalisation: of pixels: the training part's mean and sd, or what the first weights were trained with.
        origin: what the model starts from.
        attributes: `image_id` and the user's columns to show scores by, or None.
        verdicts: those on labels that were applied to `table`, or None.
        applied: what they did.
        copies: int64, rows of `table` that are copies of training images, which are learned from too.
        copies_left_out: how many copies of other images the pack has; they take no part.
    """

    config: Config
    pack: Pack
    table: Table
    split: Split
    steps: Sequence[Step]
    normalisation: Normalisation
    origin: Origin
    attributes: pl.DataFrame | None = None
    verdicts: Overlay | None = None
    applied: Applied | None = None
    copies: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    copies_left_out: int = 0

    @property
    def findings(self) -> tuple[str, ...]:
        """What is learned, in order."""
        return self.table.findings

    @property
    def sources(self) -> list[str]:
        """The data sets that its images are of, in order."""
        return self.table.frame["source"].unique().sort().to_list()

    def part(self, name: str, *, copies: bool = False) -> Part:
        """One part of the data.

        Args:
            name: `train`, `valid` or `test`.
            copies: with the copies of its images, which only the training part has.

        Raises:
            DataError: the part is empty.
        """
        rows = self.split.parts.get(name, np.zeros(0, np.int64))
        if not len(rows):
            raise DataError(f"the split has no {name} images. {_PART_HELP.get(name, '')}")
        if copies and name == "train":
            rows = np.concatenate([rows, self.copies])
        table = self.table.take(rows)
        policy = self.config.labels
        return Part(
            name, table, self.pack.rows_of(table), table.targets(policy), table.targets(policy, scoring=True)
        )

    def images(self) -> pl.DataFrame:
        """One row an image of any part: `image_id`, `part` and what scores can be shown by.

        That is `_IMAGE_COLUMNS`, codes of `_DEVICES` where the data have them, and the user's attributes.
        """
        about = self.pack.table.frame.select(
            *_IMAGE_COLUMNS, *(name for name in _DEVICES if name in self.pack.table.findings)
        )
        if self.attributes is not None:
            # Of age, sex and the like, attributes hold those of which the data say nothing.
            about = about.drop(name for name in self.attributes.columns[1:] if name in about.columns)
            about = about.join(self.attributes, on="image_id", how="left")
        return self.split.frame(self.table).select("image_id", "part").join(about, on="image_id", how="left")

    def describe(self) -> dict[str, Any]:
        """What a run keeps of its data (data.json)."""
        parts = {name: self.table.take(rows) for name, rows in self.split.parts.items() if len(rows)}
        return {
            "pack": str(self.pack.path.resolve()),
            "pack_fingerprint": self.pack.fingerprint,
            "table_fingerprint": self.table.originals().fingerprint(),
            "source": ", ".join(self.sources),
            "findings": list(self.findings),
            "prepare": self.pack.prepare.model_dump(),
            **self.normalisation.to_json(),
            "excluded": self.pack.excluded.height,
            "films": self._are_films(),
            "notes": list(self.table.notes),
            "clean": [step.to_json() for step in self.steps],
            **({"overlay": self.applied.to_json()} if self.applied else {}),
            **self._copies(),
            "split": {
                "id": self.split.id,
                "by": self.split.by,
                "counts": {n: {"images": len(t), "patients": t.patients} for n, t in parts.items()},
            },
            "prevalence": [row for name, table in parts.items() for row in self._prevalence(name, table)],
        }

    def _are_films(self) -> bool:
        """Whether the images are chest films: as the pack says, or by what up to `_LOOKED_AT` look like."""
        if self.pack.films is not None:
            return self.pack.films
        rows = np.unique(np.linspace(0, len(self.table) - 1, _LOOKED_AT).astype(np.int64))
        table = self.table.take(rows)
        unlike = unlike_films(self.pack.pixels, self.pack.rows_of(table), table.frame["view"].to_list())
        return are_films(len(unlike), len(rows))

    def _copies(self) -> dict[str, Any]:
        if not len(self.copies) and not self.copies_left_out:
            return {}
        return {"copies": {"train": len(self.copies), "left_out": self.copies_left_out}}

    def _prevalence(self, part: str, table: Table) -> list[dict[str, Any]]:
        truth = table.targets(self.config.labels, scoring=True)
        return [
            {
                "finding": finding,
                "part": part,
                "positive": int((truth[:, j] == 1).sum()),
                "negative": int((truth[:, j] == 0).sum()),
                "unscored": int(np.isnan(truth[:, j]).sum()),
            }
            for j, finding in enumerate(self.findings)
        ]


_PART_HELP = {
    "train": "Lower split.valid and split.test, or filter less under [clean].",
    "valid": "Raise split.valid, or set split.folds.",
    "test": "The data set has no official test part; set split.test, for example --set split.test=0.1.",
}


def make_job(config: Config) -> Job:
    """Open the data, clean, choose and split it.

    A pack with copies (`hilum augment`) is split as the pack that it was made from; the copies of training images
    then join the training part, and all others take no part.

    Raises:
        DataError: no such data, an unknown finding, or a part that would be empty.
        PackError: the pack was prepared in another way than the configuration asks for.
    """
    origin = Origin.of(config.model)
    _as_the_head(config, origin)
    if config.data.findings:
        _of_the_head(config.data.findings, origin)
    pack, table, steps = open_data(config)
    attributes = _attributes(config, pack.table.originals())
    everything = table.select(config.data.findings)
    table, split = _chosen(config, everything.originals(), origin)
    table, copies, left_out = table.with_copies_of(everything, split.parts["train"])
    learning = np.concatenate([split.parts["train"], copies])
    verdicts = Overlay.read(config.labels.overlay) if config.labels.overlay else None
    applied = None
    if verdicts is not None:
        table, applied = verdicts.apply(table, {**split.parts, "train": learning}, config.labels)
        split = replace(split, warnings=(*split.warnings, applied.text))
    learned = table.take(learning)
    # Drawn once for its errors only, so that they come before there is a run.
    sample_rows(learned.targets(config.labels), table.findings, config.sampling, config.seed, 1)
    normalisation = origin.normalisation
    if normalisation is None or (config.model.normalise == "data" and origin.run is None):
        mean, sd = pack.mean_sd(pack.rows_of(learned))
        normalisation = Normalisation((mean,), (sd,))
    made = (config, pack, table, split, steps, normalisation, origin, attributes, verdicts, applied)
    return Job(*made, copies=copies, copies_left_out=left_out)


def _chosen(config: Config, table: Table, origin: Origin) -> tuple[Table, Split]:
    """The rows that take part, and their split."""
    if not table.findings:
        raise DataError("the data have no findings to learn. Name columns of labels when packing the source.")
    _of_the_head(table.findings, origin)
    if config.data.subset:
        table = subset(table, config.data.subset, config.split.seed)
    split = make_split(table, config.split, config.split.seed)
    for name in ("train", "valid"):
        if not len(split.parts.get(name, ())):
            raise DataError(f"the split has no {name} images. {_PART_HELP[name]}")
    return table, split


def _as_the_head(config: Config, origin: Origin) -> None:
    """Check, before any packing, that images are prepared as those that the head was trained on."""
    if origin.prepare is not None and origin.run is not None and origin.prepare != config.prepare:
        different = unlike(config.prepare, origin.prepare)
        said = ", ".join(f"{key} = {has!r}, not {wants!r}" for key, (has, wants) in different.items())
        overrides = " ".join(f"--set prepare.{key}={wants}" for key, (_, wants) in different.items())
        raise ConfigError(
            f"the run asks for images with {said}, for which the head {origin.run.path} was not trained. "
            f"Train with: {overrides}"
        )


def _of_the_head(learned: tuple[str, ...], origin: Origin) -> None:
    if origin.run is None or (findings := tuple(origin.run.data["findings"])) == learned:
        return
    raise ConfigError(
        f"the head {origin.run.path} is for {', '.join(findings)}; the run learns {', '.join(learned)}. "
        f"Train with: --set data.findings={shlex.quote(json.dumps(findings))}"
    )


def open_data(config: Config) -> tuple[Pack, Table, list[Step]]:
    """Open a pack, or read a source and pack it into the cache (`SOURCE:FOLDER`).

    Returns:
        The pack, its rows after cleaning, and the steps of the cleaning.
    """
    text = config.data.path
    if not text:
        raise DataError("no data were named. Give --data PACK, or --data SOURCE:FOLDER to pack first.")
    source, colon, root = text.partition(":")
    if colon and source in all_sources():
        table = read_quietly(source, root, **config.data.options)
        _check_overlay(config, table)
        table, steps = clean(table, config.clean)
        # A finding or a file that is not there is said before the hour of packing.
        table.select(config.data.findings)
        _attributes(config, table)
        pack = cached_pack(table, config.prepare, films=config.clean.films, limits=config.limits)
        return pack, pack.table, steps
    if colon and not Path(text).exists():
        # Says which source was meant, if one is near.
        read_quietly(source, root)
    pack = Pack(text)
    if config.data.options:
        raise DataError(
            f"{text} is a pack, read from its source already: data.options (--option) go with SOURCE:FOLDER. "
            "Give them to hilum pack, and here --set data.options={} where the recipe has some."
        )
    _same_preparation(pack, config.prepare)
    _check_overlay(config, pack.table)
    table, steps = clean(pack.table, config.clean)
    return pack, table, steps


def _attributes(config: Config, table: Table) -> pl.DataFrame | None:
    return read_attributes(config.data.attributes, table) if config.data.attributes else None


def _check_overlay(config: Config, table: Table) -> None:
    """Check verdicts against all that the data have: what is cleaned away later is no mistake in the file."""
    if config.labels.overlay:
        Overlay.read(config.labels.overlay, table)


def _same_preparation(pack: Pack, wanted: PrepareConfig) -> None:
    different = unlike(pack.prepare, wanted)
    if different:
        said = ", ".join(
            f"{k} = {has!r} where the run asks for {want!r}" for k, (has, want) in different.items()
        )
        overrides = " ".join(f"--set prepare.{key}={has}" for key, (has, _) in different.items())
        raise PackError(
            f"{pack.path} was made with {said}.\nPack again with the run's settings, or train with: {overrides}"
        )
