"""Learn what tells a chest film from other pictures (`src/hilum/pixels/film.safetensors`), and measure it.

`python -m benchmarks.films DATA` learns, writes the network and measures; with `--measure` it only measures. DATA
holds the folders `pneumonia-224` (the paediatric set) and `nih-320` (`images/`, a part of ChestX-ray14). Films are
divided by patient, drawn pictures by seed, sample pictures of installed packages by name: 80 % are learned from,
20 % are for measuring. Takes some ten minutes on one core.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import save_file
from torch import nn

from benchmarks.film_variants import sketch, varied
from benchmarks.no_films import KINDS, Picture, photographs, pieces
from hilum.pixels import no_film
from hilum.pixels.film import _MEASURES, _MODEL, _OTHER, _SIDE, _Glance, _glance, _looks, _measured
from hilum_phantom import make_phantom

LEARN, MEASURE = "learn", "measure"
VARIANTS, DRAWN, PIECES = 5, 2500, 200
"""Variants of each film; drawn pictures of each kind; pieces of each photograph, to learn from."""
HIDDEN, EPOCHS, BATCH, DROPOUT, SEED = 64, 20, 256, 0.15, 0


def part_of(name: str) -> str:
    """The same part for the same name."""
    share = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 16**8
    return LEARN if share < 0.8 else MEASURE


def real_films(data: Path) -> Iterator[tuple[str, Picture]]:
    """Patient and gray picture of every film."""
    for path in sorted([*data.glob("pneumonia-224/*/*/*"), *data.glob("nih-320/images/*")]):
        found = re.match(r"person\d+|(NORMAL2-)?IM-\d+|\d+", path.name)
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if picture is not None:
            yield found.group() if found else path.stem, np.asarray(picture, np.uint8)


def drawn_films() -> Iterator[tuple[str, Picture]]:
    """Films of the phantom, frontal and lateral, and the sketches of `sketch`."""
    with tempfile.TemporaryDirectory() as folder:
        for seed, size in ((11, 96), (12, 224)):
            study = make_phantom(Path(folder) / f"{seed}", patients=160, seed=seed, size=size)
            for path in sorted(study.path.rglob("*.jpg")):
                picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
                yield f"phantom{seed}-{path.parent.parent.name}", np.asarray(picture, np.uint8)
    for number in range(1200):
        yield f"sketch{number}", sketch(np.random.default_rng([7, number]))


def gray_of(picture: Picture) -> Picture:
    """The gray that hilum's reader makes of a picture."""
    return picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def others(part: str) -> Iterator[tuple[str, str, Picture]]:
    """Kind (a key of `_OTHER`), row of the table, and a picture that is no film, of one part."""
    share = 1.0 if part == LEARN else 0.2
    at = int(part == MEASURE)
    for k, (name, draw) in enumerate(KINDS.items()):
        for number in range(int(DRAWN * share)):
            kind = {"scene": "photo", "texture": "other"}.get(name, name)
            yield kind, f"{name}, drawn", draw(np.random.default_rng([SEED, at, k, number]))
    for name, photo in photographs().items():
        if part_of(name) == part:
            row = "photograph in colour" if np.ptp(photo, axis=2).max() > 30 else "photograph in gray"
            count = 20 if name.startswith("face") else PIECES
            for piece in pieces(photo, np.random.default_rng([SEED, len(name)]), int(count * share)):
                yield "photo", row, piece
    with tempfile.TemporaryDirectory() as folder:
        study = make_phantom(
            Path(folder) / "c", int(200 * share), layout="containers", seed=20 + at, size=160
        )
        for path in sorted(study.path.rglob("*.jpg")):
            yield "other", "container scan, drawn", read(path)


def read(path: Path) -> Picture:
    """A gray picture."""
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)


def faces(data: Path) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """What the network learns from: measures float32 [n, ...] and kinds int64 [n], 0 for a film."""
    found: list[_Glance] = []
    kinds: list[int] = []
    for i, (name, picture) in enumerate([*real_films(data), *drawn_films()]):
        if part_of(name) == LEARN:
            rng = np.random.default_rng([SEED, i])
            found += [_glance(one) for one in (picture, *(varied(picture, rng) for _ in range(VARIANTS)))]
            kinds += [0] * (1 + VARIANTS)
    rng = np.random.default_rng(SEED)
    for kind, _, picture in others(LEARN):
        gray = gray_of(picture)
        more = [cv2.resize(gray, (int(rng.integers(28, 320)),) * 2, interpolation=cv2.INTER_AREA)]
        found += [_glance(np.asarray(one, np.uint8)) for one in (gray, *more[: rng.random() < 0.3])]
        found += [_glance(255 - gray)] * (rng.random() < 0.15)
        kinds += [1 + list(_OTHER).index(kind)] * (len(found) - len(kinds))
    return _measured(found), np.array(kinds)


def learn(data: Path) -> None:
    """Fit the network and write it."""
    x, y = (torch.from_numpy(values) for values in faces(data))
    torch.manual_seed(SEED)
    net = nn.Sequential(
        nn.Dropout(DROPOUT),
        nn.Linear(_SIDE**2 + _MEASURES, HIDDEN),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(HIDDEN, 1 + len(_OTHER)),
    )
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.05)
    steps = len(x) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, EPOCHS * steps)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x))[: steps * BATCH].split(BATCH):
            loss = nn.functional.cross_entropy(net(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    hidden, kinds = net[1], net[4]
    tensors = {
        "hidden": hidden.weight.T,
        "hidden_bias": hidden.bias,
        "kinds": kinds.weight.T,
        "kinds_bias": kinds.bias,
    }
    half = {name: np.ascontiguousarray(value.detach().half().numpy()) for name, value in tensors.items()}
    save_file(half, _MODEL)


def measure(data: Path) -> dict[str, list[bool]]:
    """Row of the table -> for each picture that took no part in learning, whether it is told to be no film."""
    told: dict[str, list[bool]] = defaultdict(list)
    odds: dict[str, list[float]] = defaultdict(list)
    for i, (name, picture) in enumerate([*real_films(data), *drawn_films()]):
        kind = re.sub(r"\d.*", "", name)
        row = {"phantom": "phantom", "sketch": "sketch"}.get(kind, "real film")
        part = "" if part_of(name) == MEASURE else ", learned from"
        told[row + part].append(no_film(picture) is not None)
        odds[row + part].append(_looks([_glance(picture)])[0][0])
        if not part:
            rng = np.random.default_rng([SEED + 1, i])
            for _ in range(VARIANTS):
                told[f"{row}, varied"].append(no_film(varied(picture, rng)) is not None)
    for _, row, picture in others(MEASURE):
        data_of = cv2.imencode(".png", picture)[1].tobytes()
        told[row].append(no_film(gray_of(picture), data_of) is not None)
        odds[row].append(_looks([_glance(gray_of(picture))])[0][0])
    for row, values in odds.items():
        low, middle, high = np.quantile(values, [0, 0.5, 1])
        print(f"{row:32} log odds of a film: {low:6.1f} {middle:6.1f} {high:6.1f}")
    return told


def main() -> None:
    """Learn, unless only the measures are wanted, and print the table of `docs/decisions/0010-films.md`."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("data", type=Path)
    ask.add_argument("--measure", action="store_true")
    given = ask.parse_args()
    cv2.setNumThreads(1)
    if not given.measure:
        learn(given.data)
    print("\n| pictures | how many | told to be no film |\n|---|---|---|")
    for row, told in measure(given.data).items():
        print(f"| {row} | {len(told):,} | {sum(told):,} ({np.mean(told):.2%}) |")


if __name__ == "__main__":
    main()
