"""`hilum embed`, `similar`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum import config
from hilum.cli.options import AsJson, Open, SourceOptions, Store
from hilum.cli.show import show_json, show_table
from hilum.text import listed, many

if TYPE_CHECKING:
    from hilum.api import Similar


def embed(
    model_or_run: Annotated[str, typer.Argument(help="A run's folder, or a network's name.")],
    data: Annotated[str, typer.Option(help="A pack, or SOURCE:FOLDER to pack first, into the cache.")],
    out: Annotated[str, typer.Option(help="The feature store: a folder, or s3://, gs://, az://.")],
    settings: config.EmbedConfig,
    option: SourceOptions = None,
    as_json: AsJson = False,
) -> None:
    """Turn images into vectors, each image once, for every later classifier and search.

    Give the same command again after an interruption or with more images: only what is missing is embedded.
    """
    from dataclasses import asdict

    from hilum import api
    from hilum.features import FeatureStore
    from hilum.table import parse_options

    found = api.embed(model_or_run, data, out, settings=settings, options=parse_options(option or ()))
    total = len(FeatureStore(out).table(found.encoder))
    if as_json:
        show_json({"store": out, "images": total, **asdict(found)})
        return
    typer.echo(f"encoder: {found.encoder}")
    typer.echo(f"embedded: {_added(found.added, found.replaced, found.seconds)}")
    refreshed = f", {found.refreshed:,} of them with new labels or facts" if found.refreshed else ""
    typer.echo(f"there already: {many(found.present, 'image')}{refreshed}")
    typer.echo(f"store: {out} has vectors of {many(total, 'image')} by this encoder")
    if found.unlike:
        typer.echo(
            f"note: {len(found.unlike):,} of them do not look like chest films: {listed(found.unlike)}; "
            "`hilum pack` leaves such out, unless clean.films says any"
        )


def similar(
    store: Store,
    image: Annotated[str, typer.Argument(help="An image id of the store, or an image file.")],
    settings: config.SimilarConfig,
    out: Annotated[Path | None, typer.Option(help="Write a page with the pictures here.")] = None,
    show: Open = False,
    as_json: AsJson = False,
) -> None:
    """The images of a store most like one. Research use only: hilum is not a medical device."""
    from hilum import api

    page = out if out is not None else Path("similar.html") if show else None
    found = api.similar(store, image, settings=settings, out=page)
    if as_json:
        show_json(_as_json(found))
    elif not found.frame.height:
        typer.echo(f"no image fulfils {settings.where!r}.")
    else:
        columns = ["image", "similarity", "patient", "age", "sex", "view", "positive (? uncertain)"]
        title = f"Most like {image}, by {found.encoder}"
        show_table(columns, _rows(found), title=title)
    if found.page is not None:
        if not as_json:
            typer.echo(f"page: {found.page}")
        if show:
            typer.launch(found.page.resolve().as_uri())


def _added(added: int, replaced: int, seconds: float) -> str:
    if not added:
        return "nothing new"
    anew = f" ({replaced:,} anew)" if replaced else ""
    return f"{many(added, 'image')}{anew} in {seconds:,.1f} s, {added / max(seconds, 1e-9):,.0f} images/s"


def _rows(found: Similar) -> list[list[Any]]:
    rows = []
    for row in found.frame.iter_rows(named=True):
        said = [name if row[name] == 1 else f"{name}?" for name in found.findings if row[name] in (1, -1)]
        age = None if row["age"] is None else f"{row['age']:g}"
        view = row["projection"] or row["view"]
        rows.append(
            [
                row["image_id"],
                row["similarity"],
                row["patient_id"],
                age,
                row["sex"],
                view,
                ", ".join(said) or None,
            ]
        )
    return rows


def _as_json(found: Similar) -> dict[str, Any]:
    from hilum import records

    about = [name for name in found.frame.columns if name not in found.findings]
    return {
        "image": found.image,
        "encoder": records.to_json(found.encoder),
        "similar": [
            {**{name: row[name] for name in about}, "findings": {name: row[name] for name in found.findings}}
            for row in found.frame.iter_rows(named=True)
        ],
        "page": None if found.page is None else str(found.page),
    }
