"""Weights from a file into a model: every key is accounted for, or it is an error.

Files come from torchvision, timm, hilum itself and other people's training loops, so wrappers and prefixes are
taken off first; then every name and shape must agree. Only the classifier may be left out, and that is said.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from hilum.errors import WeightsError
from hilum.models.channels import first_conv, fold_channels
from hilum.models.classifier import Classifier
from hilum.models.pooling import AttentionPool
from hilum.text import listed

WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "weights")
"""Keys under which training loops keep the state dict inside a larger dict."""
PREFIXES = ("state_dict.", "_orig_mod.", "module.", "model.", "net.", "backbone.")
"""Prefixes that wrappers add to every key (torch.compile, DistributedDataParallel, Lightning)."""
SHOWN = 8
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(?=[12]\.)")


@dataclass(frozen=True)
class Loaded:
    """What became of a file of weights.

    Attributes:
        origin: the file, or the name of the hub's weights.
        left_out: keys of the file that the model knowingly does not use.
        fresh: parameters of the model that the file does not have and that keep their random start.
    """

    origin: str
    left_out: tuple[str, ...]
    fresh: tuple[str, ...]

    def notes(self) -> tuple[str, ...]:
        """One sentence where something starts at random; empty where all was loaded."""
        if not self.fresh:
            return ()
        why = f"left out: {', '.join(self.left_out)}" if self.left_out else "the file has none"
        return (f"{self.origin}: {', '.join(self.fresh)} start at random ({why})",)


def load_weights(model: Classifier, path: str | Path, *, exact: bool = False) -> Loaded:
    """Load a safetensors file or a torch state dict into `model`, in place.

    Args:
        model: what to fill.
        path: `.safetensors`, or anything that `torch.load(weights_only=True)` reads.
        exact: the classifier must fit too, as for a trained model that is to predict. Otherwise a classifier
            of another size is left out and one that is missing stays random; both are reported.

    Raises:
        WeightsError: the file cannot be read, or keys are missing, unexpected or of another shape; the model
            is then unchanged.
    """
    return fit_weights(model, read_weights(path), str(path), exact=exact)


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a file by name, with wrappers and common prefixes taken off.

    Raises:
        WeightsError: there is no such file, it is damaged, or it holds more than tensors.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise WeightsError(
            f'model.weights = "{path}" {what}. Name a safetensors or state-dict file, or "pretrained".'
        )
    return _bare(_load(path), path)


def with_plain_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors without prefixes that all names share, and with old DenseNet names as they are now."""
    plain = dict(tensors)
    while prefix := next((p for p in PREFIXES if all(key.startswith(p) for key in plain)), None):
        plain = {key.removeprefix(prefix): value for key, value in plain.items()}
    return {_OLD_DENSENET.sub(r"\1", key): value for key, value in plain.items()}


def fit_weights(
    model: Classifier, tensors: Mapping[str, Tensor], origin: str, *, exact: bool = False
) -> Loaded:
    """Put tensors that are named as in the bare network, or as in a `Classifier`, into `model`.

    Raises:
        WeightsError: see `load_weights`.
    """
    plan = _Plan(model, tensors)
    if not exact:
        plan.let_go_of_head()
    faults = plan.faults()
    if faults:
        raise WeightsError(f"{origin} does not fit this model:\n" + "\n".join(f"  - {f}" for f in faults))
    model.load_state_dict(plan.renamed, strict=False)
    return Loaded(origin, tuple(plan.left_out), tuple(plan.fresh))


