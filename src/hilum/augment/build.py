"""Writing a pack of originals and their changed copies: in parallel, resumable, in place only when it is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from torch import Tensor

from hilum.augment.boxes import boxes_of_copies
from hilum.augment.copies import Copies
from hilum.augment.presets import STRENGTHS
from hilum.batches import AugmentParams, gathering
from hilum.config import AugmentConfig, AugmentPackConfig, make_config
from hilum.errors import ConfigError, DataError, PackError
from hilum.files import read_parquet
from hilum.pixels import COPIES, Pack, write_pack
from hilum.table import Table
from hilum.text import items

_Ints = npt.NDArray[np.int64]
_Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Augmented:
    """An augmented pack.

    Attributes:
        pack: the new pack.
        originals: how many images it is made from.
        copies: how many copies it has of them, together.
        there: it was there already.
    """

    pack: Pack
    originals: int
    copies: int
    there: bool


def augment_pack(
    pack: Pack | str | Path, out: str | Path, settings: AugmentPackConfig, *, change: Iterable[str] = ()
) -> Augmented:
    """Write a pack with the images of another and changed copies of its training images.

    Originals keep their ids, labels and pixels. A copy `ID~1` has its original's patient, study, labels and
    metadata, and `copy_of`; what was drawn for it is in `copies.parquet`, from which `replay` makes the same
    pixels again. A build that was killed goes on where it was when called again.

    Args:
        pack: of originals, or its folder.
        out: the new pack's folder; where it is this very pack already, nothing is made.
        settings: how many copies, and how strongly changed.
        change: settings over those of the strength, as `augment.key=value`.

    Returns:
        The new pack, and how many images it has of which kind.

    Raises:
        ConfigError: a setting is not possible.
        DataError: there is no image to copy.
        PackError: there is no pack, it holds copies already, or something else is at `out`.
        InUse, DiskError: another process makes it; the file system refused, before the work where it is full.
    """
    pack = pack if isinstance(pack, Pack) else Pack(pack)
    preset = STRENGTHS[settings.strength]
    config = _changed(preset, items(change))
    copies = Copies.draw(pack, config, settings)
    made = settings.model_dump(mode="json", include={"copies", "seed", "parts"})
    made["settings"] = config.model_dump(mode="json", exclude={"extra"})
    strength = settings.strength + ("" if config == preset else ", changed")
    return _build(pack, copies, Path(out), {"strength": strength}, made, settings.workers or None)


def _changed(preset: AugmentConfig, change: Sequence[str]) -> AugmentConfig:
    others = [text for text in change if not text.partition("=")[0].strip().startswith("augment.")]
    if others:
        raise ConfigError(f"{others[0]}: here only settings of section augment count, as augment.degrees=10.")
    return make_config({"augment": preset.model_dump()}, change, "the copies").augment


def _build(
    pack: Pack, plan: Copies, out: Path, name: dict[str, Any], made: dict[str, Any], workers: int | None
) -> Augmented:
    content = ("augmented", pack.fingerprint, repr(sorted(made.items())))
    marks = {"stamp": pack.info.get("stamp", ""), "augmented": _about(pack, plan, {**name, **made})}
    with gathering(pack.pixels, verify=pack.verify) as gather, _one_core_a_thread():

        def images(rows: range) -> _Pixels:
            # A thread takes over the common number when it first asks for it: ask before, or 1 does not last.
            torch.get_num_threads()
            torch.set_num_threads(1)
            return _images(pack, plan, np.arange(rows.start, rows.stop), gather)

        new, there = write_pack(
            out,
            content,
            _augmented_table(pack, plan),
            pack,
            images,
            marks=marks,
            also={COPIES: plan.frame(pack.table)},
            workers=workers,
            what="augmenting",
        )
    return Augmented(new, len(pack), len(plan), there)


def _about(pack: Pack, plan: Copies, made: dict[str, Any]) -> dict[str, Any]:
    return {
        "from": str(pack.path.resolve()), "fingerprint": pack.fingerprint, **made,
        "originals": len(pack), "made": len(plan), "fill": plan.fill,
        "boxes": "none" if pack.table.boxes is None else "moved" if pack.prepare.fit == "squash" else "dropped",
    }  # fmt: skip


def replay(pack: Pack, image_id: str) -> _Pixels:
    """Make a copy again from its original in the pack and its recorded parameters.

    Returns:
        uint8 [size, size], the same bits as the pack's.

    Raises:
        DataError: the pack has no such copy.
        PackError: the pack was not made by `augment_pack`.
    """
    try:
        record = read_parquet(pack.path / COPIES).filter(pl.col("image_id") == image_id)
    except OSError as error:
        raise PackError(f"{pack.path} has no {COPIES}: it holds no copies.") from error
    if not len(record):
        raise DataError(f"{pack.path} has no copy {image_id!r}; copies are called ID~1, ID~2, ...")
    original = pack.table.filter(pl.col("image_id") == record[Table.COPY_OF][0])
    images = torch.from_numpy(pack.images(pack.rows_of(original)))
    return np.asarray(_apply(images, Copies.params_of(record), float(record["fill"][0]))[0])


def _apply(images: Tensor, params: AugmentParams, fill: float) -> _Pixels:
    """uint8 [n, s, s] -> uint8 [n, s, s], changed as the parameters say and rounded."""
    shares = params.apply(images.float().div_(255).unsqueeze(1), fill)
    made: _Pixels = shares.mul(255).round_().to(torch.uint8).squeeze(1).numpy()
    return made


def _augmented_table(pack: Pack, plan: Copies) -> Table:
    """The pack's rows, then one for each copy; with `copy_of`."""
    table = pack.table
    nothing = pl.lit(None, pl.String).alias(Table.COPY_OF)
    copied = table.frame[plan.rows].with_columns(pl.col("image_id").alias(Table.COPY_OF), plan.ids(table))
    frame = pl.concat([table.frame.with_columns(nothing), copied])
    boxes = table.boxes
    if boxes is not None and pack.prepare.fit == "squash":
        moved = boxes_of_copies(table, plan)
        boxes = boxes if moved is None else pl.concat([boxes, moved])
    return Table.make(frame, table.findings, table.root, boxes, table.notes)


@contextmanager
def _one_core_a_thread() -> Iterator[None]:
    """Torch's own threads would only get in the way of ours; afterwards their number is what it was."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _images(pack: Pack, plan: Copies, rows: _Ints, gather: Callable[[_Ints], Tensor]) -> _Pixels:
    """Images of some rows of the augmented table: originals as they are, then copies."""
    own, copied = rows[rows < len(pack)], rows[rows >= len(pack)] - len(pack)
    made = [gather(pack.slots[own]).numpy()] if len(own) else []
    if len(copied):
        # Copies of one image follow each other: it is read once.
        several, which = np.unique(plan.rows[copied], return_inverse=True)
        images = gather(pack.slots[several])[torch.from_numpy(which)]
        made.append(_apply(images, plan.params.take(copied), plan.fill))
    return np.ascontiguousarray(np.concatenate(made))
