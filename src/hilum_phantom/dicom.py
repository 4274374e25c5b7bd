"""A drawn picture as a DICOM file (extra `dicom`). DICOM PS3.3 A.26 (Digital X-Ray Image, for presentation)."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from hilum.errors import MissingExtra
from hilum_phantom.layouts import Entry

CR, DX = "1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1.1"
BITS = 12


def need_pydicom() -> None:
    """Raise `MissingExtra` where pydicom is not installed."""
    try:
        import pydicom  # noqa: F401
    except ImportError as error:
        raise MissingExtra("pydicom", "dicom", "Writing DICOM files") from error


def _uid(*parts: object) -> str:
    """A UID under the root for UUIDs (PS3.5 B.2), from a hash, so that it is the same every time."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:16]
    return f"2.25.{int.from_bytes(digest, 'big')}"


def instance_uid(entry: Entry) -> str:
    """The SOP Instance UID of an image."""
    return _uid(entry.study.person.seed, entry.path, entry.shot.seed)


def encode_dicom(entry: Entry, gray: npt.NDArray[np.uint8], spacing: float) -> bytes:
    """A DICOM file of 12 bits; inverted as MONOCHROME1 where the entry says so.

    Args:
        entry: whose image it is.
        gray: uint8 [height, width], 255 is white.
        spacing: mm per pixel.

    Raises:
        MissingExtra: pydicom is not installed.
    """
    need_pydicom()
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    stored = gray.astype(np.uint16) * 16 + 8
    if entry.inverted:
        stored = np.uint16(2**BITS - 1) - stored
    meta = FileMetaDataset()
    dataset = Dataset()
    dataset.file_meta = meta
    for keyword, value in {**_identity(entry), **_pixels(entry, gray.shape, spacing)}.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = stored.astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _uid("hilum", "phantom")
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _identity(entry: Entry) -> dict[str, Any]:
    study, person = entry.study, entry.study.person
    date = f"{2015 + study.number % 8}{1 + study.seed % 12:02d}{1 + study.seed // 12 % 28:02d}"
    return {
        "SOPClassUID": CR if entry.shot.projection == "AP" else DX,
        "SOPInstanceUID": instance_uid(entry),
        "StudyInstanceUID": _uid(study.patient, study.number, study.seed),
        "SeriesInstanceUID": _uid(study.patient, study.number, study.seed, entry.shot.view),
        "StudyDate": date,
        "StudyTime": "120000",
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "StudyID": str(study.number),
        "SeriesNumber": 1,
        "InstanceNumber": int(entry.path.rpartition("image")[2].removesuffix(".dcm")),
        "PatientName": f"Phantom^Number{study.patient}",
        "PatientID": f"PHANTOM{study.patient:05d}",
        "PatientBirthDate": "",
        "PatientSex": person.sex,
        "PatientAge": f"{int(person.age):03d}Y" if person.age >= 1 else f"{int(person.age * 12):03d}M",
        "Manufacturer": "hilum phantom (drawn, no patient)",
        "Modality": "CR" if entry.shot.projection == "AP" else "DX",
        "BodyPartExamined": "CHEST",
        "ViewPosition": entry.shot.projection,
        "PatientOrientation": ["A", "F"] if entry.shot.view == "lateral" else ["L", "F"],
        "ImageType": ["DERIVED", "PRIMARY"],
        "BurnedInAnnotation": "NO",
        "PresentationIntentType": "FOR PRESENTATION",
    }


def _pixels(entry: Entry, shape: tuple[int, ...], spacing: float) -> dict[str, Any]:
    return {
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME1" if entry.inverted else "MONOCHROME2",
        "PresentationLUTShape": "INVERSE" if entry.inverted else "IDENTITY",
        "Rows": shape[0],
        "Columns": shape[1],
        "BitsAllocated": 16,
        "BitsStored": BITS,
        "HighBit": BITS - 1,
        "PixelRepresentation": 0,
        "PixelSpacing": [f"{spacing:.4f}"] * 2,
        "WindowCenter": str(2 ** (BITS - 1)),
        "WindowWidth": str(2**BITS),
        "RescaleIntercept": "0",
        "RescaleSlope": "1",
        "RescaleType": "US",
    }
