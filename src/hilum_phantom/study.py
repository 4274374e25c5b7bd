"""`make_phantom`: plan a study, draw it with many processes, write it whole."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from joblib import Parallel, delayed

from hilum.cores import cores
from hilum.errors import ConfigError, DataError, did_you_mean
from hilum.files import disk_error, read_json, write_json
from hilum.locks import writing
from hilum.progress import progress
from hilum.version import __version__
from hilum_phantom import planted
from hilum_phantom.chest.anatomy import Shot
from hilum_phantom.chest.film import make_canvas
from hilum_phantom.chest.plan import Study, plan_studies
from hilum_phantom.chest.render import Box, Picture, render
from hilum_phantom.chest.signs import OPACITIES
from hilum_phantom.containers.plan import PARTS
from hilum_phantom.containers.scans import Scan, plan_scans, render_scan, write_scans
from hilum_phantom.dicom import encode_dicom, need_pydicom
from hilum_phantom.layouts import LAYOUTS, Entry
from hilum_phantom.planted import Faults
from hilum_phantom.tables import WRITE, Boxes, write_boxes, write_truth

CONTAINERS = "containers"
"""The one layout that is not of chests."""
BATCH = 16
"""Images that a process draws before it reports."""
FORMAT = 1
"""Rises when the same arguments give other files."""


Files = Sequence[Entry] | Sequence[Scan]


@dataclass(frozen=True)
class Phantom:
    """A phantom study on disk.

    Attributes:
        path: its folder.
        layout: which data set it looks like; `hilum pack LAYOUT PATH` reads it (`containers`: as `folder`).
        images: how many image files.
        patients: how many patients, or containers.
        truth: what `truth.json` holds: arguments and everything planted.
    """

    path: Path
    layout: str
    images: int
    patients: int
    truth: dict[str, Any]


def make_phantom(
    out: str | Path,
    patients: int = 500,
    layout: str = "chexpert",
    seed: int = 0,
    size: int = 320,
    *,
    masks: bool = False,
    faults: Faults | None = None,
    workers: int | None = None,
) -> Phantom:
    """Draw a study into a new folder, of chest X-rays or container scans; same arguments, same bytes.

    Args:
        out: the folder; where it holds this very study already, nothing is drawn.
        patients: how many, or how many containers.
        layout: `chexpert`, `nih`, `pneumonia`, `folder`, `dicom` or `containers`.
        seed: of everything.
        size: pixels of each image's shorter side.
        masks: also write `masks/FINDING/IMAGE.png`.
        faults: what is to be planted.
        workers: processes; None is one per processor.

    Returns:
        What was written.

    Raises:
        ConfigError: an argument is out of range.
        DataError: the folder holds something else, or the faults do not fit the study.
        DiskError: the disk is full or read-only.
        MissingExtra: the layout `dicom` needs pydicom.
    """
    out, faults = Path(out), faults or Faults()
    _check(patients, layout, seed, size, faults)
    arguments = {
        "patients": patients, "layout": layout, "seed": seed, "size": size, "masks": masks, **faults.to_json(),
    }  # fmt: skip
    with writing(out):
        return _already(out, arguments) or _draw(out, arguments, faults, workers)


def _draw(out: Path, arguments: dict[str, Any], faults: Faults, workers: int | None) -> Phantom:
    patients, layout, seed, size, masks = (
        arguments[name] for name in ("patients", "layout", "seed", "size", "masks")
    )
    files: Files
    if layout == CONTAINERS:
        files, truth = plan_scans(patients, seed, faults)
    else:
        files, truth = plan_entries(patients, layout, seed, faults)
    truth = {"format": FORMAT, "hilum": __version__, "arguments": arguments, **truth}
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        partial.mkdir()
        boxes = _draw_all(files, partial, size, masks, workers)
        truth["damaged"] = _damage(partial, files, faults.damage, seed)
        _write_tables(partial, layout, files, boxes)
        write_json(partial / "truth.json", truth)
        if out.exists():
            out.rmdir()
        partial.rename(out)
    except OSError as error:
        raise disk_error(out, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Phantom(out, layout, truth["images"], truth["patients"], truth)


def plan_entries(patients: int, layout: str, seed: int, faults: Faults) -> tuple[list[Entry], dict[str, Any]]:
    """What is to be drawn and what is planted, without drawing it."""
    style = LAYOUTS[layout]
    parts = [part for part, _ in style.population.parts]
    studies = plan_studies(patients, seed, style.population, at_least_two=min(faults.leak, patients))
    truth: dict[str, Any] = {"leaked": [], "duplicates": [], "flipped": []}
    if faults.shortcut:
        studies = planted.plant_shortcut(studies, faults.shortcut, faults.shortcut_strength, seed)
    if faults.age_gap:
        studies, truth["fainter"] = planted.plant_age_gap(studies, faults.age_gap, faults.age_gap_strength)
    if faults.leak:
        studies, truth["leaked"] = planted.plant_leaks(studies, faults.leak, parts, seed)
    if faults.duplicates:
        studies, truth["duplicates"] = planted.plant_duplicates(studies, faults.duplicates, parts, seed)
    if faults.flip_labels:
        studies, truth["flipped"] = planted.plant_flips(studies, faults.flip_labels, style.labels, seed)
    entries = style.arrange(studies)
    if faults.monochrome1:
        entries = [replace(entry, inverted=entry.image % 2 == 0) for entry in entries]
    truth |= _counts(entries, studies, truth["flipped"])
    return entries, truth


def _write_tables(root: Path, layout: str, files: Files, boxes: Boxes) -> None:
    """The layout's label files, the boxes and the truth."""
    write_boxes(root, [file.path for file in files], boxes)
    if layout == CONTAINERS:
        write_scans(root, [file for file in files if isinstance(file, Scan)])
        return
    entries = [file for file in files if isinstance(file, Entry)]
    WRITE[layout](root, entries, boxes)
    write_truth(root, entries)


