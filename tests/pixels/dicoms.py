"""Small DICOM files for the tests, written by pydicom."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

DIGITAL_XRAY = "1.2.840.10008.5.1.4.1.1.1.1"


def dicom(
    pixels: npt.NDArray[Any],
    bits: int | None = None,
    interpretation: str = "MONOCHROME2",
    syntax: str = ExplicitVRLittleEndian,
    **tags: Any,
) -> bytes:
    """A DICOM file of these pixels, [h, w] or [h, w, 3]; a tag given as None is left out."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = DIGITAL_XRAY
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID = DIGITAL_XRAY, meta.MediaStorageSOPInstanceUID
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "secret-17"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = interpretation
    dataset.BitsAllocated = pixels.dtype.itemsize * 8
    dataset.BitsStored = bits or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    for name, value in tags.items():
        if value is None:
            del dataset[name]
        else:
            setattr(dataset, name, value)
    if syntax != ExplicitVRLittleEndian:
        dataset.compress(syntax, generate_instance_uid=False)
    return written(dataset)


def written(dataset: Dataset, **options: Any) -> bytes:
    """A dataset as the bytes of a file."""
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, **({"enforce_file_format": True} | options))
    return buffer.getvalue()


def lut(first: int, bits: int, values: npt.NDArray[np.integer[Any]]) -> list[Dataset]:
    """A VOI LUT sequence of one table."""
    item = Dataset()
    item.LUTDescriptor = [len(values), first, bits]
    item.LUTData = values.tolist()
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    return [item]


def encapsulated(codes: bytes, pixels: npt.NDArray[Any], syntax: str, bits: int, **tags: Any) -> bytes:
    """A DICOM file of codes that were made elsewhere; `pixels` says what size and type they are of."""
    interpretation = "MONOCHROME2" if pixels.ndim == 2 else "YBR_FULL_422"
    dataset = pydicom.dcmread(io.BytesIO(dicom(pixels, bits, interpretation, **tags)))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([codes])
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    return written(dataset)


def with_text(data: bytes, keyword: str, text: str) -> bytes:
    """The file with a value of one element as a text that pydicom would not write."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    tag = Tag(keyword)
    value = text.encode() + b" " * (len(text) % 2)
    dataset[tag] = RawDataElement(tag, "DS", len(value), value, 0, False, True)
    return written(dataset)


def with_unsigned(data: bytes, **values: int) -> bytes:
    """The file with these elements written as US, whatever the pixels are."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    for keyword, value in values.items():
        dataset.add(DataElement(Tag(keyword), "US", value))
    return written(dataset)
