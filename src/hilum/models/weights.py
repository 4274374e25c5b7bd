"""Weights from a file into a model: every key is accounted for, or it is an error.

Files come from torchvision, timm, hilum itself and other people's training loops, so wrappers and prefixes are
taken off first; then every name and shape must agree. Only the classifier may be left out, and that is said.
"""

from __future__ import annotations

import math
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
from hilum.models.pickled import read_module
from hilum.models.pooling import AttentionPool
from hilum.models.rad_dino import from_transformers
from hilum.seals import state_of
from hilum.text import listed

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "weights")
"""Keys under which training loops keep the state dict inside a larger dict."""
_PREFIXES = ("state_dict.", "_orig_mod.", "module.", "model.", "net.", "backbone.")
"""Prefixes that wrappers add to every key (torch.compile, DistributedDataParallel, Lightning)."""
_NOT_WEIGHTS = ("op_threshs",)
"""What files hold beside weights: torchxrayvision's operating points."""
_IN_FOLDER = "model.safetensors"
"""What Hugging Face's packages call the file of weights in a folder of theirs."""
_SHOWN = 8
_DAMAGED = (
    "{} is damaged: by its checksum it is not what was written. Copy it again from where it was trained, or train "
    "again."
)
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(?=[12]\.)")


@dataclass(frozen=True)
class _Loaded:
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


def load_weights(model: Classifier, path: str | Path, *, exact: bool = False, called: str = "") -> _Loaded:
    """Load a safetensors file or a torch state dict into `model`, in place.

    Args:
        model: what to fill.
        path: as `read_weights` takes it.
        exact: the classifier must fit too, as for a trained model that is to predict. Otherwise a classifier
            of another size is left out and one that is missing stays random; both are reported.
        called: what reports call the weights; by default their path.

    Raises:
        WeightsError: the file cannot be read, or keys are missing, unexpected or of another shape; the model
            is then unchanged.
    """
    return fit_weights(model, read_weights(path), called or str(path), exact=exact)


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a file by name, with wrappers and common prefixes taken off.

    Args:
        path: a safetensors file, a state dict or whole module that torch saved, or a folder of Hugging Face's
            packages with such a file. No Python object of a file is made, and no code of it runs.

    Raises:
        WeightsError: there is no such file, it is damaged, or it holds no tensors by name.
    """
    path = Path(path)
    if (path / _IN_FOLDER).is_file():
        path = path / _IN_FOLDER
    if not path.is_file():
        what = f"is a folder without run.json or {_IN_FOLDER}" if path.is_dir() else "does not exist"
        raise WeightsError(
            f'model.weights = "{path}" {what}. Name a run, a safetensors or state-dict file, or "pretrained".'
        )
    return _bare(_load(path), path)


def with_plain_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors without prefixes that all names share, and with old DenseNet names as they are now."""
    plain = dict(tensors)
    while prefix := next((p for p in _PREFIXES if all(key.startswith(p) for key in plain)), None):
        plain = {key.removeprefix(prefix): value for key, value in plain.items()}
    return {_OLD_DENSENET.sub(r"\1", key): value for key, value in plain.items()}


def fit_weights(
    model: Classifier, tensors: Mapping[str, Tensor], origin: str, *, exact: bool = False, head: bool = True
) -> _Loaded:
    """Put tensors that are named as in the bare network, or as in a `Classifier`, into `model`.

    Position embeddings of a timm transformer for another image size are resampled, as timm does.

    Args:
        model: what to fill.
        tensors: by name.
        origin: what reports call them.
        exact: as for `load_weights`.
        head: take the classifier where it fits; False for weights whose classes are not the user's.

    Raises:
        WeightsError: see `load_weights`.
    """
    plan = _Plan(model, tensors)
    if not exact:
        plan.let_go_of_head(always=not head)
    faults = plan.faults()
    if faults:
        raise WeightsError(f"{origin} does not fit this model:\n" + "\n".join(f"  - {f}" for f in faults))
    model.load_state_dict(plan.renamed, strict=False)
    return _Loaded(origin, tuple(plan.left_out), tuple(plan.fresh))


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
        self._fit_positions()

    def _fit_positions(self) -> None:
        key = f"{self.model.bare_prefix}pos_embed"
        given, wanted = self.renamed.get(key), self.wanted.get(key)
        if given is None or wanted is None or given.shape == wanted.shape or given.ndim != 3:
            return
        net = self.model.get_submodule(self.model.bare_prefix.rstrip("."))
        side = math.isqrt(given.shape[1])
        grid = getattr(getattr(net, "patch_embed", None), "grid_size", None)
        if grid is not None and given.shape[2] == wanted.shape[2]:
            from timm.layers import resample_abs_pos_embed

            before = given.shape[1] - side * side
            self.renamed[key] = resample_abs_pos_embed(given, grid, num_prefix_tokens=before)

    def let_go_of_head(self, always: bool = False) -> None:
        """Leave out a classifier of another size or a second one; note what the file does not have."""
        heads = [key for key in self.wanted if key.startswith("classifier.")]
        present = [key for key in self.renamed if key.startswith("classifier.")]
        if always or any(key not in self.wanted or self._other_shape(key) for key in present):
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
            return [f"none of its {len(self.renamed)} names is of this network: {listed(unexpected, _SHOWN)}"]
        kinds = {"missing": missing, "unexpected": unexpected, "of another shape": shapes}
        return [f"{len(keys)} {kind}: {listed(keys, _SHOWN)}" for kind, keys in kinds.items() if keys]

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
            if state_of(path) == "changed":
                raise WeightsError(_DAMAGED.format(path))
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except SafetensorError as error:
        raise WeightsError(f"{path} is not a whole safetensors file: {error}.") from error
    except pickle.UnpicklingError as error:
        return _module(path, error)
    # torch's unpickler reads damaged bytes as instructions, and any error can come of them.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WeightsError(
            f"{path} cannot be read as weights ({reason}). Expected a safetensors file, or a state dict "
            "that torch.save wrote."
        ) from error


def _module(path: Path, error: Exception) -> dict[str, Tensor]:
    """The tensors of a whole module, which torch refuses to make; `error` is how it said so."""
    try:
        return read_module(path)
    # What is no pickle at all is read as one, and any error can come of it.
    except Exception:
        raise WeightsError(
            f"{path} is no file of tensors alone: it is damaged, or it holds Python objects, which hilum does not "
            "run. Where you trust it, load it yourself and save its state dict with safetensors."
        ) from error


def _bare(loaded: object, path: Path) -> dict[str, Tensor]:
    """A flat dict of tensors, out of wrappers and with the prefixes gone that all keys share."""
    while isinstance(loaded, Mapping):
        inner = next((loaded[key] for key in _WRAPPERS if isinstance(loaded.get(key), Mapping)), None)
        if inner is None:
            break
        loaded = inner
    if not isinstance(loaded, Mapping) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise WeightsError(
            f"{path} holds no state dict: expected names and tensors, or these under {', '.join(_WRAPPERS)}."
        )
    tensors = {str(key): value for key, value in loaded.items() if key not in _NOT_WEIGHTS}
    if not tensors:
        raise WeightsError(f"{path} holds no tensors.")
    return from_transformers(with_plain_names(tensors))


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
