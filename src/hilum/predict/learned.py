"""What kind of pictures a run learned, and whether a file, or an image of a pack, is one of them."""

from __future__ import annotations

from dataclasses import dataclass

from hilum.pixels import Pack, unlike_films
from hilum.runs import Run


@dataclass(frozen=True)
class Learned:
    """What kind of pictures a run may be asked of.

    Attributes:
        films: it learned films of the chest; of a run that learned other things, nothing is asked.
        views: the views that its images are known to be, `frontal` or `lateral`; another one will not do. That
            of a file is told by the tags of DICOM alone.
    """

    films: bool
    views: frozenset[str]

    @classmethod
    def of(cls, run: Run) -> Learned:
        """What a run has kept of its images; a run of an earlier version counts as one of films."""
        images = run.images
        views = images["view"].drop_nulls().unique() if "view" in images.columns else ()
        return cls(bool(run.data.get("films", True)), frozenset(views))

    def unlike(self, pack: Pack) -> dict[int, str]:
        """Row of a pack's table -> why that image is none of this kind, as `load_film` says it of a file."""
        if not self.films:
            return {}
        views = pack.table.frame["view"].to_list()
        found = {} if pack.films else unlike_films(pack.pixels, pack.slots, views)
        known = (
            f"{' and '.join(sorted(self.views))} ones alone" if self.views else "none that is known to be one"
        )
        other = {
            row: f"is a {view} view, and the run learned {known}"
            for row, view in enumerate(views)
            if view and view not in (self.views or ("frontal",))
        }
        return found | other
