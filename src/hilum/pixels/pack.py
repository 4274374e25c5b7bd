"""`Pack`: a table and its images, decoded and resized once, in one memory-mapped array on disk."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.config import LabelsConfig, PrepareConfig, SplitConfig
from hilum.errors import DataError, PackError
from hilum.files import read_json, read_parquet
from hilum.pixels.decoding import Gray
from hilum.table import SOURCES, Split, Table, guess_source, make_split
from hilum.text import escaped, strings

if TYPE_CHECKING:
    pass

if TYPE_CHECKING:
    from hilum.pixels.dataset import PackDataset

FORMAT = 1
"""Version of the folder's layout; a pack of another version is not opened."""

INFO, TABLE, BOXES = "pack.json", "table.parquet", "boxes.parquet"
PIXELS, STATS, EXCLUDED, JOURNAL = "pixels.npy", "stats.parquet", "excluded.parquet", "journal.jsonl"
COPIES = "copies.parquet"
"""Of an augmented pack: what was drawn for each copy."""
FILES = (INFO, TABLE, BOXES, PIXELS, STATS, EXCLUDED, JOURNAL, COPIES)

_STATS_COLUMNS = {"image_id": pl.String, "digest": pl.String} | dict.fromkeys(
    ("slot", "sum", "squares"), pl.Int64
)
_EXCLUDED_COLUMNS = dict.fromkeys(("image_id", "path", "reason"), pl.String)

_SAMPLE = 8
"""Images, evenly over the pack, whose pixels are checked when it is opened."""


def digest_of(parts: Iterable[str]) -> str:
    """One sha256 of many texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def digest(image: Gray) -> str:
    """The first 32 hexadecimal digits of the pixels' sha256."""
    return hashlib.sha256(image.data).hexdigest()[:32]


def partial_path(out: Path) -> Path:
    """Where the pack `out` lies while it is built."""
    return out.with_name(out.name + ".partial")


