"""What `hilum doctor` would say of a run's data, as far as it can be asked in a second: no file is opened."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from hilum.doctor import shortcut_checks
from hilum.table import PARTS
from hilum.text import many
from hilum.train.data import Job


def data_warnings(job: Job) -> list[str]:
    """One sentence for each part with pictures of another part, and one for what tells a label by itself."""
    return [*_same_pictures(job), *_told_by_the_table(job)]


def _same_pictures(job: Job) -> Iterator[str]:
    """Images that are equal to the last pixel, once prepared, across two parts."""
    digests = job.pack.stats.select("image_id", "digest")
    images = job.split.frame(job.table).join(digests, on="image_id", how="left", maintain_order="left")
    for place, later in enumerate(PARTS):
        own = images.filter(pl.col("part") == later)
        earlier = images.filter(pl.col("part").is_in(PARTS[:place]))
        pairs = own.join(earlier, on="digest", suffix="_there")
        same = pairs["image_id"].n_unique()
        if not same:
            continue
        torn = pairs.filter(pl.col("patient_id") != pl.col("patient_id_there"))["image_id"].n_unique()
        there = " and ".join(part for part in PARTS if part in set(pairs["part_there"]))
        yield (
            f"{same:,} of the {many(len(own), 'image')} of the {later} part are identical to images of {there}"
            f"{f' ({torn:,} of them of another patient id)' if torn else ''}, so scores are too good. "
            "hilum doctor --json lists them; keep one of each."
        )


def _told_by_the_table(job: Job) -> Iterator[str]:
    """A column that nearly equals a label."""
    for check in shortcut_checks(job.table.originals(), deciding=True):
        yield f"{check.message} {check.what_to_do}"