def _counts(entries: list[Entry], studies: list[Study], flipped: planted.Planted) -> dict[str, Any]:
    paths: dict[tuple[int, int], list[str]] = {}
    for entry in entries:
        paths.setdefault((entry.study.patient, entry.study.number), []).append(entry.path)
    for flip in flipped:
        flip["paths"] = paths[flip["patient"], flip["study"]]
    return {
        "images": len(entries),
        "studies": len(studies),
        "patients": len({study.patient for study in studies}),
        "monochrome1": [entry.path for entry in entries if entry.inverted],
    }


def _check(patients: int, layout: str, seed: int, size: int, faults: Faults) -> None:
    if layout not in (known := (*LAYOUTS, CONTAINERS)):
        raise ConfigError(f"there is no layout {layout!r}; {did_you_mean(layout, known)}")
    if layout == "dicom":
        need_pydicom()
    parts = len(PARTS if layout == CONTAINERS else LAYOUTS[layout].population.parts)
    wrong = [
        (patients < parts, f"patients = {patients}: the layout {layout} needs at least {parts}"),
        (not 32 <= size <= 2048, f"size = {size}: expected 32 to 2048 pixels"),
        (not 0 <= seed < 2**31, f"seed = {seed}: expected 0 to {2**31 - 1}"),
        (
            not 0 <= faults.flip_labels <= 0.5,
            f"flip_labels = {faults.flip_labels:g}: expected a share of 0 to 0.5",
        ),
        (
            not 0 <= faults.shortcut_strength <= 1,
            f"shortcut_strength = {faults.shortcut_strength:g}: expected a correlation of 0 to 1",
        ),
        (
            not 0 <= faults.age_gap_strength <= 1,
            f"age_gap_strength = {faults.age_gap_strength:g}: expected a share of 0 to 1",
        ),
        (
            min(faults.leak, faults.damage, faults.duplicates) < 0,
            "leak, damage and duplicates cannot be negative",
        ),
        (faults.leak > patients, f"leak = {faults.leak} of {patients} patients"),
        (
            bool(faults.leak) and parts < 2,
            f"leak: the layout {layout} has no parts that a patient could be in twice",
        ),
        (bool(faults.age_gap) and layout == CONTAINERS, "age_gap is for patients; containers have no age"),
        (faults.monochrome1 and layout != "dicom", f"monochrome1 is for the layout dicom; this is {layout}"),
    ]
    faulty = [message for is_wrong, message in wrong if is_wrong]
    if faulty:
        raise ConfigError("the phantom study cannot be made:\n" + "\n".join(f"  - {line}" for line in faulty))


