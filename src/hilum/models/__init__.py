"""Networks: `MODELS` by name, `build_model` from settings, weights that fit or say why not.

Read `classifier.py` first: the surface that every model has. Then `catalogue.py`, the list.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
