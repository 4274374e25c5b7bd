"""What others published on the data of a run, with every condition in which it differs."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hilum
from hilum.errors import DataError
from hilum.files import read_json
from hilum.metrics import Scores, per_finding
from hilum.runs import Run

_LEAST = 0.05
"""A run's part with fewer images than this share of the published one is another matter: nothing is shown."""
_IN_WORDS = {"valid": "validation part", "test": "test part"}


@dataclass(frozen=True)
class _Published:
    """One published number beside which a run's can be put.

    Attributes:
        system: who, and with which model.
        score: name as in `SCORES`.
        value: the number.
        n: images that it is of, or None where that was not published.
        positives: how many of these are positive, or None.
        split: which images, in words.
        source: where it was published.
        warning: in which conditions the run differs; empty where in none.
        finding: of which finding.
        part: of the run, whose score is to stand beside it.
    """

    system: str
    score: str
    value: float
    n: int | None
    positives: int | None
    split: str
    source: str
    warning: str
    finding: str
    part: str


def published(run: Run, path: Path | None = None) -> list[_Published]:
    """Figures of the run's data set and findings: those of the same images first, then in the file's order.

    Nothing where the data set is another, is drawn (a phantom), or is a small piece of the published one, and
    nothing of a finding of which no label is known.

    Args:
        run: a run with scores.
        path: another file than the one that comes with hilum.

    Raises:
        DataError: the file is none of published figures.
    """
    if _drawn(run):
        return []
    rows: list[tuple[bool, _Published]] = []
    for system in _read_published(path or _published_file()):
        part = system["part"] if run.has(system["part"]) else "valid"
        scores = run.scores(part) if system["source"] in _sources(run) else None
        if scores is None or scores.images < _LEAST * system.get("images", system.get("about", 0)):
            continue
        for finding, values in system["findings"].items():
            if finding in scores.findings and scores["images"][scores.findings.index(finding)]:
                others = _of_images(run, part, scores, system, finding)
                told = [*others, *_of_the_run(run, part, system), system.get("conditions", "")]
                warning = " ".join(sentence for sentence in told if sentence)
                rows += [
                    (bool(others), _row(system, finding, name, value, warning, part))
                    for name, value in values.items()
                ]
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def _published_file() -> Path:
    """`published.toml`, in the repository or in the installed package."""
    package = Path(hilum.__file__).parent
    places = (package.parents[1] / "docs" / "published.toml", package / "published.toml")
    return next((place for place in places if place.is_file()), places[-1])


def _read_published(path: Path) -> list[dict[str, Any]]:
    """The systems of a file; see the head of `published.toml`.

    Raises:
        DataError: it cannot be read, lacks a field, or has a score of an unknown name.
    """
    try:
        systems: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["system"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} cannot be read as published figures: {error}") from error
    for system in systems:
        name = system.get("system", "a system without a name")
        for field in ("system", "citation", "source", "part", "by", "split", "findings"):
            if field not in system:
                raise DataError(f"{path}: {name} has no {field}.")
        unknown = {score for values in system["findings"].values() for score in values} - set(per_finding())
        if unknown:
            raise DataError(
                f"{path}: {name} has a score {min(unknown)!r}; known: {', '.join(per_finding())}."
            )
    return systems


def _row(
    system: Mapping[str, Any], finding: str, name: str, value: float, warning: str, part: str
) -> _Published:
    return _Published(
        system["system"],
        name,
        float(value),
        system.get("images"),
        system.get("positives", {}).get(finding),
        system["split"],
        system["citation"],
        warning,
        finding,
        part,
    )


def _of_images(run: Run, part: str, scores: Scores, system: Mapping[str, Any], finding: str) -> list[str]:
    """Whether the same images were scored."""
    j = scores.findings.index(finding)
    images, positives = int(scores["images"][j]), int(scores["positives"][j])
    there, positive_there = system.get("images"), system.get("positives", {}).get(finding)
    told = []
    if part != system["part"]:
        told.append(
            f"This run's score is of its {_IN_WORDS[part]}, not of the {_IN_WORDS[system['part']]}: "
            f"hilum evaluate {run.path} --part {system['part']} gives that."
        )
    if there is None:
        told.append(f"The number of images was not published; here it is {images:,}.")
    elif there != images:
        told.append(f"Other images: {there:,} there, {images:,} here.")
    if positive_there is None:
        told.append(f"The number of positives was not published; here it is {positives:,}.")
    elif there is None or there == images:
        if positive_there != positives:
            told.append(f"Other labels or images: {positive_there:,} positive there, {positives:,} here.")
    else:
        told.append(f"{positive_there / there:.1%} of them are positive, here {positives / images:.1%}.")
    if there is not None and system["by"] != "official" and part == system["part"]:
        told.append("Another draw of the images, so the test images are not the same.")
    return told


def _of_the_run(run: Run, part: str, system: Mapping[str, Any]) -> list[str]:
    """How images were divided, what was chosen on them, how large they were."""
    by = run.data["split"]["by"]
    told = [] if len(_sources(run)) == 1 else [f"This run's images are of {run.data['source']}."]
    if system["by"] == "image" and by != "image":
        told.append("There the same patients are in training and in the scored part, which flatters.")
    elif system["by"] != "image" and by == "image":
        told.append("This run's split is by image: the same patients are in training and in the scored part.")
    if system.get("chosen") and part != "valid":
        told.append("There the epoch or the threshold was chosen on the scored images.")
    pixels, size = system.get("pixels"), run.data["prepare"]["size"]
    if pixels is not None and pixels != size:
        told.append(f"Images of {pixels} px there, {size} px here.")
    return told


def _sources(run: Run) -> list[str]:
    """The data sets that a run's images are of."""
    return str(run.data["source"]).split(", ")


def _drawn(run: Run) -> bool:
    """Whether the images are a phantom study's, which looks like the data set that it imitates."""
    try:
        root = Path(read_json(Path(run.data["pack"]) / "pack.json")["root"])
        return "arguments" in read_json(root / "truth.json")
    except (OSError, ValueError, KeyError, TypeError):
        return False
