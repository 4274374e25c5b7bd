"""The one place that states hilum's version."""

__version__ = "0.1.0"
