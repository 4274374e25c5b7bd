"""Vectors of images in a database: embedded once, then searched, filtered and learned from.

What needs torch is in `hilum.features.embedding` and `hilum.features.reopening`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
