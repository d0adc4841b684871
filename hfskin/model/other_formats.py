"""Pictures that need a library beside Pillow, which may be missing: HEIC of phones, DICOM of hospitals."""

import importlib
import importlib.util
import io
import os
import re
from itertools import islice
from typing import NamedTuple

import numpy as np
from PIL import Image

from .dicom_sites import site_of
from .image_checks import FRAMES, MAX_SEGMENTS, jpeg_segments
from .labels import UNKNOWN
from .metadata import UNKNOWN_PATIENT, Patient, understood

HEIC_SUFFIXES, DICOM_SUFFIXES = (".heic", ".heif"), (".dcm", ".dicom")

MAX_HEADER = 10**6  # bytes of a DICOM file before its pixels
MAX_JPEG_2000 = 40 * 10**6  # pixels; OpenJPEG keeps four bytes a colour

_HEIC = re.compile(rb"....ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1)", re.DOTALL)
_NO_HEIC = (
    "a HEIC picture of a phone; save it as a JPEG, let the phone take JPEGs (iPhone: Settings, Camera, Formats, Most "
    "Compatible), or install pillow-heif"
)
_NO_DICOM = "a DICOM file; save the picture as a JPEG or PNG, or install pydicom"
_VISIBLE_LIGHT = {"", "DMS", "ES", "GM", "OP", "OT", "XC"}  # modalities
_INFLATED = b"1.2.840.10008.1.2.1.99"  # the transfer syntax of a file that is packed as a whole, without a limit
# Baseline, extended, and what libjpeg-turbo reads of the lossless ones.
_JPEG = {f"1.2.840.10008.1.2.4.{end}" for end in (50, 51, 57, 70)}
_JPEG_2000 = {f"1.2.840.10008.1.2.4.{end}" for end in (90, 91)}
_UNTRANSFORMED = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"  # a JPEG's mark: red, green and blue
_RUNS = "1.2.840.10008.1.2.5"


class UnreadableError(ValueError):
    """A picture that cannot be used; the message says what to do."""


class Opened(NamedTuple):
    """What a file holds beside its name.

    Attributes:
        picture: a PIL image whose size may be looked at before it is decoded, or the bytes of a JPEG.
        info: what to know of its colours, as in a PIL image.
        patient: age in years, sex and site, None where they are not known.
    """

    picture: Image.Image | bytes
    info: dict
    patient: Patient = UNKNOWN_PATIENT


def readable_suffixes() -> tuple[str, ...]:
    """The suffixes of these formats, as far as their libraries are installed."""
    found = HEIC_SUFFIXES if importlib.util.find_spec("pillow_heif") else ()
    return (*found, *(DICOM_SUFFIXES if importlib.util.find_spec("pydicom") else ()))


def open_other(data: bytes, most: int) -> Opened | None:
    """None where the bytes are of neither format.

    Args:
        most: pixels that are read.

    Raises:
        UnreadableError: it cannot be used, or its library is missing.
        Exception: of the libraries, on broken files.
    """
    if _HEIC.match(data):
        return _open_heic(data, most)
    return _open_dicom(data, most) if is_dicom(data) else None


def has_no_suffix(name: str) -> bool:
    """Whether a file is named as hospitals name DICOM files: without a suffix, or by numbers, as in 1.2.840.10008."""
    return not os.path.splitext(name)[1].strip(".0123456789")


def is_dicom(start: bytes) -> bool:
    """Whether a file that begins so, with 132 bytes or more, is a DICOM file: many have no suffix."""
    return start[128:132] == b"DICM"


