"""How a user would read each kind of file: functions of the mutated file and of the chance that drew it.

The working folder is the file's home. An error of hilum is a refusal; whatever else is raised is a finding.
"""

from __future__ import annotations

import io
import json
import tomllib
import zlib
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout, suppress
from functools import cache, partial
from pathlib import Path
from random import Random

from hilum.errors import HilumError

Ask = Callable[[Path, Random], None]
ATTRIBUTES = (
    *(
        "config",
        "info",
        "data",
        "images",
        "environment",
        "history",
        "start",
        "best_epoch",
        "extent",
        "members",
    ),
    *("head", "mixture", "thresholds", "calibration", "judge"),
)
"""Of a run, all but those that are asked for by part."""


def picture(file: Path, random: Random) -> None:
    """What the header says is what comes, gray; and a PNG whose checksums are broken does not come at all."""
    from hilum.pixels import image_info, info_and_picture

    with suppress(HilumError):
        image_info(file)
    at_least = random.choice((None, 16))
    info, found = info_and_picture(file, at_least)
    gray = found.gray
    assert gray.dtype == "uint8", f"{gray.dtype} pixels"
    assert gray.ndim == 2 and gray.size, f"pixels of shape {gray.shape}"  # noqa: PT018
    assert at_least or (info.height, info.width) == gray.shape, f"{info} is read as {gray.shape}"
    assert file.suffix != ".png" or _intact(file.read_bytes()), "a damaged PNG is read"


def _intact(png: bytes) -> bool:
    """Whether all chunks of a PNG that its picture needs are there, with checksums that fit."""
    at = png.find(b"\x89PNG") + 8
    while at + 12 <= len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4], "big")
        name = png[at + 4 : at + 8]
        if name[0] < ord("a") and zlib.crc32(png[at + 4 : end]) != int.from_bytes(png[end : end + 4], "big"):
            return False
        if name == b"IEND":
            return True
        at = end + 4
    return False


def source(name: str, file: Path, random: Random) -> None:
    """A whole data set, by what its tables say."""
    from hilum.config import LabelsConfig
    from hilum.table import read_source

    del file, random
    table = read_source(name, Path(name))
    assert len(table.fingerprint()) == 64
    assert table.counts().height == len(table.findings)
    assert table.targets(LabelsConfig()).shape == (len(table), len(table.findings))
    repr(table), table._repr_html_()


@cache
def _nih() -> object:
    from hilum.table import read_source

    return read_source("nih", Path("nih"))


def beside_a_table(file: Path, random: Random) -> None:
    """A split, attributes or verdicts, for a table that is whole."""
    from hilum.config import LabelsConfig, SplitConfig
    from hilum.table import Overlay, make_split, read_attributes

    del random
    table = _nih()
    if file.stem == "split":
        split = make_split(table, SplitConfig(by="file", file=str(file)), 0)
        assert sum(map(len, split.parts.values())) == len(table)
    elif file.stem == "attributes":
        assert set(read_attributes(file, table)["image_id"]) <= set(table.image_ids)
    else:
        parts = make_split(table, SplitConfig(), 0).parts
        assert len(Overlay.read(file, table).apply(table, parts, LabelsConfig())[0]) == len(table)


def config(file: Path, random: Random) -> None:
    """What was read is written, and read again it is the same."""
    from hilum.config import dump_config, make_config, read_config

    del random
    read = read_config(file)
    assert make_config(tomllib.loads(dump_config(read))) == read


def pack(file: Path, random: Random) -> None:
    """Everything that a training takes from a pack."""
    from hilum.config import LabelsConfig
    from hilum.pixels import Pack

    del file, random
    read = Pack("pack")
    assert read.images(read.slots).shape == (len(read), 32, 32)
    assert len(read.rows_of(read.table)) == len(read.originals()) == len(read.table.targets(LabelsConfig()))
    read.mean_sd(read.slots)
    repr(read), read._repr_html_()


def run(file: Path, random: Random) -> None:
    """Every attribute of a run, each for itself."""
    from hilum.runs import Run

    del file, random
    opened = Run("runs/small-1")
    asks: list[Callable[[], object]] = [
        *(partial(getattr, opened, name) for name in ATTRIBUTES),
        *(partial(opened.scores, part) for part in ("valid", "test")),
        *(partial(opened.predictions, part) for part in ("train", "valid", "test")),
        *(partial(opened.judged, "test"), partial(repr, opened), opened._repr_html_),
    ]
    for ask in asks:
        with suppress(HilumError):
            ask()


def predictions(file: Path, random: Random) -> None:
    """One part's predictions, by themselves and combined."""
    from hilum.metrics import Predictions

    read = Predictions.load(file, "valid")
    assert read.probabilities.shape == read.targets.shape == (len(read), len(read.findings))
    repr(read), read._repr_html_()
    read.per(random.choice(("image", "patient", "study")), random.choice(("max", "mean")))


@cache
def _network() -> object:
    from hilum.models import build_model
    from hilum.runs import Run

    settings = Run("runs/small-1").config.model
    return build_model(settings, 2, 32)


def weights(file: Path, random: Random) -> None:
    """A file of weights into a network: all of it, or all but the classifier."""
    from hilum.models import load_weights

    load_weights(_network(), file, exact=random.random() < 0.5)


def checkpoint(file: Path, random: Random) -> None:
    """The state that a training goes on from."""
    from hilum.config import OptimizerConfig
    from hilum.train.checkpoint import load_state
    from hilum.train.optim import make_optimizer

    del random
    network = _network()
    load_state(file, network, make_optimizer(OptimizerConfig(), network))


def command(lines: Sequence[str], file: Path, random: Random) -> None:
    """One of these command lines, as typed: it ends with 0, 1 or 2, and what it prints as JSON is JSON."""
    from hilum.cli import main

    arguments = random.choice(lines).replace("FILE", str(file)).split(" ")
    told = io.StringIO()
    with redirect_stdout(told):
        code = main(arguments)
    assert code in (0, 1, 2), f"hilum {' '.join(arguments)} ends with {code}"
    assert "Traceback" not in told.getvalue()
    if "--json" in arguments and code == 0:
        json.loads(told.getvalue(), parse_constant=_no_json)


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
