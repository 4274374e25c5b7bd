"""The plain convolutional network that early CheXpert work of the field trained from scratch.

Three convolutions (5x5 to 512 channels, 3x3 to 256, 3x3 to 64), each with batch norm, ReLU and 2x2 max pooling,
then two hidden linear layers. At 320 px, one channel and one output it has 106,726,337 parameters, of which
104,858,624 are the first linear layer: a reason for global pooling in everything that came later.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from hilum.config import ModelConfig
from hilum.errors import ConfigError
from hilum.models.classifier import Trunk

_MAP_CHANNELS = 64
_HIDDEN, _WIDTH = 1024, 512


class _FlattenHead(nn.Module):
    """Feature map -> two hidden layers -> vector; fits one image size alone."""

    def __init__(self, side: int, dropout: float) -> None:
        """`side` is the height and width of the feature map."""
        super().__init__()
        self.side = side
        self.hidden1 = nn.Linear(_MAP_CHANNELS * side * side, _HIDDEN)
        self.hidden2 = nn.Linear(_HIDDEN, _WIDTH)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(dropout)

    def forward(self, feature_map: Tensor) -> Tensor:
        """[n, 64, side, side] -> [n, 512]."""
        if feature_map.shape[2:] != (self.side, self.side):
            height, width = feature_map.shape[2:]
            raise ConfigError(
                f"this cnn was built for images of {8 * self.side} px; the image is about "
                f"{8 * height} x {8 * width}. Build it at that size, or choose a network with global pooling."
            )
        hidden = self.dropout(self.relu(self.hidden1(feature_map.flatten(1))))
        result: Tensor = self.relu(self.hidden2(hidden))
        return result


def build_cnn(config: ModelConfig, size: int) -> Trunk:
    """The network for images of `size` px, at least 8.

    Raises:
        ConfigError: another pooling than the default is asked for.
    """
    if config.pooling != "avg":
        raise ConfigError(
            f'model.pooling = "{config.pooling}" does not go with model.name = "cnn", which flattens its feature '
            'map. Leave out model.pooling, or choose another network, e.g. model.name = "resnet18".'
        )
    if size < 8:
        raise ConfigError(f"the cnn needs images of at least 8 px; prepare.size is {size}.")
    layers: list[tuple[str, nn.Module]] = []
    before: int = config.channels
    for i, (channels, kernel) in enumerate([(512, 5), (256, 3), (_MAP_CHANNELS, 3)], start=1):
        layers += [
            (f"conv{i}", nn.Conv2d(before, channels, kernel, padding=kernel // 2)),
            (f"norm{i}", nn.BatchNorm2d(channels)),
            (f"relu{i}", nn.ReLU()),
            (f"pool{i}", nn.MaxPool2d(2)),
        ]
        before = channels
    body, head = nn.Sequential(OrderedDict(layers)), _FlattenHead(size // 8, config.dropout)
    for module in [*body, head.hidden1, head.hidden2]:
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)
    return Trunk(body, _WIDTH, config.channels, head)