def _library(name: str, advice: str):
    """A library that need not be there, imported when it is needed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UnreadableError(advice) from None


def _open_heic(data: bytes, most: int) -> Opened:
    file = _library("pillow_heif", _NO_HEIC).open_heif(io.BytesIO(data))
    width, height = file.size
    _check_size(width, height, most)
    image = file.to_pillow()
    # libheif has turned it already, whatever stands in the EXIF.
    return Opened(image, {key: image.info[key] for key in ("icc_profile",) if image.info.get(key)})


def _open_dicom(data: bytes, most: int) -> Opened:
    file = _read_dicom(data)
    if (modality := str(file.get("Modality", ""))) not in _VISIBLE_LIGHT:
        raise UnreadableError(f"a DICOM file of modality {modality[:16]!r}, no photograph; dermatoscopy has DMS or XC")
    if int(file.get("NumberOfFrames", 1) or 1) > 1:
        raise UnreadableError("a DICOM file of several pictures; save the one to look at as a JPEG or PNG")
    _check_size(int(file.Columns), int(file.Rows), most)
    info = {"icc_profile": bytes(file.ICCProfile)} if "ICCProfile" in file else {}
    packed, colours = file.file_meta.TransferSyntaxUID, str(file.get("PhotometricInterpretation", ""))
    if packed in _JPEG:
        return Opened(_as_said(_packed(file), colours), info, _patient(file))
    if packed in _JPEG_2000:
        return Opened(_open_jpeg_2000(_packed(file), colours, most), info, _patient(file))
    if packed.is_compressed and packed != _RUNS:
        raise UnreadableError(f"a DICOM file packed as {packed.name[:60]}; save it as JPEG baseline, or unpacked")
    return Opened(Image.fromarray(_levels(file, colours)), info, _patient(file))


def _packed(file) -> bytes:
    """The picture as it is packed in a DICOM file."""
    return next(_library("pydicom.encaps", _NO_DICOM).generate_frames(file.PixelData, number_of_frames=1))


def _as_said(jpeg: bytes, colours: str) -> bytes:
    """A JPEG with a mark that it is of red, green and blue, where a DICOM file says so and it says nothing itself."""
    if colours != "RGB" or not jpeg.startswith(b"\xff\xd8"):
        return jpeg
    for marker, content, _ in islice(jpeg_segments(jpeg), MAX_SEGMENTS):
        if (marker == 0xEE and content.startswith(b"Adobe") and len(content) >= 12) or content.startswith(b"JFIF\0"):
            return jpeg
        if marker in FRAMES and set(content[7::3]) != {0x11}:  # with fewer colours than pixels it is none of them
            return jpeg
        if marker == 0xDA:
            break
    return jpeg[:2] + _UNTRANSFORMED + jpeg[2:]


def _open_jpeg_2000(packed: bytes, colours: str, most: int) -> Image.Image:
    image = Image.open(io.BytesIO(packed), formats=("JPEG2000",))
    _check_size(*image.size, min(most, MAX_JPEG_2000))
    if not colours.startswith("YBR_FULL") or image.mode != "RGB":  # YBR_ICT and YBR_RCT are JPEG 2000's own
        return image
    return Image.merge("YCbCr", image.split()).convert("RGB")


def _levels(file, colours: str) -> np.ndarray:
    """The pixels of a DICOM file that are not packed as a picture: (H, W) of 8 or 16 bits, or (H, W, 3) of 8."""
    pixels = _library("pydicom.pixels", _NO_DICOM)
    levels, bits = pixels.pixel_array(file), int(file.BitsStored)
    if colours == "PALETTE COLOR":
        levels = pixels.apply_color_lut(levels, file)
        bits = 8 * levels.dtype.itemsize
    if colours == "MONOCHROME1":  # the lowest is white
        levels = 2**bits - 1 - levels
    if levels.ndim == 3 and bits > 8:
        levels = (levels * (255 / (2**bits - 1))).round().astype(np.uint8)
    return levels


def _read_dicom(data: bytes):
    """What stands in a file up to its pixels, and these; nothing behind them, and no header without an end."""
    reader = _library("pydicom.filereader", _NO_DICOM)
    if _INFLATED in data[:MAX_HEADER]:
        raise UnreadableError("a DICOM file that is packed as a whole; save it unpacked")
    head = io.BytesIO(data[:MAX_HEADER])
    file = reader.dcmread(head, stop_before_pixels=True)
    rest = io.BytesIO(data)
    rest.seek(head.tell())
    pixels = next(reader.data_element_generator(rest, *file.original_encoding), None)
    if pixels is None or pixels.tag != 0x7FE00010:
        raise UnreadableError(
            f"a DICOM file without a picture in it, or with a header of more than {MAX_HEADER // 10**6} MB"
        )
    file[pixels.tag] = pixels
    return file


def _patient(file) -> Patient:
    """What is wrong, such as 999 years for an age that nobody asked, must not cost the picture its answer."""
    (age, sex, _), _ = understood(file.get("PatientAge"), file.get("PatientSex"))
    return (age if age is None else round(age, 1)), (None if sex == UNKNOWN else sex), site_of(file)


def _check_size(width: int, height: int, most: int) -> None:
    if width * height > most:
        raise UnreadableError(f"{width}x{height} is more than {most // 10**6} megapixels; make it smaller")