@dataclass(frozen=True, eq=False, init=False)
class Pack:
    """A folder that holds a table and its images, ready to be shown to a network.

    Attributes:
        path: the folder.
        table: the images that could be read; `excluded` lists the others.
        pixels: uint8 [slots, size, size], memory-mapped and read-only.
        slots: int64 [len(table)], which row of `pixels` belongs to each row of the table.
        prepare: how the images were prepared.
        fingerprint: sha256 of settings, table and pixels: equal for equal content.
        excluded: columns image_id, path, reason.
        info: all of `pack.json`.
        stats: per row of the table: image_id, slot, sum and squares of its pixels, and their digest.
    """

    path: Path
    table: Table
    pixels: npt.NDArray[np.uint8]
    slots: npt.NDArray[np.int64]
    prepare: PrepareConfig
    fingerprint: str
    excluded: pl.DataFrame
    info: dict[str, Any]
    stats: pl.DataFrame

    def __init__(self, path: str | Path, *, fingerprint: str = "", look: bool = True) -> None:
        """Open a finished pack.

        Args:
            path: its folder.
            fingerprint: what it must have, as a run remembers it; empty means any.
            look: whether to read a sample of its pixels, to see whether it is damaged.

        Raises:
            PackError: there is none, it is half-built, of another version, damaged, or not the one that is wanted.
        """
        vars(self).update(_read(Path(path)))
        if fingerprint and self.fingerprint != fingerprint:
            raise PackError(
                f"{path} is no longer the pack that it was: it has fingerprint {self.fingerprint[:12]}, and "
                f"{fingerprint[:12]} is wanted. Pack the same data with the same settings again."
            )
        if look:
            self.images(self.slots[:: max(1, len(self) // _SAMPLE)][:_SAMPLE])

    @classmethod
    def _of(cls, **parts: Any) -> Pack:
        """A pack of its attributes."""
        made = object.__new__(cls)
        vars(made).update(parts)
        return made

    def _replaced(self, **parts: Any) -> Pack:
        """The same pack with other attributes, such as fewer rows."""
        return Pack._of(**{one.name: getattr(self, one.name) for one in fields(self)} | parts)

    @cached_property
    def _known(self) -> npt.NDArray[np.int64]:
        """Sum and squares of each slot, int64 [slots, 2]; -1 where there is no image."""
        known = np.full((len(self.pixels), 2), -1, np.int64)
        known[self.slots] = self.stats.select("sum", "squares").to_numpy()
        return known

    @cached_property
    def _seen(self) -> npt.NDArray[np.bool_]:
        """Which slots were found to hold what was written, bool [slots]."""
        return self._known[:, 0] < 0

    def verify(self, slots: npt.ArrayLike, images: npt.NDArray[np.uint8]) -> None:
        """Check that images hold the pixels that were written, each when it is first read.

        It goes by the sum of squares, which damage does not leave alone: blocks of zeros, torn pages, flipped
        bits. The sum as well would take twice the time; `hilum check` compares a sha256.

        Args:
            slots: int64 [n].
            images: uint8 [n, size, size], as they were read from there.

        Raises:
            PackError: one does not; the message names it.
        """
        slots = np.asarray(slots, np.int64)
        new = np.flatnonzero(~self._seen[slots])
        if not len(new):
            return
        squares = np.rint([cv2.norm(images[at], cv2.NORM_L2SQR) for at in new])
        wrong = new[squares != self._known[slots[new], 1]]
        if len(wrong):
            row = int(np.flatnonzero(self.slots == slots[wrong[0]])[0])
            raise PackError(
                f"the pack {self.path} is damaged: {PIXELS} no longer holds the pixels of "
                f"{self.table.image_ids[row]!r} that were written. `hilum check {self.path}` names all such "
                "images. Remove the folder and pack the data again."
            )
        self._seen[slots] = True

    def __len__(self) -> int:
        return len(self.table)

    @property
    def films(self) -> bool | None:
        """Whether these are chest films, all else left out; None where that was not asked when it was made."""
        return self.info.get("films")

    @property
    def bytes(self) -> int:
        """Size on disk."""
        return sum(file.stat().st_size for file in self.path.iterdir() if file.is_file())

    def originals(self) -> Pack:
        """The pack without the copies of an augmented one: what every count of images is about."""
        if not self.table.copies.any():
            return self
        own = ~self.table.copies
        kept = {"table": self.table.originals(), "slots": self.slots[own], "stats": self.stats.filter(own)}
        return self._replaced(**kept)

    def dataset(
        self,
        split: Split | SplitConfig,
        part: str,
        *,
        labels: LabelsConfig | None = None,
        raw: bool = False,
        normalisation: tuple[float, float] | None = None,
    ) -> PackDataset:
        """One part of the images as a `torch.utils.data.Dataset`: item -> image [1, size, size], targets [k].

        Works with samplers and with workers of a DataLoader. What a run adds to its data (filters, verdicts,
        copies) is not in it: its own parts are those of `hilum.train`.

        Args:
            split: which image is in which part, of this pack's table without copies; or how to divide it.
            part: `train`, `valid` or `test`.
            labels: what uncertain and blank labels become; NaN is not scored.
            raw: uint8 images as they are, in place of float32 ones in the network's normalisation.
            normalisation: mean and sd of pixels, 0 to 1; None is those of the split's training part, as in a run.

        Raises:
            DataError: there is no such part, or it is empty.
        """
        from hilum.pixels.dataset import PackDataset

        own = self.originals()
        if isinstance(split, SplitConfig):
            split = make_split(own.table, split, split.seed)
        rows = split.parts.get(part, ())
        if not len(rows):
            raise DataError(f"the split has no {part} images; its parts are {', '.join(split.parts)}.")
        table = own.table.take(rows)
        if not raw and normalisation is None:
            normalisation = own.mean_sd(own.slots[split.parts["train"]])
        targets = table.targets(labels or LabelsConfig())
        return PackDataset(own, table.image_ids, own.slots[rows], targets, None if raw else normalisation)

    def digests(self) -> Iterator[tuple[str, bool]]:
        """Ids of all images in turn, and whether their pixels have the sha256 with which they were written."""
        known = self.stats["digest"]
        for image_id, slot, digits in zip(self.table.image_ids, self.slots.tolist(), known, strict=True):
            yield image_id, digest(np.array(self.pixels[slot])) == digits

    def fits_fingerprint(self) -> bool:
        """Whether settings, labels and digests give the fingerprint that `pack.json` names."""
        settings = json.dumps(self.info["prepare"], separators=(",", ":"), ensure_ascii=False)
        return fingerprint_of(settings, self.table, self.stats) == self.fingerprint

    def rows_of(self, table: Table) -> npt.NDArray[np.int64]:
        """Slots of the images of a filtered or rearranged table, int64 [len(table)].

        Raises:
            PackError: the table has an image that the pack has not.
        """
        known = pl.DataFrame({"image_id": self.table.frame["image_id"], "slot": self.slots})
        found = table.frame.select("image_id").join(known, on="image_id", how="left", maintain_order="left")
        if found["slot"].null_count():
            missing = found.filter(pl.col("slot").is_null())["image_id"]
            raise PackError(
                f"the pack {self.path} has no image {missing[0]!r} ({len(missing):,} of {len(table):,} are not in "
                "it). Pack the table again, or use the pack's own table."
            )
        return found["slot"].to_numpy().astype(np.int64)

    def images(self, slots: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """The images of these slots, uint8 [m, size, size], copied from the map."""
        images = np.take(self.pixels, np.asarray(slots, np.int64), axis=0)
        self.verify(slots, images)
        return images

    def mean_sd(self, slots: npt.ArrayLike) -> tuple[float, float]:
        """Mean and standard deviation of all pixels of these slots, in units of 0 to 1, without reading them.

        Raises:
            PackError: no slots, or one that holds no image.
        """
        slots = np.asarray(slots, np.int64)
        sums = self._known[slots]
        if not len(slots) or (sums < 0).any():
            raise PackError("mean and standard deviation need at least one image, all of them in the pack.")
        count = len(slots) * self.prepare.size**2
        # Python integers: exact for any number of images.
        total, squares = (sum(column.tolist()) for column in sums.T)
        mean = total / count
        variance = (squares * count - total * total) / (count * count)
        return mean / 255.0, variance**0.5 / 255.0

    def __repr__(self) -> str:
        findings = f"{len(self.table.findings)} finding{'' if len(self.table.findings) == 1 else 's'}"
        left_out = f", {self.excluded.height:,} left out" if self.excluded.height else ""
        return (
            f"Pack({str(self.path)!r}: {len(self):,} images of {self.table.patients:,} patients, "
            f"{self.prepare.size} x {self.prepare.size}, {findings}{left_out})"
        )

    def _repr_html_(self, shown: int = 8) -> str:
        rows = np.linspace(0, len(self) - 1, min(shown, len(self))).round().astype(int)
        ids = self.table.image_ids
        figures = "".join(
            f"<figure style='display:inline-block;margin:4px;max-width:112px'>"
            f"<img alt='' src='data:image/png;base64,{_thumbnail(self.pixels[self.slots[row]])}'>"
            f"<figcaption style='font-size:smaller;overflow-wrap:anywhere'>{escaped(ids[row])}</figcaption>"
            "</figure>"
            for row in rows
        )
        return f"<p>{escaped(repr(self))}</p>{figures}{self.table._repr_html_()}"


def _read(path: Path) -> dict[str, Any]:
    """The attributes of a finished pack; none of its pixels is looked at."""
    info = _info(path)
    try:
        prepare = PrepareConfig(**info["prepare"])
        boxes = read_parquet(path / BOXES, Table.BOX_COLUMNS) if (path / BOXES).exists() else None
        frame = read_parquet(path / TABLE)
        findings, notes = strings(info["findings"]), strings(info.get("notes", []))
        table = Table(frame, findings, Path(info["root"]), boxes, notes)
        stats = read_parquet(path / STATS, _STATS_COLUMNS)
        excluded = read_parquet(path / EXCLUDED, _EXCLUDED_COLUMNS)
        fingerprint, _ = strings([info["fingerprint"], info["created"]])
        shape = (int(info["slots"]), prepare.size, prepare.size)
    except (OSError, KeyError, TypeError, ValueError, DataError, pl.exceptions.PolarsError) as error:
        raise PackError(_damaged(path, " ".join(str(error).split())[:300])) from error
    pixels = _map(path, shape)
    slots = stats["slot"].to_numpy()
    if not stats["image_id"].equals(table.frame["image_id"]) or stats.null_count().sum_horizontal()[0]:
        rows = f"{len(table)} rows in its table, {len(slots)} in its statistics"
        raise PackError(_damaged(path, f"{rows}, and they are not of the same images"))
    if len(slots) and not (slots.min() >= 0 and slots.max() < len(pixels)):
        raise PackError(_damaged(path, f"{STATS} names images that {PIXELS} does not hold"))
    return {
        "path": path, "table": table, "pixels": pixels, "slots": slots, "prepare": prepare,
        "fingerprint": fingerprint, "excluded": excluded, "info": info, "stats": stats,
    }  # fmt: skip


def fingerprint_of(prepare: str, table: Table, stats: pl.DataFrame) -> str:
    """Of settings (JSON), labels and pixels; not of where images lie, when or by how many workers they were read.

    Settings are those in `pack.json`, so that a setting that came later changes no old pack's.
    """
    return digest_of([str(FORMAT), prepare, table.fingerprint(), *stats["digest"]])


def _thumbnail(image: npt.NDArray[np.uint8], side: int = 112) -> str:
    small = cv2.resize(np.asarray(image), (side, side), interpolation=cv2.INTER_AREA)
    return base64.b64encode(cv2.imencode(".png", small)[1].tobytes()).decode()


def _but(path: Path) -> str:
    """What a path is that is no pack, and what to do."""
    if (path / "run.json").is_file():
        return ", but a run."
    if path.is_dir() and (guess := guess_source(path)):
        return f"; it looks like {SOURCES[guess].title}. Pack it first:  hilum pack {guess} {path} --out PACK"
    return f": it has no {INFO}. `hilum pack` makes one from a data set."


def _info(path: Path) -> dict[str, Any]:
    if not path.exists():
        if partial_path(path).exists():
            raise PackError(
                f"{path} is not finished: {partial_path(path)} is half-built. "
                "Give the same `hilum pack` command again to go on where it stopped."
            )
        raise PackError(f"there is no pack at {path}. Make one with:  hilum pack SOURCE FOLDER --out {path}")
    if not (path / INFO).is_file():
        raise PackError(f"{path} is not a pack{_but(path)}")
    try:
        info = read_json(path / INFO)
        version = info["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PackError(_damaged(path, f"{INFO} cannot be read")) from error
    if version != FORMAT:
        raise PackError(
            f"{path} is a pack of format {version}; this hilum reads format {FORMAT}. Pack the data again."
        )
    return dict(info)


def _map(path: Path, shape: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    """The pixels, once their header and the file's length agree with `shape`."""
    file = path / PIXELS
    try:
        pixels: npt.NDArray[np.uint8] = np.load(file, mmap_mode="r", allow_pickle=False)
    # numpy takes the header apart as Python text, and errors of its tokenizer come through.
    except (OSError, ValueError, EOFError, OverflowError, SyntaxError, TokenError) as error:
        raise PackError(_damaged(path, f"{PIXELS} is missing or cut short")) from error
    if pixels.shape != shape or pixels.dtype != np.uint8:
        raise PackError(
            _damaged(path, f"{PIXELS} holds {pixels.dtype} {list(pixels.shape)}, not uint8 {list(shape)}")
        )
    return pixels


def _damaged(path: Path, what: str) -> str:
    return f"the pack {path} is damaged: {what}. Remove the folder and pack the data again."
