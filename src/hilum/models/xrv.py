"""Torchxrayvision's published chest-X-ray networks, as weights of our own DenseNet121 and ResNet50.

Cohen et al., TorchXRayVision: A library of chest X-ray datasets and models, MIDL 2022 (arXiv 2111.00595); Cohen et
al., On the limits of cross-domain generalization in automated X-ray prediction, MIDL 2020 (arXiv 2002.02497).
Pixels go from -1024 to 1024, after a centre crop to a square.
"""

from __future__ import annotations

from pathlib import Path

from hilum.models.normalise import Normalisation, Preparation
from hilum.models.published import Published

_RANGE = Normalisation((0.5,), (0.5 / 1024,))
"""A pixel of 0 to 1 becomes one of -1024 to 1024."""
_KEPT = ".torchxrayvision/models_data"
"""Where in the home folder the package torchxrayvision keeps what it downloads."""
_RELEASE = "https://github.com/mlmed/torchxrayvision/releases/download/v1/"
_DENSENET = "-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt"
_RESNET = "pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt"
_DENSENETS = {
    "all": ("nih-pc-chex-mimic_ch-google-openi-kaggle", "NIH, PadChest, CheXpert, MIMIC, OpenI, RSNA"),
    "nih": ("nih", "NIH ChestX-ray14"),
    "pc": ("pc", "PadChest"),
    "chex": ("chex", "CheXpert"),
    "mimic_nb": ("mimic_nb", "MIMIC-CXR, labels by NegBio"),
    "mimic_ch": ("mimic_ch", "MIMIC-CXR, labels by CheXpert"),
    "rsna": ("kaggle", "RSNA Pneumonia Challenge"),
}
"""What follows `xrv-densenet121-`: the start of the file's name, and what it was trained on."""


def published_xrv() -> dict[str, Published]:
    """By hilum's name of the network: `xrv-densenet121-all`, ..., `xrv-resnet50-all`."""
    files = {
        f"xrv-densenet121-{key}": (f"{start}{_DENSENET}", trained_on, 224)
        for key, (start, trained_on) in _DENSENETS.items()
    }
    files["xrv-resnet50-all"] = (_RESNET, "PadChest, NIH, RSNA, SIIM, VinDr", 512)
    return {name: _published(*about) for name, about in files.items()}


def _published(file: str, trained_on: str, size: int) -> Published:
    def there() -> Path | None:
        path = Path.home() / _KEPT / file
        return path if path.is_file() else None

    preparation = Preparation(_RANGE, size)
    return Published(trained_on, "torchxrayvision", preparation, "Apache-2.0", f"{_RELEASE}{file}", there)
