"""Classifiers on stored vectors: hundreds tried at once, the best stacked onto its backbone as a run."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
