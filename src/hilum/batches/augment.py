"""Random changes of training images: parameters are drawn, and applying them draws nothing.

The tones change first, then the geometry, then a rectangle is erased, so that what a rotation brings in from
outside is black whatever the brightness. Nothing depends on which images share a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from hilum.batches.plan import generator
from hilum.config import AugmentConfig

_ERASED_AREA = (0.02, 0.2)
_ERASED_ASPECT = (0.3, 1 / 0.3)
"""Width over height, as in Zhong et al. 2020, Random Erasing Data Augmentation."""

_Floats = npt.NDArray[np.float32]
_Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class AugmentParams:
    """What is done to each of n images; every array has n entries.

    Attributes:
        angle: rotation about the centre in degrees, clockwise.
        shift: [n, 2], to the right and down, as shares of the side.
        shear: horizontal shear in degrees.
        scale: zoom; above 1 enlarges.
        flip: left-right flip, before the rest of the geometry.
        brightness: factor on the pixels.
        contrast: factor on the distance from the image's own mean, after brightness.
        erase: [n, 4], left, top, width and height of the erased rectangle as shares of the side; width 0: none.
    """

    angle: _Floats
    shift: _Floats
    shear: _Floats
    scale: _Floats
    flip: _Flags
    brightness: _Floats
    contrast: _Floats
    erase: _Floats

    @classmethod
    def identity(cls, n: int) -> AugmentParams:
        """Parameters that change nothing."""
        zeros, ones = np.zeros(n, np.float32), np.ones(n, np.float32)
        pairs, boxes = np.zeros((n, 2), np.float32), np.zeros((n, 4), np.float32)
        return cls(zeros, pairs, zeros, ones, np.zeros(n, np.bool_), ones, ones, boxes)

    def __len__(self) -> int:
        return len(self.angle)

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> AugmentParams:
        """The parameters of some of the images."""
        return AugmentParams(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def recoloured(self) -> _Flags:
        """Which images change in brightness or contrast."""
        return np.asarray((self.brightness != 1) | (self.contrast != 1))

    @property
    def moved(self) -> _Flags:
        """Which images change in geometry."""
        turned = (self.angle != 0) | (self.shear != 0) | (self.scale != 1)
        return np.asarray((self.shift != 0).any(axis=1) | turned | self.flip)

    @property
    def erased(self) -> _Flags:
        """Which images lose a rectangle."""
        return np.asarray(self.erase[:, 2] > 0)

    @property
    def changed(self) -> _Flags:
        """Which images change at all."""
        return np.asarray(self.recoloured | self.moved | self.erased)

    def matrices(self) -> _Floats:
        """[n, 2, 3]: where each output pixel comes from, (x, y) running from -1 to 1 over the image.

        The forward map is shift . rotation . shear . scale . flip, torchvision's order for `affine`.
        """
        angle, shear = np.deg2rad(self.angle.astype(np.float64)), np.deg2rad(self.shear.astype(np.float64))
        cos, sin, tan = np.cos(angle), np.sin(angle), np.tan(shear)
        # Inverse of [[cos, -cos tan - sin], [sin, cos - sin tan]], whose determinant is 1.
        inverse = np.stack([cos - sin * tan, cos * tan + sin, -sin, cos], axis=1).reshape(-1, 2, 2)
        inverse /= self.scale[:, None, None]
        offset = -inverse @ (2.0 * self.shift[:, :, None])
        matrix = np.concatenate([inverse, offset], axis=2)
        matrix[self.flip, 0] *= -1
        return matrix.astype(np.float32)

    @classmethod
    def draw(
        cls, config: AugmentConfig, seed: int, epoch: int, positions: npt.NDArray[np.int64]
    ) -> AugmentParams:
        """Draw what happens to the images at some positions of an epoch.

        The draws belong to the position in the epoch's order, not to the image: an image that oversampling shows
        twice is changed in two ways, and neither batch size nor the number of processes matters. A position's
        draws stay the same when another knob changes.

        Args:
            config: the ranges; `share` of the positions is changed at all.
            seed: the run's seed.
            epoch: from 0.
            positions: int64 [n], positions in the order of the epoch.
        """
        length = int(positions.max()) + 1 if len(positions) else 0
        uniform = generator(seed, epoch, "augment").random((length, 14), dtype=np.float32)[positions]
        chosen = uniform[:, 0] < config.share
        sign = (2 * uniform - 1) * chosen[:, None]
        return cls(
            angle=config.degrees * sign[:, 1],
            shift=config.translate * sign[:, 2:4],
            shear=config.shear * sign[:, 4],
            scale=1 + config.scale * sign[:, 5],
            flip=chosen & (uniform[:, 6] < config.flip),
            brightness=1 + config.brightness * sign[:, 7],
            contrast=1 + config.contrast * sign[:, 8],
            erase=_rectangles(uniform[:, 10:14]) * (chosen & (uniform[:, 9] < config.erase))[:, None],
        )

    def apply(self, images: Tensor, fill: float = 0.0) -> Tensor:
        """Change images as the parameters say.

        Args:
            images: float32 [n, 1, s, s] in 0..1, on any device; not modified.
            fill: what an erased rectangle becomes, in 0..1.

        Returns:
            [n, 1, s, s] in 0..1. Images whose parameters change nothing are the same bits; what comes in from
            outside an image is black.
        """
        if len(self) != len(images):
            raise ValueError(f"{len(images)} images need as many parameters, not {len(self)}")

        def change(images: Tensor, params: AugmentParams) -> Tensor:
            images = _on(images, params, params.recoloured, _recolour)
            images = _on(images, params, params.moved, _move)
            return _on(images, params, params.erased, lambda some, its: _erase(some, its, fill))

        return _on(images, self, self.changed, change)


def to_device(array: npt.NDArray[np.generic], device: torch.device) -> Tensor:
    """A copy of a small array on the device, without waiting for the work queued there."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def _on(
    images: Tensor,
    params: AugmentParams,
    chosen: _Flags,
    change: Callable[[Tensor, AugmentParams], Tensor],
) -> Tensor:
    """`change` the chosen images and leave the others."""
    if not chosen.any():
        return images
    if chosen.all():
        return change(images, params)
    index = to_device(np.flatnonzero(chosen), images.device)
    return images.index_copy(0, index, change(images[index], params.take(chosen)))


