"""Tables of images: what a data set says of each, cleaned, checked and split honestly."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
