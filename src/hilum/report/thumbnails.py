"""Small pictures for pages, found in packs by image id."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from hilum.drawing import data_uri
from hilum.errors import ImageError, PackError
from hilum.pixels import Pack


def jpeg(picture: npt.NDArray[np.uint8], side: int, quality: int = 85) -> str:
    """A gray picture as a data URI, made smaller until no side is over `side` pixels; never larger.

    Args:
        picture: uint8 [h, w].
        side: pixels.
        quality: of the JPEG file, up to 100.
    """
    picture = np.ascontiguousarray(picture)
    longest = max(picture.shape)
    if longest > side:
        height, width = (max(1, round(length * side / longest)) for length in picture.shape)
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    done, content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ImageError("a picture of the pack could not be written as JPEG.")
    return data_uri(content.tobytes(), "image/jpeg")


class Albums:
    """Pictures of several packs, each opened once, when its first picture is asked for.

    Attributes:
        lost: folder of each pack that could not be opened -> why.
    """

    def __init__(self) -> None:
        self.lost: dict[str, str] = {}
        self._packs: dict[str, tuple[Pack, dict[str, int]]] = {}

    def picture(self, pack: str, image_id: str, side: int, quality: int = 85) -> str:
        """A data URI, or "" where the pack is gone or has no such image.

        An image is found by its id: a pack that was made again may keep it elsewhere, and another image under the
        right name would be worse than none.
        """
        found = self._open(pack)
        if found is None:
            return ""
        opened, slots = found
        slot = slots.get(image_id)
        return "" if slot is None else jpeg(opened.pixels[slot], side, quality)

    def _open(self, pack: str) -> tuple[Pack, dict[str, int]] | None:
        if pack not in self._packs and pack not in self.lost:
            try:
                opened = Pack.open(Path(pack))
            except PackError as error:
                self.lost[pack] = str(error)
            else:
                slots = zip(opened.table.image_ids, opened.slots.tolist(), strict=True)
                self._packs[pack] = opened, dict(slots)
        return self._packs.get(pack)
