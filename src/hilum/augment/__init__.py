"""A pack with changed copies of its images, written once. Start with `build.py`; what is drawn is in `plan.py`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
