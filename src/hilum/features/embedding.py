"""Embedding a pack: vectors of its images, written as they come, each image once."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.device import keep_freed_memory
from hilum.errors import DataError
from hilum.features.columns import ABOUT, DIGEST, POOLINGS, rows_of
from hilum.features.encoders import EncoderInfo
from hilum.features.store import FeatureStore
from hilum.features.table import VectorTable
from hilum.pixels import Pack, are_films, unlike_films
from hilum.predict import Encoder
from hilum.progress import if_stopped, progress, say
from hilum.text import listed

WRITE_EVERY = 10.0
"""Seconds of embedding between two writes: what a kill loses at most."""
WRITE_ROWS = 1024
"""Images at which a write happens even sooner, so that memory stays small on a fast device. 1,024 vectors of 1,024
numbers are written in 0.05 s, as fast an image as 4,096 at a time."""


@dataclass(frozen=True)
class Embedded:
    """What became of a pack's images.

    Attributes:
        encoder: what made the vectors.
        added: images embedded now.
        present: images whose vectors were there already, `refreshed` among them.
        refreshed: those whose labels, pack or the like were written anew.
        replaced: those among `added` whose pixels had changed.
        unlike: ids among `added` that do not look like chest films, where the pack has not left such out.
        seconds: all in all.
    """

    encoder: EncoderInfo
    added: int
    present: int
    seconds: float
    refreshed: int = 0
    replaced: int = 0
    unlike: tuple[str, ...] = ()


def embed(
    encoder: Encoder, pack: Pack, store: FeatureStore, *, batch: int = 0, replace: bool = False
) -> Embedded:
    """Write the vectors of a pack's images that the store has not yet.

    An image is known by its id. Where its vectors are there already, only what else the pack says of it is
    written. A killed run has written all but the last seconds' images; the same call goes on from there.

    Args:
        encoder: what makes the vectors.
        pack: prepared as the encoder asks; copies of an augmented one are left out.
        store: opened with `create=True`.
        batch: images per step of the network; 0 is what suits the device.
        replace: embed images anew whose pixels have changed, and drop an encoder whose weights have.

    Raises:
        PackError: the pack is prepared otherwise.
        DataError: an id is in the store with other pixels, or the encoder with other weights, without `replace`.
    """
    started = time.monotonic()
    encoder.check(pack)
    pack = pack.originals()
    info = EncoderInfo.of(encoder.settings(pack.prepare))
    keep_freed_memory(encoder.device)
    with store.writing():
        _drop_former(store, info, replace)
        table = store.writable(info, pack.table.findings)
        rows = rows_of(pack, table.columns)
        new, other, changed = _compare(rows, table.known())
        if len(other) and not replace:
            raise DataError(_other_pixels(rows, other, pack, store))
        if len(changed):
            table.update(rows[changed])
        wanted = np.sort(np.concatenate([new, other]))
        if len(wanted):
            _write(encoder, pack, table, rows, wanted, batch or encoder.batch(pack.prepare.size))
        table.tidy()
    present, seconds = len(rows) - len(wanted), time.monotonic() - started
    return Embedded(info, len(wanted), present, seconds, len(changed), len(other), _unlike(pack, wanted))


def _unlike(pack: Pack, wanted: npt.NDArray[np.int64]) -> tuple[str, ...]:
    """Ids of pictures that are none of a set of chest films; where the pack knows, it has left them out."""
    if pack.films is not None:
        return ()
    frame = pack.table.frame
    found = unlike_films(pack.pixels, pack.slots[wanted], frame["view"].gather(wanted).to_list())
    known = are_films(len(found), len(wanted))
    return tuple(frame["image_id"][int(wanted[at])] for at in found) if known else ()


def _drop_former(store: FeatureStore, info: EncoderInfo, wanted: bool) -> None:
    """Say, or with `--replace` remove, vectors that the same origin gave when its weights were others."""
    for one in store.encoders():
        if one.fingerprint == info.fingerprint or not one.same_place(info):
            continue
        if not wanted:
            raise DataError(
                f"{store.url} has vectors of {one}, which {info.origin} made before its weights changed. "
                "Give --replace to drop them and embed anew, or name another --out."
            )
        say(f"dropping the vectors of {one}: its weights have changed")
        store.drop(one)


def _compare(
    rows: pl.DataFrame, known: pl.DataFrame
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Positions of images that are new, that have other pixels, and of which other things are now said."""
    before = known.with_columns(there=pl.lit(True))
    both = rows.join(before, on="image_id", how="left", suffix=":before", maintain_order="left")
    there = both["there"].fill_null(False)
    same = both[DIGEST] == both[f"{DIGEST}:before"]
    facts = [name for name in (*ABOUT, *rows.columns) if name not in ("image_id", DIGEST)]
    unlike = both.select(
        pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}:before")) for name in facts)
    ).to_series()
    same = same.fill_null(False)
    masks = ~there, there & ~same, there & same & unlike
    new, other, changed = (np.flatnonzero(mask.to_numpy()) for mask in masks)
    return new, other, changed


def _other_pixels(rows: pl.DataFrame, other: npt.NDArray[np.int64], pack: Pack, store: FeatureStore) -> str:
    ids = rows["image_id"][other].to_list()
    return (
        f"{store.url} has {len(ids):,} of the images of {pack.path} with other pixels: {listed(ids)}. Where they "
        "are other pictures, pack them with ids of their own or name another --out; where the files have "
        "changed, give --replace to embed them anew."
    )


def _write(
    encoder: Encoder,
    pack: Pack,
    table: VectorTable,
    rows: pl.DataFrame,
    wanted: npt.NDArray[np.int64],
    batch: int,
) -> None:
    """Embed the images at these positions and write them every few seconds.

    Vectors wait in arrays that are made once and are written a thousand rows at a time. Kept as they come, 4,096
    at a time, memory grew from 1,134 MiB at 1,000 images to 1,593 at 8,000 (ResNet18); so it does not.
    """
    room = min(len(wanted), WRITE_ROWS + batch)
    positions = np.empty(room, np.int64)
    avg, largest = (np.empty((room, table.width), np.float32) for _ in POOLINGS)
    ready = 0
    written = time.monotonic()
    kept = "The store keeps what is embedded; give the same command again to go on."
    with if_stopped(kept), progress("embedding", len(wanted)) as advance:
        for found, vectors in encoder.pack(pack, pack.slots[wanted], batch):
            here = slice(ready, ready + len(found))
            positions[here], avg[here], largest[here] = wanted[found], vectors.avg, vectors.max
            ready += len(found)
            advance(len(found))
            if ready >= WRITE_ROWS or time.monotonic() - written >= WRITE_EVERY:
                table.add(rows[positions[:ready]], avg[:ready], largest[:ready])
                ready, written = 0, time.monotonic()
    if ready:
        table.add(rows[positions[:ready]], avg[:ready], largest[:ready])
