"""From a pack to augmented batches on the device. Start with `feed.py`; order and draws are in `plan.py`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
