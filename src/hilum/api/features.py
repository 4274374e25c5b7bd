"""Images as vectors: embedded once, then searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hilum.api.opened import formerly
from hilum.config import Config, DataConfig, EmbedConfig, PrepareConfig, SimilarConfig, with_fields
from hilum.errors import ConfigError, PackError
from hilum.features import Embedded, EncoderInfo, FeatureStore, reopen
from hilum.features import embed as _embed
from hilum.pixels import Pack, load_image
from hilum.predict import Encoder
from hilum.progress import say
from hilum.report import write_similar
from hilum.table import all_sources
from hilum.train import open_data

_Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Similar:
    """The images most like one.

    Attributes:
        image: what was asked for: an id, or a file.
        encoder: whose vectors were compared.
        frame: image_id, similarity, what is known of each, and a column a finding; the most similar first.
        findings: names of the finding columns.
        page: the page that shows them, if one was asked for.
    """

    image: str
    encoder: EncoderInfo
    frame: pl.DataFrame
    findings: tuple[str, ...]
    page: Path | None = None


@formerly(store="out")
@with_fields
def embed(
    model_or_run: Encoder | str | Path,
    data: Pack | str | Path,
    out: FeatureStore | str | Path,
    settings: EmbedConfig,
    *,
    options: Mapping[str, Any] | None = None,
) -> Embedded:
    """Write the vectors of a pack's images that a store has not yet.

    Args:
        model_or_run: a run's folder, or a network's name, or an encoder.
        data: a pack, or `SOURCE:FOLDER`, which is packed first, into the cache, as the network needs it.
        out: the feature store: a folder or a URL such as `s3://bucket/features`; made where there is none.
        settings: how.
        options: of the source.

    Raises:
        ConfigError, RunError, WeightsError, MissingExtra: see `Encoder.open`.
        PackError: no pack, or one that is prepared otherwise.
        DataError: an image is there with other pixels, or the encoder with other weights, without `replace`.
    """
    pack = data if isinstance(data, Pack) else _packed(str(data))
    size = pack.prepare.size if pack else PrepareConfig().size
    encoder = model_or_run if isinstance(model_or_run, Encoder) else _encoder(model_or_run, settings, size)
    if pack is None:
        given = DataConfig(path=str(data), options=dict(options or {}))
        pack, _, _ = open_data(Config(data=given, prepare=encoder.preparation))
        for note in pack.table.notes:
            say(note)
    elif options:
        raise ConfigError(
            f"{data} is a pack, read from its source already: --option goes with SOURCE:FOLDER."
        )
    encoder.check(pack)
    return _embed(encoder, pack, _opened(out, create=True), batch=settings.batch, replace=settings.replace)


@formerly(k="top")
@with_fields
def similar(
    store: FeatureStore | str | Path,
    image: str | Path,
    settings: SimilarConfig,
    *,
    out: str | Path | None = None,
) -> Similar:
    """The images of a store most like one, by the cosine of their vectors.

    Args:
        store: a store, its folder or URL.
        image: an id of the store, or an image file (PNG, JPEG, DICOM), which is prepared and embedded first, by
            the encoder opened again from where it came from.
        settings: how many, and among which.
        out: write a page with the pictures here: an HTML file, or a folder.

    Raises:
        DataError: no such store or image, a condition that is wrong, or an encoder whose weights have changed.
        ConfigError: no such encoder, or several.
        ImageError: the file cannot be read as an image.
        RunError, WeightsError: the encoder is gone.
    """
    opened = _opened(store)
    info, pooling = opened.encoder(settings.encoder), settings.pooling
    query: str | npt.NDArray[np.float32] = str(image)
    picture: _Picture | None = None
    if not (known := opened.about([str(image)], info)).height and Path(image).is_file():
        picture = load_image(image, PrepareConfig(**info.prepare))
        vectors = reopen(info, device=settings.device).vectors(picture[None])
        query = np.concatenate(vectors, axis=1)[0] if pooling == "both" else getattr(vectors, pooling)[0]
    found = opened.nearest(
        query, k=settings.top, where=settings.where, pooling=pooling, encoder=info.fingerprint
    )
    findings = tuple(opened.table(info).columns)
    page = None
    if out is not None:
        picture = picture if picture is not None else _pictures(known)[0]
        page = write_similar(str(image), picture, found, _pictures(found), findings, out)
    return Similar(str(image), info, found, findings, page)


def _encoder(model_or_run: str | Path, settings: EmbedConfig, size: int) -> Encoder:
    if settings.weights and (Path(model_or_run) / "run.json").is_file():
        raise ConfigError(f"{model_or_run} is a run and has its own weights: --weights goes with a network.")
    return Encoder.open(
        model_or_run,
        weights=settings.weights or "pretrained",
        size=size,
        device=settings.device,
        precision=settings.precision,
    )


def _opened(store: FeatureStore | str | Path, create: bool = False) -> FeatureStore:
    return store if isinstance(store, FeatureStore) else FeatureStore(store, create=create)


def _packed(data: str) -> Pack | None:
    """The pack at this folder; None for `SOURCE:FOLDER`."""
    source, colon, _ = data.partition(":")
    return None if colon and source in all_sources() else Pack(data)


def _pictures(frame: pl.DataFrame) -> list[_Picture | None]:
    """What each row's pack holds of its image; None where the pack is gone or another."""
    packs: dict[tuple[str, str], Pack | None] = {}
    pictures: list[_Picture | None] = []
    for path, fingerprint, slot in frame.select("pack", "pack_fingerprint", "slot").iter_rows():
        if (path, fingerprint) not in packs:
            try:
                packs[path, fingerprint] = Pack(path, fingerprint=fingerprint)
            except PackError as error:
                say(f"images are shown without pictures: {error}")
                packs[path, fingerprint] = None
        pack = packs[path, fingerprint]
        pictures.append(None if pack is None else np.asarray(pack.pixels[slot]))
    return pictures
