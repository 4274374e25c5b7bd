"""RAD-DINO: a vision transformer taught by DINOv2 on chest X-rays without labels.

Pérez-García et al., Exploring scalable medical image encoders beyond text supervision, Nature Machine Intelligence
2025 (arXiv 2401.10815). ViT-B/14: 12 blocks, width 768, one class token. It is timm's network of that shape, whose
names of parameters do not change with the version of a package, and whose position embeddings fit other sizes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from hilum.config import ModelConfig
from hilum.models.backbone import TIMM, build_timm
from hilum.models.classifier import Trunk
from hilum.models.normalise import Normalisation, Preparation
from hilum.models.published import Published

_REPOSITORY = "microsoft/rad-dino"
_FILE = "model.safetensors"
_SHAPE = "vit_base_patch14_dinov2"
"""The network of timm of this shape."""
_MARK = "embeddings.patch_embeddings.projection.weight"
_RENAMED = (
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.cls_token$", "cls_token"),
    (r"^encoder\.layer\.(\d+)\.", r"blocks.\1."),
    (r"\.attention\.output\.dense\.", ".attn.proj."),
    (r"\.attention\.o_proj\.", ".attn.proj."),
    (r"\.layer_scale(\d)\.lambda1$", r".ls\1.gamma"),
    (r"^layernorm\.", "norm."),
)
"""What transformers calls a parameter, and what timm does."""
_QKV = re.compile(r"\.attention\.(?:attention\.)?(query|key|value|q_proj|k_proj|v_proj)\.(weight|bias)$")


def build_rad_dino(config: ModelConfig, size: int) -> Trunk:
    """The network for images of `size` px; 518 is what it was trained with."""
    return build_timm(config.model_copy(update={"name": f"{TIMM}{_SHAPE}"}), size)


def published_rad_dino() -> Published:
    """Its weights; size, mean and sd as the repository's `preprocessor_config.json` says."""
    preparation = Preparation(Normalisation((0.5307,), (0.2583,)), 518)
    url = f"https://huggingface.co/{_REPOSITORY}/resolve/main/{_FILE}"
    return Published(
        "5 public sets of chest X-rays, no labels",
        "Hugging Face",
        preparation,
        "MIT, for research",
        url,
        _there,
    )


def from_transformers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Parameters of a `Dinov2Model` of transformers (4 or 5) as timm names them; others as they are.

    Query, key and value, which transformers keeps apart, become one matrix. The mask token is left out: it stands
    for hidden patches, of which there are none outside of DINOv2's own training.
    """
    if _MARK not in tensors:
        return dict(tensors)
    renamed: dict[str, Tensor] = {}
    joined: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        name = key
        for pattern, replacement in _RENAMED:
            name = re.sub(pattern, replacement, name)
        if part := _QKV.search(name):
            whole = f"{name[: part.start()]}.attn.qkv.{part[2]}"
            joined.setdefault(whole, {})[part[1][0]] = value
        elif key != "embeddings.mask_token":
            renamed[name] = value
    return renamed | {
        name: torch.cat([parts[part] for part in "qkv"]) for name, parts in joined.items() if len(parts) == 3
    }


def _there() -> Path | None:
    """The copy that Hugging Face's packages keep on this machine."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(_REPOSITORY, _FILE)
    return Path(found) if isinstance(found, str) else None