def _already(out: Path, arguments: dict[str, Any]) -> Phantom | None:
    """The study that is in the folder, if it is this one."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    try:
        truth = read_json(out / "truth.json")
        same = truth["arguments"] == arguments and truth["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError):
        same = False
    if not same:
        raise DataError(f"{out} is not empty and holds something other than this study. Name a new folder.")
    return Phantom(out, arguments["layout"], truth["images"], truth["patients"], truth)


def _draw_all(entries: Files, root: Path, size: int, masks: bool, workers: int | None) -> Boxes:
    batches = [entries[k : k + BATCH] for k in range(0, len(entries), BATCH)]
    count = min(workers or cores(), len(batches))
    boxes: Boxes = {}
    # joblib's processes do not import the caller's script anew, so that it needs no `if __name__ == "__main__":`.
    asked = {"initializer": _end_with, "initargs": (os.getpid(),)}
    pool = Parallel(count, "loky", "generator_unordered", batch_size=1, idle_worker_timeout=5, **asked)
    with progress("drawing", len(entries)) as advance:
        with _deaf():
            drawn = pool(delayed(draw_batch)(batch, root, size, masks) for batch in batches)
        for done in drawn:
            boxes |= done
            advance(len(done))
    return boxes


def draw_batch(entries: Files, root: Path, size: int, masks: bool) -> Boxes:
    """Draw and write some images; returns their boxes."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return {entry.path: _draw_one(entry, root, size, masks) for entry in entries}
    finally:
        cv2.setNumThreads(threads)


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes begun within never hear Ctrl-C, which a terminal sends to all: this one does, after the block."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _end_with(parent: int) -> None:
    """Have this process end when its parent is gone: joblib's workers outlive a killed one by half a minute."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _draw_one(entry: Entry | Scan, root: Path, size: int, masks: bool) -> dict[str, tuple[Box, ...]]:
    if isinstance(entry, Scan):
        picture = render_scan(entry.visit, entry.view, size)
    else:
        picture = _picture(entry.study, entry.shot, size)
    path = _place(root, entry.path)
    path.write_bytes(_encoded(entry, picture, size))
    if masks:
        for finding, mask in picture.masks.items():
            name = Path("masks", finding.replace(" ", "_"), entry.path).with_suffix(".png")
            file = _place(root, name)
            file.write_bytes(cv2.imencode(".png", mask)[1].tobytes())
    return picture.boxes


def _place(root: Path, name: str | Path) -> Path:
    """A file below `root`, its folders made; never `root` itself, which is gone where our parent was killed."""
    path = root / name
    for folder in [*reversed(Path(name).parents)][1:]:
        (root / folder).mkdir(exist_ok=True)
    return path


def _picture(study: Study, shot: Shot, size: int) -> Picture:
    """The study's picture; a finding that is to be fainter is mixed with the picture of a patient without it."""
    picture = render(study.person, shot, study.signs, size, study.leads)
    if not study.fainter:
        return picture
    kinds = (study.fainter, *OPACITIES) if study.fainter == "Lung Opacity" else (study.fainter,)
    others = tuple(sign for sign in study.signs if sign.finding not in kinds)
    without = render(study.person, shot, others, size, study.leads)
    share = study.fainter_by
    gray = cv2.addWeighted(without.gray, share, picture.gray, 1 - share, 0)
    return replace(picture, gray=gray.astype(np.uint8))


def _encoded(entry: Entry | Scan, picture: Picture, size: int) -> bytes:
    suffix = Path(entry.path).suffix
    if isinstance(entry, Entry) and suffix == ".dcm":
        return encode_dicom(entry, picture.gray, 1 / make_canvas(entry.shot, size).scale)
    options = [cv2.IMWRITE_PNG_COMPRESSION, 3] if suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, 92]
    return bytes(cv2.imencode(suffix, picture.gray, options)[1].tobytes())


def _damage(root: Path, entries: Files, count: int, seed: int) -> list[dict[str, str]]:
    if count > len(entries):
        raise DataError(f"{count} files cannot be damaged: the study has {len(entries)}.")
    rng = np.random.default_rng([seed, 0, 71])
    damaged = []
    for k, index in enumerate(sorted(rng.choice(len(entries), count, replace=False).tolist())):
        path = root / entries[index].path
        kind = ("empty", "truncated", "garbage")[k % 3]
        content = path.read_bytes()
        wrong = {"empty": b"", "truncated": content[: len(content) * 2 // 5], "garbage": rng.bytes(2000)}
        path.write_bytes(wrong[kind])
        damaged.append({"path": entries[index].path, "how": kind})
    return damaged
