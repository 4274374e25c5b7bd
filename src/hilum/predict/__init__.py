"""The one inference path: validation, evaluation, prediction of files and all later users go through here."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
