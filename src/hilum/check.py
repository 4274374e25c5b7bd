"""`check`: whether a run, a pack, a feature store or a folder of runs still is what was written, byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from hilum import seals
from hilum.errors import DataError, HilumError
from hilum.features import FeatureStore
from hilum.files import read_json
from hilum.metrics import Predictions
from hilum.pixels import INFO, Pack
from hilum.progress import progress
from hilum.runs import Run
from hilum.table import PARTS
from hilum.text import many

_SEALED = (".parquet", ".safetensors")


@dataclass
class Checked:
    """What a check of one thing found.

    Attributes:
        path: where it is.
        kind: `run`, `pack`, `store` or `file`.
        files: how many files were read to their end.
        rows: images of a pack, or vectors of a store, that were.
        damaged: a sentence for each file or image that is missing or not what was written.
        without: files without a checksum, from an earlier hilum: they can be read, and no more is known of them.
    """

    path: str
    kind: str
    files: int = 0
    rows: int = 0
    damaged: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Note an error of the block as damage, unless the file that it names is noted already."""
        try:
            yield
        except HilumError as error:
            said = str(error).splitlines()[0]
            if not any(line.partition(": ")[0] in said for line in self.damaged):
                self.damaged.append(said)

    def compare(self, files: Iterable[Path], root: Path) -> None:
        """Compare files below a folder with the checksums that they hold."""
        for file in files:
            name = file.relative_to(root).as_posix()
            self.files += 1
            try:
                state = seals.state_of(file)
            except OSError as error:
                self.damaged.append(f"{name}: it cannot be read ({error.strerror}).")
                continue
            if state == "unsealed":
                self.without.append(name)
            elif state != "whole":
                torn = (
                    "it is cut short" if state == "torn" else "its checksum is not that of what was written"
                )
                self.damaged.append(f"{name}: {torn}.")


def check(path: str | Path) -> list[Checked]:
    """Read something whole and compare it with the checksums that it was written with; nothing is changed.

    Args:
        path: a run, a pack, a feature store (or its URL), a file of weights or a table, or a folder of runs.

    Returns:
        What was found of it; of each run of a folder.

    Raises:
        DataError: it is nothing of that kind.
    """
    place = Path(path)
    if "://" in str(path) or (place / "encoders.lance").is_dir():
        return [_check_store(str(path))]
    if (place / INFO).is_file():
        return [_check_pack(place)]
    if (place / "run.json").is_file():
        return [_check_run(place)]
    if place.is_file() and place.suffix in _SEALED:
        found = Checked(str(place), "file")
        found.compare([place], place.parent)
        return [found]
    runs = [one.parent for one in sorted(place.glob("[!.]*/run.json")) if not one.parent.is_symlink()]
    if not runs:
        raise DataError(
            f"{path} cannot be checked: it is no run, pack, feature store, folder of runs, safetensors or Parquet."
        )
    several = []
    with progress("checking", len(runs), "runs") as advance:
        for run in runs:
            several.append(_check_run(run))
            advance(1)
    return several


def _sealed(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.suffix in _SEALED and not path.name.startswith("."))
    return sorted(files)


def _check_run(path: Path) -> Checked:
    found = Checked(str(path), "run")
    found.compare(_sealed(path), path)
    for file in sorted(path.rglob("*.json")):
        found.files += 1
        try:
            read_json(file)
        except (OSError, ValueError) as error:
            found.damaged.append(f"{file.relative_to(path).as_posix()}: it is no JSON ({error}).")
    with found.noting():
        for read in _readings(Run(path)):
            with found.noting():
                read()
    return found


def _readings(run: Run) -> Iterator[Callable[[], object]]:
    """All that a run's files are read for."""
    yield from (lambda: run.config, lambda: run.history, lambda: run.start)
    for file in sorted(run.path.glob("scores/*.json")):
        if file.stem in PARTS:
            yield partial(run.scores, file.stem)
    for file in sorted(run.path.glob("predictions/*.parquet")):
        yield partial(Predictions.load, file, file.stem)
    if (run.path / "data.json").is_file():
        yield from (lambda: run.images, lambda: run.environment)
    for plugin in run.info.get("plugins", ()):
        yield partial(_same_text, run.plugin(plugin["name"]), plugin["sha256"])
    if run.info["status"] == "done":
        yield from (lambda: run.judge, lambda: run.mixture, partial(run.predictions, "valid"))
        if not run.members:
            yield partial(_there, run.path / "checkpoints" / "best.safetensors")


def _same_text(file: Path, checksum: str) -> None:
    _there(file)
    if hashlib.sha256(file.read_bytes()).hexdigest() != checksum:
        raise DataError(f"{file}: its checksum is not that of what was written.")


def _there(file: Path) -> None:
    if not file.is_file():
        raise DataError(f"{file} is missing: the run's folder is not whole.")


def _check_pack(path: Path) -> Checked:
    found = Checked(str(path), "pack")
    found.compare(_sealed(path), path)
    with found.noting():
        pack = Pack(path, look=False)
        before = len(found.damaged)
        with progress("checking", len(pack)) as advance:
            for image_id, whole in pack.digests():
                found.rows += 1
                if not whole:
                    found.damaged.append(f"{image_id}: its pixels are not those that were written.")
                advance(1)
        if len(found.damaged) == before and not pack.fits_fingerprint():
            found.damaged.append(
                f"{INFO}: settings, labels and pixels do not give the fingerprint that it names."
            )
    return found


def _check_store(url: str) -> Checked:
    found = Checked(url, "store")
    with found.noting():
        store = FeatureStore(url)
        for encoder in store.encoders():
            with found.noting():
                table = store.table(encoder)
                wrong = 0
                with progress(f"checking {encoder.name}", len(table)) as advance:
                    for frame, vectors in table.batches(["image_id", "avg", "max"]):
                        finite = np.isfinite(np.concatenate(vectors, axis=1)).all(axis=1)
                        wrong += int((~finite).sum())
                        found.rows += frame.height
                        advance(frame.height)
                if wrong:
                    found.damaged.append(
                        f"{encoder.name}: {many(wrong, 'vector')} hold values that are no numbers."
                    )
    return found
