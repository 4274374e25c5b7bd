"""Networks: `MODELS` by name, `build_model` from settings, weights that fit or say why not.

Read `classifier.py` first: the surface that every model has. Then `catalogue.py`, the list.
"""

from hilum.models.backbone import timm_names
from hilum.models.build import build_model, other_size
from hilum.models.catalogue import MODELS, ModelSpec, find_model
from hilum.models.classifier import Classifier, Trunk, positive_logits
from hilum.models.describe import Description, Layer, count_parameters, describe_model
from hilum.models.heads import KnnHead, MlpHead, make_classifier
from hilum.models.normalise import IMAGENET, Normalisation, Preparation, normalisation_beside
from hilum.models.parts import blocks
from hilum.models.pooling import make_pool, pooled_width
from hilum.models.published import Published
from hilum.models.weights import Loaded, fit_weights, load_weights, read_weights

__all__ = [
    "IMAGENET",
    "MODELS",
    "Classifier",
    "Description",
    "KnnHead",
    "Layer",
    "Loaded",
    "MlpHead",
    "ModelSpec",
    "Normalisation",
    "Preparation",
    "Published",
    "Trunk",
    "blocks",
    "build_model",
    "count_parameters",
    "describe_model",
    "find_model",
    "fit_weights",
    "load_weights",
    "make_classifier",
    "make_pool",
    "normalisation_beside",
    "other_size",
    "pooled_width",
    "positive_logits",
    "read_weights",
    "timm_names",
]
