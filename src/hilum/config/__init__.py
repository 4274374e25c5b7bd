"""`Config`: every knob of a run. Sections and their fields are in `sections.py`, TOML in `files.py`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
