"""DICOM files as dermatoscopes write them."""

import io

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate

JPEG, PLAIN, JPEG_2000, JPEG_LS, INFLATED = (
    f"1.2.840.10008.1.2{end}" for end in (".4.50", ".1", ".4.91", ".4.80", ".1.99")
)  # transfer syntaxes


def dicom(image: Image.Image, syntax: str = JPEG, **elements) -> bytes:
    """As of a dermatoscope, of a man of 55."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = syntax, "1.2.840.10008.5.1.4.1.1.77.1.4"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    file = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    levels = np.asarray(image)
    file.Rows, file.Columns, file.SamplesPerPixel = *levels.shape[:2], 1 if levels.ndim == 2 else 3
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 8, 8, 7, 0
    file.PlanarConfiguration, file.PhotometricInterpretation = 0, "YBR_FULL_422" if syntax == JPEG else "RGB"
    file.Modality, file.PatientAge, file.PatientSex = "DMS", "055Y", "M"
    file.PixelData = encapsulate([jpeg(image)]) if syntax not in (PLAIN, INFLATED) else levels.tobytes()
    for name, value in elements.items():
        setattr(file, name, value)
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, file, enforce_file_format=True)
    return buffer.getvalue()


def jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()
