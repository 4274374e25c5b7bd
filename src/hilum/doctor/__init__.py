"""Checks of a data set before an hour is lost: files, labels, parts, duplicates, shortcuts."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
