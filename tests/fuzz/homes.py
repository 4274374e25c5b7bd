"""Small healthy files that inputs are made of: the same bytes every time, as far as libraries allow."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image
from tests.bright_halves import bright_halves
from tests.pixels.pictures import encode, smooth

SIDE = 32
NAMES = ("deep", "rgb", "rgba", "indexed")
PACKED = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
SETTINGS = (
    f"prepare.size={SIDE}",
    "split.test=0.25",
    "split.valid=0.25",
    "model.name=densenet-small",
    "scores.replicates=100",
    "track.tensorboard=off",
    "train.epochs=1",
    "train.batch=16",
    "train.device=cpu",
)
"""Of a run of half a second."""


def pictures(folder: Path) -> None:
    """Gray, deep, coloured, transparent, indexed; every compression that a writer at hand has."""
    gray = smooth(SIDE, SIDE + 8, seed=1)
    deep = Image.fromarray(gray.astype(np.uint16) * 257)
    colour = Image.fromarray(np.dstack([gray, gray[::-1], gray[:, ::-1]]))
    clear = colour.copy()
    clear.putalpha(Image.fromarray(gray))
    indexed = colour.quantize(16)
    turned = Image.Exif()
    turned[0x0112] = 6
    drawn: list[tuple[str, str, Image.Image, dict[str, object]]] = [
        ("gray.png", "PNG", Image.fromarray(gray), {}),
        *(
            (f"{name}.png", "PNG", image, {})
            for name, image in zip(NAMES, (deep, colour, clear, indexed), strict=True)
        ),
        ("bits.png", "PNG", Image.fromarray(gray).convert("1"), {}),
        ("turned.png", "PNG", Image.fromarray(gray), {"exif": turned}),
        ("gray.jpg", "JPEG", Image.fromarray(gray), {}),
        ("rgb.jpg", "JPEG", colour, {}),
        ("progressive.jpg", "JPEG", colour, {"progressive": True}),
        ("turned.jpg", "JPEG", Image.fromarray(gray), {"exif": turned}),
        ("inks.jpg", "JPEG", colour.convert("CMYK"), {}),
        ("large.jpg", "JPEG", Image.fromarray(smooth(160, 200, seed=2)), {}),
        *((f"{how}.tif", "TIFF", Image.fromarray(gray), {"compression": how}) for how in PACKED),
        ("deep.tif", "TIFF", deep, {"compression": "tiff_lzw"}),
        ("rgb.tif", "TIFF", colour, {}),
        ("rgba.tif", "TIFF", clear, {}),
        ("indexed.tif", "TIFF", indexed, {}),
        ("pages.tif", "TIFF", Image.fromarray(gray), {"save_all": True, "append_images": [colour]}),
        ("gray.bmp", "BMP", Image.fromarray(gray), {}),
        ("rgb.bmp", "BMP", colour, {}),
        ("bits.bmp", "BMP", Image.fromarray(gray).convert("1"), {}),
        ("gray.gif", "GIF", Image.fromarray(gray), {}),
        ("moving.gif", "GIF", indexed, {"save_all": True, "append_images": [indexed.rotate(90)]}),
        ("lossy.webp", "WEBP", colour, {}),
        ("lossless.webp", "WEBP", colour, {"lossless": True}),
        ("clear.webp", "WEBP", clear, {}),
        ("gray.jp2", "JPEG2000", Image.fromarray(gray), {}),
        ("deep.jp2", "JPEG2000", deep, {}),
        ("rgb.jp2", "JPEG2000", colour, {}),
        ("bare.jp2", "JPEG2000", Image.fromarray(gray), {"no_jp2": True}),
    ]
    folder.mkdir(parents=True)
    for name, form, picture, how in drawn:
        (folder / name).write_bytes(encode(picture, form, **how))


def dicoms(folder: Path) -> None:
    """Ten bits and eight, signed, coloured and looked up, in every transfer syntax that a writer at hand has."""
    import pydicom
    from pydicom import uid
    from tests.pixels.dicoms import dicom, lut, written

    gray = smooth(SIDE, SIDE + 8, seed=1)
    deep = gray.astype(np.uint16) * 4
    window = {"WindowCenter": "512", "WindowWidth": "900", "RescaleSlope": "1.5", "RescaleIntercept": "-20"}
    made = {
        "plain": dicom(deep, 10, **window, PixelPaddingValue=0, ViewPosition="PA", PatientAge="034Y"),
        "eight": dicom(gray, interpretation="MONOCHROME1", Modality="DX", BodyPartExamined="CHEST"),
        "signed": dicom(deep.astype(np.int16) - 300, 12, VOILUTFunction="SIGMOID", **window),
        "looked-up": dicom(deep, 10, VOILUTSequence=lut(0, 8, np.arange(1024) // 4)),
        "rgb": dicom(np.dstack([gray] * 3), interpretation="RGB"),
        "rle": dicom(deep, 10, syntax=uid.RLELossless, **window),
        "jpeg-ls": dicom(deep, 10, syntax=uid.JPEGLSLossless, **window),
        "jpeg-2000": dicom(deep, 10, syntax=uid.JPEG2000Lossless, **window),
    }
    folder.mkdir(parents=True)
    for name, data in made.items():
        dataset = pydicom.dcmread(io.BytesIO(data))
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = f"1.2.{len(name)}"
        (folder / f"{name}.dcm").write_bytes(written(dataset))
    dataset = pydicom.dcmread(folder / "plain.dcm")
    for name, syntax in {
        "implicit": uid.ImplicitVRLittleEndian,
        "deflated": uid.DeflatedExplicitVRLittleEndian,
    }.items():
        dataset.file_meta.TransferSyntaxUID = syntax
        (folder / f"{name}.dcm").write_bytes(written(dataset))
    (folder / "no-mark.dcm").write_bytes((folder / "plain.dcm").read_bytes()[132:])


def studies(folder: Path) -> None:
    """The drawn study in the layouts of CheXpert, NIH, and DICOM, and as a CSV with all that goes with it."""
    from hilum.table import arrange, read_source
    from hilum_phantom import make_phantom

    for layout in ("chexpert", "nih", "dicom"):
        make_phantom(folder / layout, 6, layout, size=SIDE, workers=1)
    arrange(read_source("nih", folder / "nih"), folder / "csv")
    table = pl.read_csv(folder / "csv" / "table.csv", infer_schema=False)
    ids = table["image_id"].to_list()
    findings = table.columns[-2:]
    parts = pl.DataFrame(
        {"image_id": ids, "part": [("train", "valid", "test")[i % 3] for i in range(len(ids))]}
    )
    traits = parts.with_columns(
        ward=pl.Series([f"w{i % 3}" for i in range(len(ids))]),
        urgent=pl.Series([i % 2 for i in range(len(ids))]),
    )
    for name, frame in {"split": parts, "attributes": traits}.items():
        frame.write_csv(folder / f"{name}.csv")
        frame.write_parquet(folder / f"{name}.parquet")
    said = ("positive", "negative", "uncertain", "unusable", "", "1")
    rows = [f"{ids[i % len(ids)]},{findings[i % 2]},{word},me,2025-11-2{i}" for i, word in enumerate(said)]
    (folder / "overlay.csv").write_text("\n".join(["image_id,finding,verdict,by,when", *rows, ""]))


def settings(folder: Path) -> None:
    """Every recipe, and one with all settings written out."""
    from hilum.config import Config, dump_config

    shutil.copytree(Path(__file__).parents[2] / "recipes", folder)
    (folder / "whole.toml").write_text(dump_config(Config()))


def laboratory(folder: Path) -> None:
    """A pack and two runs of one epoch on it, with relative paths and fixed times."""
    from hilum.cli import main
    from hilum.config import make_config, write_config

    (folder / "study").mkdir(parents=True)
    pack = bright_halves(folder / "study", 32, side=40, size=SIDE, gain=60, per_patient=2)
    pack.path.rename(folder / "pack")
    for seed in (0, 1):
        settings = (*SETTINGS, f"seed={seed}", f"data.path={folder / 'pack'}")
        write_config(make_config({"name": "small"}, settings), folder / "recipe.toml")
        run = str(folder / "runs" / f"small-{seed + 1}")
        with redirect_stdout(io.StringIO()):
            code = main(["train", str(folder / "recipe.toml"), "--out", str(folder / "runs"), "--quiet"])
            code = code or main(["evaluate", run, "--device", "cpu"])
        if code:
            raise RuntimeError(f"the healthy run cannot be made: exit code {code}")
    for path in [*folder.rglob("*.json"), *folder.rglob("*.toml")]:
        text = path.read_text().replace(str(folder), ".")
        text = re.sub(r'("seconds"): [\d.e-]+', r"\1: 1.5", text)
        path.write_text(re.sub(r'("created"): ".*?"', r'\1: "2025-11-28T03:04:39+00:00"', text))


HOMES: dict[str, Callable[[Path], None]] = {
    "pictures": pictures,
    "dicoms": dicoms,
    "studies": studies,
    "settings": settings,
    "laboratory": laboratory,
}
"""Name -> what writes its files into a new folder."""
