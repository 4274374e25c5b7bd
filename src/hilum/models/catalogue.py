"""Every network that hilum names, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hilum.config import ModelConfig
from hilum.errors import ConfigError, did_you_mean
from hilum.models import rad_dino, xrv
from hilum.models.backbone import TIMM, build_timm, published_timm, timm_names
from hilum.models.classifier import Trunk
from hilum.models.cnn import build_cnn
from hilum.models.normalise import Preparation
from hilum.models.plugged import build_plugged, published_plugged
from hilum.models.published import Published
from hilum.models.torchvision import build_densenet, build_resnet
from hilum.plugins import parts

_RESNET = "He et al., Deep Residual Learning, CVPR 2016"
_DENSENET = "Huang et al., Densely Connected Convolutional Networks, CVPR 2017"


_USUAL = 224
"""Side of an image in pixels where a network takes any."""
_Build = Callable[[ModelConfig, int], Trunk]


@dataclass(frozen=True)
class ModelSpec:
    """A network by name.

    Attributes:
        name: what `model.name` says.
        title: one line for a list.
        paper: where it comes from.
        build: settings and image size -> everything below the classifier.
        parameters: with one gray channel and one output (`cnn`: at 320 px).
        gflops: 1e9 floating-point operations for one gray image of `size` px, two per multiply-add.
        published: weights that others trained; None where there are none.
        carries_weights: whether what `build` gives has these weights already, as a plugin's backbone has.
    """

    name: str
    title: str
    paper: str
    build: _Build
    parameters: int | None
    gflops: float | None
    published: Published | None = None
    carries_weights: bool = False

    @property
    def preparation(self) -> Preparation | None:
        """How its published weights want images; None where there are none."""
        return self.published.preparation if self.published else None

    @property
    def size(self) -> int:
        """Side of the images that its published weights want; 224 where any will do."""
        return (self.preparation.size if self.preparation else None) or _USUAL


_IMAGENET = Published("ImageNet-1k", "torchvision", Preparation.imagenet(), "BSD-3-Clause")


def _residual(depth: int, parameters: int, gflops: float) -> ModelSpec:
    name, title = f"resnet{depth}", f"ResNet, {depth} layers"
    return ModelSpec(name, title, _RESNET, build_resnet, parameters, gflops, _IMAGENET)


def _dense(depth: int, parameters: int, gflops: float) -> ModelSpec:
    name, title = f"densenet{depth}", f"DenseNet, {depth} layers"
    return ModelSpec(name, title, _DENSENET, build_densenet, parameters, gflops, _IMAGENET)


def _as(build: _Build, name: str) -> _Build:
    """A build function for a network whose architecture is called `name` elsewhere."""
    return lambda config, size: build(config.model_copy(update={"name": name}), size)


def _xrv(name: str, published: Published) -> ModelSpec:
    if name.startswith("xrv-resnet50"):
        build, parameters, gflops = _as(build_resnet, "resnet50"), 23_503_809, 41.88
    else:
        build, parameters, gflops = _as(build_densenet, "densenet121"), 6_948_609, 5.51
    architecture = "ResNet, 50 layers" if "resnet" in name else "DenseNet, 121 layers"
    title = f"{architecture}, of torchxrayvision"
    return ModelSpec(
        name, title, "Cohen et al., TorchXRayVision, MIDL 2022", build, parameters, gflops, published
    )


_SPECS = (
    ModelSpec(
        "cnn",
        "plain CNN: 3 convolutions, 3 linear layers",
        "a CheXpert baseline of 2020, trained from scratch",
        build_cnn,
        106_726_337,
        31.91,
    ),
    _residual(18, 11_170_753, 3.47),
    _residual(34, 21_278_913, 7.17),
    _residual(50, 23_503_809, 8.02),
    _residual(101, 42_495_937, 15.44),
    _residual(152, 58_139_585, 22.87),
    ModelSpec(
        "densenet-small",
        "DenseNet, 3 blocks of 5 layers",
        _DENSENET,
        build_densenet,
        951_625,
        2.55,
    ),
    _dense(121, 6_948_609, 5.51),
    _dense(161, 26_464_801, 15.22),
    _dense(169, 12_479_873, 6.56),
    _dense(201, 18_088_577, 8.42),
    *(_xrv(name, published) for name, published in xrv.published_xrv().items()),
    ModelSpec(
        "rad-dino",
        "vision transformer ViT-B/14, of Microsoft",
        "Pérez-García et al., RAD-DINO, Nature Machine Intelligence 2025",
        rad_dino.build_rad_dino,
        86_279_425,
        302.32,
        rad_dino.published_rad_dino(),
    ),
)

MODELS: dict[str, ModelSpec] = {spec.name: spec for spec in _SPECS}
"""Name -> network. Beside these, `timm:NAME` is any network of timm."""


def find_model(name: str) -> ModelSpec:
    """The network called `name`, one of `MODELS` or `timm:NAME`.

    Raises:
        ConfigError: there is none; the nearest is named. A `timm:` name is checked when it is built.
    """
    if name.startswith(TIMM):
        paper = "Wightman, PyTorch Image Models"
        return ModelSpec(name, "a network of timm", paper, build_timm, None, None, published_timm(name))
    known = all_models()
    if name not in known:
        raise ConfigError(
            f"model.name = {name!r} is not a network that hilum has; {did_you_mean(name, known)}\n"
            f"`hilum models` lists them all, and {TIMM}NAME is any network of timm. A plugin's are known with "
            "--plugin FILE."
        )
    return known[name]


def all_models(timm_pattern: str = "") -> dict[str, ModelSpec]:
    """`MODELS`, and networks and backbones of plugins in use; or timm's of names like `timm:*densenet*`."""
    if timm_pattern:
        return {name: find_model(name) for name in timm_names(timm_pattern)}
    models = {
        name: ModelSpec(
            name, "a network of a plugin", "its plugin", partial(build_plugged, name, part), None, None
        )
        for name, part in parts("MODELS", MODELS).items()
    }
    backbones = {
        name: ModelSpec(
            *(name, "a backbone of a plugin", "its plugin", partial(build_plugged, name, build), None, None),
            published_plugged(wants),
            carries_weights=True,
        )
        for name, (build, wants) in parts("BACKBONES", [*MODELS, *models]).items()
    }
    return MODELS | models | backbones
