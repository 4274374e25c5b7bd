"""Training: a run that can be stopped, resumed and repeated to the bit. Read `loop.py` first."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
