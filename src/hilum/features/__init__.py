"""Vectors of images in a database: embedded once, then searched, filtered and learned from.

What needs torch is in `hilum.features.embedding` and `hilum.features.reopening`.
"""

from hilum.features.encoders import EncoderInfo
from hilum.features.store import FeatureStore
from hilum.features.vectors import Features

__all__ = ["EncoderInfo", "FeatureStore", "Features"]
