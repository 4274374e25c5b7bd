"""What kind of pictures a run learned, and whether a file is one of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hilum.config import LimitsConfig, PrepareConfig
from hilum.pixels import Gray, load_film
from hilum.runs import Run


@dataclass(frozen=True)
class Learned:
    """What kind of pictures a run may be asked of.

    Attributes:
        films: it learned films of the chest; of a run that learned other things, nothing is asked.
        views: the views that its images are known to be, `frontal` or `lateral`.
    """

    films: bool
    views: frozenset[str]

    @classmethod
    def of(cls, run: Run) -> Learned:
        """What a run has kept of its images; a run of an earlier version counts as one of films."""
        images = run.images
        views = images["view"].drop_nulls().unique() if "view" in images.columns else ()
        return cls(bool(run.data.get("films", True)), frozenset(views))

    def load(
        self, path: Path, prepare: PrepareConfig, limits: LimitsConfig
    ) -> tuple[Gray, str | None, tuple[str, ...]]:
        """The prepared image of a file; why it is none of this kind, None where it is one; and what was guessed.

        A view is told by a DICOM file's tags alone; a lateral one will do where the run is known to have learned
        some.

        Raises:
            ImageError: the file cannot be decoded.
        """
        return load_film(path, prepare, limits, films=self.films, learned=self.views)