def _recolour(images: Tensor, params: AugmentParams) -> Tensor:
    factors = to_device(np.stack([params.brightness, params.contrast]), images.device)
    brightness, contrast = factors[:, :, None, None, None]
    images = (images * brightness).clamp_(max=1)
    # Row by row: a sum over whole images is divided among threads in a way that depends on how many there are.
    mean = (images.sum(dim=3, keepdim=True).double().sum(dim=2, keepdim=True) / images[0].numel()).float()
    return torch.addcmul(mean * (1 - contrast), images, contrast).clamp_(0, 1)


def _move(images: Tensor, params: AugmentParams) -> Tensor:
    """Bilinear resampling.

    The grid is built elementwise: `affine_grid` is a matrix product, slower and with last bits that may depend
    on the batch size.
    """
    count, size = len(images), images.shape[-1]
    matrix = to_device(params.matrices(), images.device)[:, :, :, None, None]
    centre = (torch.arange(size, device=images.device) * 2 + 1 - size) / size
    grid = images.new_empty(count, size, size, 2)
    for axis in (0, 1):
        a, b, c = matrix[:, axis].unbind(dim=1)
        torch.add(a * centre + c, b * centre[:, None], out=grid[..., axis])
    return F.grid_sample(images, grid, mode="bilinear", align_corners=False)


def _erase(images: Tensor, params: AugmentParams, fill: float) -> Tensor:
    size = images.shape[-1]
    box = to_device(params.erase, images.device)[:, :, None]
    centre = (torch.arange(size, device=images.device) + 0.5) / size
    across, down = ((centre >= box[:, i]) & (centre < box[:, i] + box[:, i + 2]) for i in (0, 1))
    return images.masked_fill((down[:, :, None] & across[:, None, :])[:, None], fill)


def _rectangles(uniform: _Floats) -> _Floats:
    """[n, 4] left, top, width, height from four uniform numbers: area, aspect (log-uniform), x, y."""
    area = _ERASED_AREA[0] + (_ERASED_AREA[1] - _ERASED_AREA[0]) * uniform[:, 0]
    low, high = np.log(_ERASED_ASPECT)
    aspect = np.exp(np.float32(low) + np.float32(high - low) * uniform[:, 1])
    size = np.stack([np.sqrt(area * aspect), np.sqrt(area / aspect)], axis=1)
    return np.concatenate([(1 - size) * uniform[:, 2:], size], axis=1)
