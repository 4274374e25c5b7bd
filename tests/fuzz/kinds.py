"""What is fuzzed: which files, how they are mutated, and how they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from tests.fuzz import mutate, readers
from tests.fuzz.mutate import BYTES, TEXT, Mutation
from tests.fuzz.readers import Ask


@dataclass(frozen=True)
class Kind:
    """Files of one kind.

    Attributes:
        home: the folder of `homes.HOMES` that they lie in.
        files: patterns of their paths within it.
        share: of all inputs of a run; commands are a hundred times slower than readers.
        ask: how they are read.
        words: what the format is made of: marks, tags, keywords.
        plain: mutations of any bytes or any text.
        fields: mutations that know the format, and leave the rest of the file whole.
    """

    home: str
    files: Sequence[str]
    share: float
    ask: Ask
    words: Sequence[bytes] = ()
    plain: Sequence[Mutation] = BYTES
    fields: Sequence[Mutation] = (mutate.by_content,)

    def takes(self, file: Path) -> bool:
        """Whether a file is of this kind."""
        return any(file.match(pattern) for pattern in self.files)

    def mutated(self, data: bytes, random: Random) -> bytes:
        """Either a field or two of a file that is otherwise whole, or up to three changes anywhere."""
        if self.fields and random.random() < 0.5:
            for _ in range(random.choice((1, 1, 2))):
                data = random.choice(self.fields)(data, random, self.words)
            return data
        for _ in range(random.choice((1, 1, 2, 3))):
            data = random.choice(self.plain)(data, random, self.words) if data else data
        return mutate.png_sealed(data) if data.startswith(b"\x89PNG") and random.random() < 0.5 else data


def marks(text: str) -> list[bytes]:
    """Bytes written as hexadecimal digits."""
    return [bytes.fromhex(mark) for mark in text.split()]


PNG = b"IHDR IDAT PLTE tRNS eXIf IEND iCCP gAMA acTL fcTL".split()
JPEG = [*marks("ffc0 ffc2 ffc3 ffc4 ffda ffdb ffdd0004 ffd9 ffd0 ffe1 ffee fffe"), b"Exif\x00\x00", b"Adobe"]
TIFF = [tag.to_bytes(2, "little") + bytes([kind, 0]) for kind in (3, 4) for tag in range(254, 340)]
OTHERS = b"BM ( GIF89a , !\xf9\x04 RIFF VP8 VP8L VP8X ALPH ANIM ihdr colr jp2c pclr cdef".split()
OTHERS += marks("ff4fff51 ff51 ff52 ff5c ff90 ff93")
DICOM = marks(
    "28000200 28000400 28000600 28000800 28001000 28001100 28003400 28000001 28000101 28000201 28000301 28002001 "
    "28005010 28005110 28005210 28005310 28005610 28001030 e07f1000 02001000 10001010 10004000 18000151 0800600a "
    "feff00e0 ffffffff"
)
DICOM += b"DICM 1.2.840.10008.1.2.4.90 1.2.840.10008.1.2.4.70 1.2.840.10008.1.2.5 YBR_FULL_422".split()
DICOM += b"MONOCHROME1 ,PALETTE COLOR ,SIGMOID ,1e300 ,-0.5,0 ,LL,nan ,-1".split(b",")
TABLE = b" -1 1.0 Yes positive uncertain frontal lateral patient_id image_id path 01".split()
SETTINGS = b"[train] [model] name findings densenet-small auto true [[x]] epochs 1979-05-27".split()
RUN = b"done running valid null NaN Infinity -1 roc_auc".split()
ARRAY = b"|u1 <f8 |O <U9 True (32,32,32) (-1,) fortran_order descr shape".split()

RUN_FILES = ["run.json", "data.json", "environment.json", "config.toml", "images.parquet", "split.parquet"]
RUN_FILES += ["scores/*.json", "predictions/*.parquet", "epochs/*/summary.json", "epochs/*/*.parquet"]
WHOLE = [f"runs/small-1/{name}" for name in RUN_FILES]
BEST, LAST = (f"runs/small-1/checkpoints/{name}.safetensors" for name in ("best", "last"))
STUDY = ["csv/*.csv", "csv/hilum.toml", "csv/*/*/*.png"]
SHOW = "runs show runs/small-1"

READERS = {
    "png": Kind("pictures", ["*.png"], 15, readers.picture, PNG, fields=()),
    "jpeg": Kind("pictures", ["*.jpg"], 12, readers.picture, JPEG, fields=()),
    "tiff": Kind("pictures", ["*.tif"], 12, readers.picture, TIFF, fields=()),
    "picture": Kind(
        "pictures", ["*.bmp", "*.gif", "*.webp", "*.jp2"], 15, readers.picture, OTHERS, fields=()
    ),
    "dicom": Kind("dicoms", ["*.dcm"], 15, readers.picture, DICOM, fields=()),
    "config": Kind("settings", ["*.toml"], 5, readers.config, SETTINGS, TEXT),
    "csv": Kind("studies", STUDY[:2], 4, partial(readers.source, "csv"), TABLE, TEXT),
    "nih": Kind("studies", ["nih/*_20*.csv", "nih/*.txt"], 3, partial(readers.source, "nih"), TABLE, TEXT),
    "chexpert": Kind("studies", ["chexpert/*.csv"], 3, partial(readers.source, "chexpert"), TABLE, TEXT),
    "dicoms": Kind(
        "studies",
        ["dicom/labels.csv", "dicom/*/*/*.dcm"],
        2,
        partial(readers.source, "dicom"),
        [*TABLE, *DICOM],
        (*TEXT, *BYTES),
    ),
    "beside": Kind(
        "studies", ["split.csv", "attributes.csv", "overlay.csv"], 2, readers.beside_a_table, TABLE, TEXT
    ),
    # Single bytes of Parquet are left alone where it has no checksum of hilum's: polars then ends the program.
    "parquet": Kind("studies", ["*.parquet"], 1, readers.beside_a_table, plain=(mutate.by_content,)),
    "pack": Kind("laboratory", ["pack/*.json", "pack/*.parquet"], 3, readers.pack, RUN),
    "npy": Kind("laboratory", ["pack/pixels.npy"], 1, readers.pack, ARRAY),
    "predictions": Kind("laboratory", ["runs/small-1/predictions/*.parquet"], 2, readers.predictions, RUN),
    "run": Kind("laboratory", WHOLE, 3, readers.run, RUN, TEXT),
    "weights": Kind("laboratory", [BEST], 0.6, readers.weights, RUN),
    "checkpoint": Kind("laboratory", [LAST], 0.2, readers.checkpoint, RUN),
}


def command(*lines: str) -> Ask:
    """One of these command lines."""
    return partial(readers.command, lines)


COMMANDS = {
    "hilum-doctor": Kind(
        "studies",
        STUDY,
        0.2,
        command("doctor csv csv", "doctor csv csv --json", "doctor csv csv --fast"),
        TABLE,
        (*TEXT, *BYTES),
    ),
    "hilum-pack": Kind(
        "studies",
        [*STUDY, "dicom/*/*/*.dcm", "dicom/labels.csv"],
        0.2,
        command(
            "pack csv csv out --size 32 --workers 1",
            "pack dicom dicom out --size 32 --workers 1 --max-excluded 1",
        ),
        [*TABLE, *DICOM],
        (*TEXT, *BYTES),
    ),
    "hilum-train": Kind(
        "laboratory",
        ["recipe.toml", "pack/*"],
        0.05,
        command("train recipe.toml --set train.epochs=1 --out runs"),
        SETTINGS,
    ),
    "hilum-evaluate": Kind(
        "laboratory",
        [*WHOLE, "pack/*", BEST],
        0.15,
        command("evaluate runs/small-1", "evaluate runs/small-1 --again --device cpu --json"),
        RUN,
    ),
    "hilum-runs": Kind(
        "laboratory",
        WHOLE,
        0.4,
        command("runs", "runs --json", SHOW, f"{SHOW} --json", f"{SHOW} --epochs --per-finding"),
        RUN,
        TEXT,
    ),
    "hilum-compare": Kind(
        "laboratory", WHOLE, 0.1, command("compare runs/small-1 runs/small-2 --json"), RUN, TEXT
    ),
    "hilum-report": Kind("laboratory", WHOLE, 0.1, command("report runs/small-1"), RUN, TEXT),
    "hilum-data-report": Kind("laboratory", ["pack/*"], 0.1, command("data-report pack"), RUN),
    "hilum-predict": Kind(
        "laboratory",
        ["study/*.png", *WHOLE[:4], BEST],
        0.2,
        command(
            "predict runs/small-1 study/0.png FILE --device cpu",
            "predict runs/small-1 study --device cpu --json",
        ),
        PNG,
    ),
}
KINDS = READERS | COMMANDS
"""Name -> what is fuzzed under it."""
