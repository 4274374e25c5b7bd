"""`hilum models`: which networks there are, and what is in one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum import config
from hilum.cli.options import AsJson
from hilum.cli.show import console, show_json, show_table

if TYPE_CHECKING:
    from hilum.models import ModelSpec

_SMALLEST_GFLOPS = 0.0005
"""Less than this would be printed as 0.000."""


def models(
    run: Annotated[config.Config, "model.channels model.pooling"],
    name: Annotated[
        str, typer.Argument(help="A network: its layers are shown. 'timm:*dense*' lists names of timm.")
    ] = "",
    size: Annotated[
        int | None,
        typer.Option(help="Side of the image in pixels (what its weights want, or 224).", min=16, max=4096),
    ] = None,
    outputs: Annotated[int, typer.Option(help="Number of findings.", min=1)] = 1,
    as_json: AsJson = False,
) -> None:
    """List the networks, or show one's layers, shapes, parameters, arithmetic, blocks and published weights.

    Blocks are what `finetune.start_at` names: the backbone learns from that block on, to the output.

    GFLOPs are 1e9 floating-point operations for one image, two per multiply-add: twice the figure that papers
    which count multiply-adds print.
    """
    if not name:
        _list_all(as_json)
    elif "*" in name:
        _list_timm(name, as_json)
    else:
        _show_one(run.model.model_copy(update={"name": name}), size, outputs, as_json)


def _list_all(as_json: bool) -> None:
    from hilum.models import all_models

    known = all_models().values()
    if as_json:
        show_json([_as_json(spec) for spec in known])
        return
    show_table(
        ["name", "network", "parameters", "px", "GFLOPs", "published weights", "from"],
        [
            (spec.name, spec.title, spec.parameters, spec.size, spec.gflops, _weights(spec), spec.paper)
            for spec in known
        ],
    )
    console().print(
        "One gray channel, one finding; GFLOPs, two per multiply-add, for an image of px; parameters of cnn at "
        "320 px.\n"
        'Published weights are fetched by model.weights = "pretrained", or read from a file or folder: '
        'model.weights = "PATH".\n'
        "timm:NAME is any network of timm (`hilum models 'timm:*'` lists them). `hilum models NAME` shows one.",
        soft_wrap=True,
    )


def _weights(spec: ModelSpec) -> str | None:
    return f"{spec.published.trained_on} ({spec.published.source})" if spec.published else None


def _as_json(spec: ModelSpec) -> dict[str, Any]:
    keys = ("name", "title", "paper", "parameters", "gflops", "size")
    published = spec.published
    return {key: getattr(spec, key) for key in keys} | {
        "published": published
        and {
            "trained_on": published.trained_on,
            "source": published.source,
            "licence": published.licence,
            "url": published.url,
            "size": published.preparation.size,
            "fit": published.preparation.fit,
            **published.preparation.normalisation.to_json(),
        }
    }


def _list_timm(pattern: str, as_json: bool) -> None:
    from hilum.errors import ConfigError
    from hilum.models import all_models

    names = list(all_models(pattern))
    if not names:
        raise ConfigError(f"no network matches {pattern!r}; try e.g. 'timm:resnet*'.")
    if as_json:
        show_json(names)
    else:
        console().print("\n".join(names))


def _show_one(model: config.ModelConfig, size: int | None, outputs: int, as_json: bool) -> None:
    from hilum.models import describe_model, find_model

    spec = find_model(model.name)
    description = describe_model(model, outputs, size or spec.size)
    if as_json:
        show_json(description.to_json() | {"published": _as_json(spec)["published"]})
        return
    console().print(f"{description.name}: {description.title} ({description.paper})")
    console().print(f"input {description.size} x {description.size}, one gray channel", end="")
    console().print("" if description.channels == 1 else f" repeated {description.channels} times")
    show_table(
        ["layer", "kind", "output", "parameters", "GFLOPs"],
        [
            (
                layer.name,
                layer.kind,
                " x ".join(str(length) for length in layer.shape) if layer.shape else None,
                layer.parameters or None,
                layer.gflops if layer.gflops >= _SMALLEST_GFLOPS else None,
            )
            for layer in description.layers
        ],
        footer=["whole", "", description.outputs, description.parameters, description.gflops],
    )
    console().print(f"blocks, for finetune.start_at: {' '.join(description.blocks)}", soft_wrap=True)
    _print_published(spec)


def _print_published(spec: ModelSpec) -> None:
    if (published := spec.published) is None:
        return
    wants = published.preparation
    mean, sd = (
        ", ".join(f"{value:.6g}" for value in values)
        for values in (wants.normalisation.mean, wants.normalisation.sd)
    )
    size = f"{wants.size} px" if wants.size else "any size"
    console().print(
        f"published weights: {published.trained_on} ({published.source}); licence: {published.licence}\n"
        f"they want: {size}, fit {wants.fit}; pixels of 0 to 1 less {mean}, over {sd}"
        + (f"\n{published.url}" if published.url else ""),
        soft_wrap=True,
    )
