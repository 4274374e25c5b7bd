"""Everything hilum raises on purpose.

::

    HilumError                    anything below; the command line prints it and exits with `exit_code`
    ├── CheckFailed               the question was understood and the answer is no (exit 1)
    ├── Stopped                   the user stopped a long job; what was done is kept (exit 130, 143)
    └── InputError                what the user gave is wrong (exit 2)
        ├── ConfigError           a setting: unknown, of the wrong type, out of range, contradicting another
        ├── DataError             a data set: missing folder, file or column, empty part, unknown finding
        ├── ImageError            one image that cannot be decoded
        ├── PackError             a pack: not there, half-built, of another size or version
        ├── RunError              a run folder: not there, unfinished, of another version
        ├── WeightsError          weights: not reachable, not fitting the model
        ├── InUse                 a run, store or folder that another process is writing
        ├── DiskError             the file system refused: full, read-only
        └── MissingExtra          an optional package is not installed

Every message says what was expected, what came, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HilumError(Exception):
    """Base of all errors that hilum raises on purpose."""

    exit_code = 2


class CheckFailed(HilumError):
    """A check ran and its answer is no."""

    exit_code = 1


class Stopped(HilumError):
    """The user stopped a long job; the message says how to go on."""

    def __init__(self, message: str, exit_code: int = 130) -> None:
        """`exit_code` is 128 and the number of the signal."""
        super().__init__(message)
        self.exit_code = exit_code


class InputError(HilumError):
    """What the user gave cannot be used."""


class ConfigError(InputError):
    """One or more settings are wrong; the message lists all of them."""


class DataError(InputError):
    """A data set is not what it was said to be."""


class ImageError(InputError):
    """One image file cannot be turned into a picture."""


class PackError(InputError):
    """A pack cannot be opened or does not fit what is asked of it."""


class RunError(InputError):
    """A run folder cannot be opened or does not fit what is asked of it."""


class WeightsError(InputError):
    """Weights cannot be found or do not fit the model."""


class InUse(InputError):
    """Another process is writing what is to be written."""


class DiskError(InputError):
    """The file system refused to write; nothing half-written is left under the final name."""


class MissingExtra(InputError):
    """An optional package is needed and is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        """`package` is what failed to import, `extra` the group of hilum that brings it."""
        super().__init__(
            f"{purpose} needs the package {package}, which is not installed.\n"
            f"Install it with:  pip install 'hilum[{extra}]'"
        )


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name` (case ignored), or None where nothing is alike."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A clause for the end of a message: the nearest known name, else all of them."""
    known = list(known)
    close = nearest(name, known)
    return f"did you mean '{close}'?" if close else f"known: {', '.join(known)}"