@dataclass
class _Plan:
    """Which tensor goes where."""

    model: Classifier
    tensors: Mapping[str, Tensor]
    renamed: dict[str, Tensor] = field(init=False)
    wanted: dict[str, Tensor] = field(init=False)
    original: dict[str, str] = field(init=False)
    left_out: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.wanted = self.model.state_dict()
        self.original = {_name_in(self.model, key, self.tensors): key for key in self.tensors}
        self.renamed = {new: self.tensors[old] for new, old in self.original.items()}
        name, conv = first_conv(self.model.backbone)
        key = f"backbone.{name}.weight"
        kernels = self.renamed.get(key)
        if kernels is not None and kernels.ndim == 4 and {kernels.shape[1], conv.in_channels} == {1, 3}:
            self.renamed[key] = fold_channels(kernels, conv.in_channels)

    def let_go_of_head(self) -> None:
        """Leave out a classifier of another size or a second one; note what the file does not have."""
        heads = [key for key in self.wanted if key.startswith("classifier.")]
        present = [key for key in self.renamed if key.startswith("classifier.")]
        if any(key not in self.wanted or self._other_shape(key) for key in present):
            self._leave_out(present)
        spare = tuple(f"{self.model.bare_prefix}{name}." for name in self.model.classifier_names[1:])
        self._leave_out([key for key in self.renamed if spare and key.startswith(spare)])
        if not any(key in self.renamed for key in heads):
            self.fresh += heads
        learned = [key for key in self.wanted if key.startswith("pool.")]
        if isinstance(self.model.pool, AttentionPool) and not any(key in self.renamed for key in learned):
            self.fresh += learned

    def faults(self) -> list[str]:
        """One line per kind of mismatch, empty where all fits."""
        # Files written before torch 0.4.1 lack this counter, which only matters to momentum=None batch norm.
        missing = [
            key
            for key in self.wanted
            if key not in self.renamed and key not in self.fresh and not key.endswith("num_batches_tracked")
        ]
        unexpected = [self.original[key] for key in self.renamed if key not in self.wanted]
        shapes = [
            f"{self.original[key]} {list(self.tensors[self.original[key]].shape)} "
            f"where the model has {list(self.wanted[key].shape)}"
            for key in self.renamed
            if key in self.wanted and self._other_shape(key)
        ]
        if len(unexpected) == len(self.renamed):
            return [f"none of its {len(self.renamed)} names is of this network: {listed(unexpected, SHOWN)}"]
        kinds = {"missing": missing, "unexpected": unexpected, "of another shape": shapes}
        return [f"{len(keys)} {kind}: {listed(keys, SHOWN)}" for kind, keys in kinds.items() if keys]

    def _other_shape(self, key: str) -> bool:
        # How many images the nearest are sought among is the file's to say.
        first = 1 if key in ("classifier.vectors", "classifier.labels") else 0
        return self.renamed[key].shape[first:] != self.wanted[key].shape[first:]

    def _leave_out(self, keys: Iterable[str]) -> None:
        for key in list(keys):
            del self.renamed[key]
            self.left_out.append(self.original[key])


def _load(path: Path) -> object:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise WeightsError(f"{path} is not a whole safetensors file: {error}.") from error
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} is no file of tensors alone: it is damaged, or it holds Python objects, which hilum does not "
            "run. Where you trust it, load it yourself and save its state dict with safetensors."
        ) from error
    # torch's unpickler reads damaged bytes as instructions, and any error can come of them.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WeightsError(
            f"{path} cannot be read as weights ({reason}). Expected a safetensors file, or a state dict "
            "that torch.save wrote."
        ) from error


def _bare(loaded: object, path: Path) -> dict[str, Tensor]:
    """A flat dict of tensors, out of wrappers and with the prefixes gone that all keys share."""
    while isinstance(loaded, Mapping):
        inner = next((loaded[key] for key in WRAPPERS if isinstance(loaded.get(key), Mapping)), None)
        if inner is None:
            break
        loaded = inner
    if not isinstance(loaded, Mapping) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise WeightsError(
            f"{path} holds no state dict: expected names and tensors, or these under {', '.join(WRAPPERS)}."
        )
    tensors = {str(key): value for key, value in loaded.items()}
    if not tensors:
        raise WeightsError(f"{path} holds no tensors.")
    return with_plain_names(tensors)


def _name_in(model: Classifier, key: str, keys: Iterable[str]) -> str:
    """What the model calls `key`: hilum's own names stay, those of the bare network get their place."""
    if any(other.startswith("backbone.") for other in keys):
        return key
    for name in model.classifier_names[:1]:
        if key in (f"{name}.weight", f"{name}.bias"):
            return f"classifier.{key.removeprefix(f'{name}.')}"
    if key.startswith("pool.") and key in model.state_dict():
        return key
    return model.bare_prefix + key
