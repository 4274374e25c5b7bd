"""What a DICOM header says of what was taken: modality, body part and view; no patient data are read.

The body part is BodyPartExamined, else the meaning of the AnatomicRegionSequence, which DX files have (PS3.3
C.8.11.2); the view is ViewPosition, else the ViewCodeSequence.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hilum.table import VIEW_CODES

TAGS = ["Modality", "BodyPartExamined", "AnatomicRegionSequence", "ViewPosition", "ViewCodeSequence"]

MODALITIES = {
    "BDUS": "ultrasound of bones",
    "BMD": "bone densitometry",
    "CT": "computed tomography",
    "ECG": "electrocardiography",
    "ES": "endoscopy",
    "GM": "microscopy",
    "IO": "a film of teeth",
    "IVUS": "ultrasound within vessels",
    "KO": "a list of objects",
    "MG": "mammography",
    "MR": "magnetic resonance",
    "NM": "nuclear medicine",
    "OCT": "optical coherence tomography",
    "OP": "a photograph of the eye",
    "OPT": "tomography of the eye",
    "PT": "positron emission tomography",
    "PX": "a panorama of teeth",
    "SEG": "a segmentation",
    "SM": "a slide of a microscope",
    "US": "ultrasound",
    "XA": "angiography",
    "XC": "a photograph",
}
"""Modalities that are no projection of a chest (PS3.3 C.7.3.1.1.1). CR, DX, RG and the like, OT, SC and all that
are not listed say nothing against one."""

CHEST = re.compile("CHEST|THORA|TORAX|TORSO|LUNG|RIB|HEART|STERN|CLAVIC|MEDIAST|PULM|BODY")
"""A body part with one of these in it is of the chest, also together with others (CHESTABDOMEN)."""
OTHERS = re.compile(
    "ABDO|PELVI|HIP|KUB|SKULL|HEAD|BRAIN|NECK|FACE|FACIAL|JAW|MANDIB|TEETH|DENTAL|ORBIT|SINUS|NOSE|NASAL|EYE|"
    "SPINE|SPINAL|CERVIC|LUMB|SACR|COCCYX|HAND|FINGER|THUMB|WRIST|ARM|ELBOW|HUMER|RADIUS|ULNA|SHOULDER|SCAPULA|"
    "LEG|KNEE|PATELLA|ANKLE|FOOT|TOE|HEEL|CALCAN|FEMUR|TIBIA|FIBULA|THIGH|CALF|EXTREMIT|BREAST|BLADDER|KIDNEY|"
    "LIVER|BOWEL|COLON|STOMACH|PROSTATE|UTERUS"
)
"""Body parts that are none (the defined terms of PS3.16 annex L, and how they are written). Others say nothing."""
LATERAL = ("LL", "RL", "LLD", "RLD", "LAT", "LATERAL", "LEFTLATERAL", "RIGHTLATERAL")
FRONTAL = ("AP", "PA", "FRONTAL", "ANTEROPOSTERIOR", "POSTEROANTERIOR")


@dataclass(frozen=True)
class FilmTags:
    """What a header says.

    Attributes:
        other: why it is no chest film, as `BodyPartExamined is HAND`; empty where the header says nothing of it.
        view: `frontal`, `lateral` or None.
        position: the view in letters, as `LL`.
    """

    other: str = ""
    view: str | None = None
    position: str = ""


def film_tags(data: bytes) -> FilmTags:
    """Read the tags of a DICOM file's bytes; a header that cannot be read says nothing."""
    try:
        import pydicom

        dataset = pydicom.dcmread(io.BytesIO(data), force=True, stop_before_pixels=True, specific_tags=TAGS)
        modality = _word(dataset, "Modality")
        name, part = "BodyPartExamined", _word(dataset, "BodyPartExamined")
        if not part:
            name, part = "AnatomicRegionSequence", _code(dataset, "AnatomicRegionSequence", "CodeMeaning")
        position = _word(dataset, "ViewPosition")
        position = position or VIEW_CODES.get(_code(dataset, "ViewCodeSequence", "CodeValue"), "")
    except Exception:  # whatever a damaged header leads to; the decoder names it
        return FilmTags()
    view = "lateral" if _plain(position) in LATERAL else "frontal" if _plain(position) in FRONTAL else None
    other = ""
    if modality in MODALITIES:
        other = f"Modality is {modality} ({MODALITIES[modality]})"
    elif not CHEST.search(_plain(part)) and OTHERS.search(_plain(part)):
        other = f"{name} is {part}"
    return FilmTags(other, view, position)


def dicom_colour(data: bytes) -> npt.NDArray[np.uint8] | None:
    """The picture of a DICOM file in 8-bit colour, uint8 [h, w, 3]; None where it is gray, or of other depth."""
    try:
        import pydicom
        from pydicom.pixels import pixel_array

        header = pydicom.dcmread(
            io.BytesIO(data), force=True, stop_before_pixels=True, specific_tags=["SamplesPerPixel"]
        )
        found = pixel_array(io.BytesIO(data)) if header.get("SamplesPerPixel") == 3 else None
    except Exception:  # as above; the gray picture could be decoded
        return None
    fits = found is not None and found.dtype == np.uint8 and found.ndim == 3
    return np.asarray(found) if fits else None


def _word(dataset: Any, tag: str) -> str:
    """A value as its bytes stand there: pydicom would judge it, and warn."""
    element = dataset.get_item(tag)
    value = b"" if element is None else element.value
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value or "")
    return text.strip(" \0").upper()[:64]


def _code(dataset: Any, sequence: str, keyword: str) -> str:
    """A word of the first item of a sequence."""
    items = dataset.get(sequence)
    return _word(items[0], keyword) if items else ""


def _plain(text: str) -> str:
    return re.sub(r"[^A-Z]", "", text)
