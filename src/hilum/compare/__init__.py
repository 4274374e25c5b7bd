"""Runs against runs: which are seeds of one recipe, whether they can be compared, and who is better."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
