"""Sources: one function per kind of data set, root folder -> Table. See `hilum sources`."""

from hilum.table.sources.base import Source, SourceOptions
from hilum.table.sources.options import parse_options
from hilum.table.sources.read import SOURCES, find_source, guess_source, read_quietly, read_source

__all__ = [
    "SOURCES",
    "Source",
    "SourceOptions",
    "find_source",
    "guess_source",
    "parse_options",
    "read_quietly",
    "read_source",
]
