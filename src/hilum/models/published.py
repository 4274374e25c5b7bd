"""Weights that others trained and published: where they are, what they want of an image, under which licence."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch
from torch import Tensor

from hilum.errors import WeightsError
from hilum.files import whole_file
from hilum.models.normalise import Preparation
from hilum.progress import progress

_PATIENCE = 20.0
"""Seconds without an answer after which a download is given up."""
_CHUNK = 2**20


def _nowhere() -> None:
    """No place where a file may lie already."""


@dataclass(frozen=True)
class Published:
    """Published weights of one network.

    Attributes:
        trained_on: the images they were trained on.
        source: who publishes them: `torchvision`, `torchxrayvision`, `Hugging Face`, `timm`.
        preparation: how they want images.
        licence: of the weights, as their publishers say.
        url: the file; empty where the network's package knows it.
        there: a copy of that file that another package keeps on this machine, or None.
    """

    trained_on: str
    source: str
    preparation: Preparation
    licence: str
    url: str = ""
    there: Callable[[], Path | None] = _nowhere


def fetch_file(name: str, published: Published) -> Path:
    """The file of published weights: a copy on this machine, else downloaded into torch's cache.

    Raises:
        WeightsError: there is no copy, and the address does not answer.
        DiskError: the file cannot be written.
    """
    found = published.there()
    if found is not None:
        return found
    kept = Path(torch.hub.get_dir()) / "checkpoints" / f"{name}{Path(published.url).suffix}"
    if not kept.is_file():
        _download(name, published.url, kept)
    return kept


def fetch_torchvision(name: str) -> Mapping[str, Tensor]:
    """torchvision's best ImageNet weights, from torch's cache or the hub.

    Raises:
        WeightsError: they cannot be reached.
    """
    from torchvision.models import get_model_weights

    url = get_model_weights(name).DEFAULT.url
    try:
        tensors: Mapping[str, Tensor] = torch.hub.load_state_dict_from_url(
            url, map_location="cpu", weights_only=True, check_hash=True
        )
    except (OSError, RuntimeError) as error:
        raise unreachable(name, url, error) from error
    return tensors


def check_hub(name: str, repository: str) -> None:
    """Check that Hugging Face's hub answers, where it will be needed: its own client tries for a minute.

    Raises:
        WeightsError: it does not.
    """
    from huggingface_hub import constants, try_to_load_from_cache

    files = ("model.safetensors", "pytorch_model.bin")
    if constants.HF_HUB_OFFLINE or any(isinstance(try_to_load_from_cache(repository, f), str) for f in files):
        return
    try:
        urlopen(Request(f"{constants.ENDPOINT}/{repository}", method="HEAD"), timeout=_PATIENCE).close()
    except HTTPError:
        return
    except (OSError, http.client.HTTPException) as error:
        raise unreachable(name, repository, error) from error


def unreachable(name: str, place: str, error: Exception) -> WeightsError:
    """The message for weights that `place`, a URL or a name on the hub, did not give."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return WeightsError(
        f"the pretrained weights of {name} could not be fetched from {place}: {reason}\n"
        "Without a connection, fetch that file elsewhere, copy it here and name it:\n"
        '  model.weights = "file.safetensors"    (or what torch.save wrote; hilum embed: --weights FILE)\n'
        'or train from scratch:  model.weights = ""'
    )


def _download(name: str, url: str, path: Path) -> None:
    request = Request(url, headers={"User-Agent": "hilum"})
    try:
        answer = urlopen(request, timeout=_PATIENCE)
    except (OSError, http.client.HTTPException) as error:
        raise unreachable(name, url, error) from error
    with answer, whole_file(path) as partial, partial.open("wb") as file:
        total = int(answer.headers.get("Content-Length") or 0)
        with progress(f"downloading {name}", total // _CHUNK, "MiB") as advance:
            while chunk := _next(answer, name, url):
                file.write(chunk)
                advance(1)
        if total and file.tell() != total:
            raise unreachable(name, url, OSError(f"{file.tell():,} of {total:,} bytes came"))


def _next(answer: http.client.HTTPResponse, name: str, url: str) -> bytes:
    try:
        return answer.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise unreachable(name, url, error) from error
