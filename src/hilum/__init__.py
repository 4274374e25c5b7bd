"""hilum: a lab bench for chest X-ray classifiers."""

from hilum.version import __version__

__all__ = ["__version__"]
