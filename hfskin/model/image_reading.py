"""From a file, bytes or a PIL image to one upright RGB picture, or a message that says what is wrong with it."""

import io
import re
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from .colours import ColourError, to_srgb
from .image_checks import FORMATS, check_structure
from .levels import DEEP, are_halved, fill_in, right_planes, scale_of, stripes, to_8_bits, use_few
from .metadata import UNKNOWN_PATIENT, Patient
from .other_formats import UnreadableError, open_other, readable_suffixes
from .tiff_tags import main_page, orientation, read_pages

SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".tif", ".tiff", ".bmp", ".webp", ".gif", *readable_suffixes(),
)  # fmt: skip
# Pictures too, or what cameras make of them, which are not read here.
OTHER_SUFFIXES = tuple(
    suffix
    for suffix in (
        ".heic", ".heif", ".avif", ".dcm", ".dicom", ".jp2", ".jxl", ".psd", ".svg", ".dng", ".cr2", ".cr3", ".nef",
        ".arw", ".orf", ".rw2", ".raf",
    )
    if suffix not in SUFFIXES
)  # fmt: skip
MIN_SIDE = 32  # pixels; below it there is no lesion to see
MAX_PIXELS = 110_000_000  # a 108-megapixel phone picture passes; the two copies needed of it stay below 1 GB
MAX_BYTES = 100_000_000  # of a file

_CHANNELS = (1, 3, 4)  # of an array: grey, RGB, RGB with transparency
_SEVERAL = "has several frames or pages; save the one to look at as a JPEG or PNG"
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # by EXIF's orientation


class ImageError(ValueError):
    """A picture that cannot be used; the message names it and says what to do."""


class ReadImage(NamedTuple):
    image: Image.Image  # mode RGB, upright
    warnings: list[str]  # what was changed on the way
    patient: Patient = UNKNOWN_PATIENT  # of a DICOM file


def read_image(source, name: str | None = None) -> ReadImage:
    """Read one picture.

    Args:
        source: a path, bytes, a PIL image or an array of shape (H, W) or (H, W, channels), with 1, 3 or 4 channels,
            also (channels, H, W): levels from 0 to 255, or floats from 0 to 1.
        name: what to call it in messages; default the file's name.

    Raises:
        ImageError: missing, empty, not an image, truncated, animated, too small, too large, or made to do harm.
    """
    if name is None:
        name = Path(source).name if isinstance(source, str | Path) else "image"
    try:
        if isinstance(source, np.ndarray):
            source = _from_array(source, name)
        if isinstance(source, Image.Image):
            read = _to_rgb(source, name, {})
            turned = source.getexif().get(ExifTags.Base.Orientation)
        else:
            read, turned = _decode(_read_bytes(source, name), name)
        # Only now, when the decoded picture is gone: the two together would be twice as large.
        return read if turned not in _UPRIGHT else read._replace(image=read.image.transpose(_UPRIGHT[turned]))
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(f"{name}: not a picture that can be read; use JPEG, PNG, TIFF, BMP or WebP") from None
    except Image.DecompressionBombError:
        raise ImageError(f"{name}: more than {MAX_PIXELS // 10**6} megapixels; make it smaller") from None
    except MemoryError:
        raise ImageError(f"{name}: too large for the memory that is free; make it smaller") from None
    except Exception as error:  # Pillow's decoders raise many types: OSError, SyntaxError, struct.error, ...
        why = " ".join(str(error).split())[:200]
        raise ImageError(f"{name}: damaged or cut off ({why}); save or copy it again") from None


def _read_bytes(source, name: str) -> bytes:
    if isinstance(source, bytes):
        data = source
    else:
        try:
            path = Path(source)
            if path.is_fifo() or path.is_char_device():
                raise ImageError(f"{name}: not a file that has an end")
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            if re.match(r"\w{2,}:/", str(source)):
                raise ImageError(f"{name}: addresses are not fetched; save the picture and give its file") from None
            raise ImageError(f"{name}: no such file") from None
        except (OSError, ValueError) as error:
            raise ImageError(f"{name}: cannot be opened ({getattr(error, 'strerror', None) or error})") from None
        except TypeError:
            kind = type(source).__name__
            raise ImageError(f"{name}: a {kind} is not a path, bytes, PIL image or array") from None
    if not data:
        raise ImageError(f"{name}: the file is empty")
    if len(data) > MAX_BYTES:
        raise ImageError(f"{name}: the file has more than {MAX_BYTES // 10**6} MB; save it as a JPEG")
    return data


def _decode(data: bytes, name: str) -> tuple[ReadImage, int]:
    """The picture as it is stored, and its orientation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the limit here is MAX_PIXELS, and odd EXIF does not matter
        try:
            other = open_other(data, MAX_PIXELS)
        except UnreadableError as error:
            raise ImageError(f"{name}: {error}") from None
        if other is None:
            return _decode_usual(data, name, {})
        if isinstance(other.picture, bytes):
            read, turned = _decode_usual(other.picture, name, other.info)
        else:
            read, turned = _to_rgb(other.picture, name, other.info), 1
        return read._replace(patient=other.patient), turned


def _decode_usual(data: bytes, name: str, info: dict) -> tuple[ReadImage, int]:
    try:
        check_structure(data)
    except ValueError as error:
        raise ImageError(f"{name}: refused: {error}; save it again as a plain JPEG or PNG") from None
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if image.format != "TIFF":
            read = _to_rgb(image, name, info, data)
            return read, orientation(image.info.get("exif", b""), image.info.get("xmp", b""))
        page = main_page(*read_pages(data))
        if page is None:
            raise ImageError(f"{name}: {_SEVERAL}")
        image.seek(page)
        right_planes(image)
        return _to_rgb(image, name, info, data), 1  # Pillow turns these itself


def _to_rgb(image: Image.Image, name: str, info: dict, data: bytes = b"") -> ReadImage:
    """
    Args:
        info: what to know of its colours beside its own.
        data: its file, where it is known.
    """
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(f"{name}: {width}x{height} is more than {MAX_PIXELS // 10**6} megapixels; make it smaller")
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"{name}: {width}x{height} pixels is too small; at least {MIN_SIDE} on each side are needed")
    # A TIFF's pages were looked at, and the second picture of an MPO is a phone's depth or brightness map. Frames are
    # not counted: that can take minutes.
    if getattr(image, "is_animated", False) and image.format not in ("MPO", "TIFF"):
        raise ImageError(f"{name}: {_SEVERAL}")
    halved = are_halved(image)
    image.load()
    if halved and use_few(image) and not (data and fill_in(image, data)):
        raise ImageError(f"{name}: 16 bits a colour, of which a few are used; save it with 8 bits a colour")
    notes: list[str] = []
    deep, grey = image.mode in DEEP, image.mode in ("L", "LA", "1", *DEEP)
    scale = scale_of(image) if deep else 1
    if deep:
        notes.append("16-bit grey levels were reduced to 8 bits")
    mode = "L" if grey else "CMYK" if image.mode == "CMYK" else "RGB"
    try:
        convert = None if image.mode == "LAB" else to_srgb({**image.info, **info}, mode)  # which Pillow knows itself
    except ColourError:
        convert = None
        notes.append("its colour profile cannot be used: colours may differ from the original")
    if mode == "CMYK" and convert is None:
        notes.append("converted from CMYK; colours may differ from the original")
    rgb, covered = Image.new("RGB", image.size), True
    for top, stripe in stripes(image):
        flat = to_8_bits(stripe, scale) if deep else stripe if stripe.mode == mode else stripe.convert(mode)
        flat = flat.convert("RGB") if convert is None else convert(flat)
        if not deep and stripe.has_transparency_data:
            opacity = stripe.convert("RGBA").getchannel("A")
            if opacity.getextrema() != (255, 255):
                flat, covered = Image.composite(flat, Image.new("RGB", flat.size, "white"), opacity), False
        rgb.paste(flat, (0, top))
    if not covered:
        notes.append("transparent parts were filled with white")
    if grey:
        notes.append("the picture has no colour; the model was trained on colour")
    return ReadImage(rgb, notes)


def _from_array(array: np.ndarray, name: str) -> Image.Image:
    shape = array.shape
    if array.ndim == 3 and shape[0] in _CHANNELS and shape[2] not in _CHANNELS:
        array = np.moveaxis(array, 0, -1)
    levels = _levels(array)
    if levels is None or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in _CHANNELS):
        raise ImageError(
            f"{name}: expected an array of shape (H, W) or (H, W, channels), with 1, 3 or 4 channels, also first; "
            f"whole numbers from 0 to 255, or others from 0 to 1; got a {array.dtype} array of shape {shape}"
        )
    return Image.fromarray(levels[..., 0] if array.ndim == 3 and array.shape[2] == 1 else levels)


def _levels(array: np.ndarray) -> np.ndarray | None:
    """uint8; None where the numbers are no levels of a picture."""
    if array.dtype == np.uint8 or array.dtype.kind not in "iuf" or array.size == 0:
        return array if array.dtype == np.uint8 else None
    low, high = array.min(), array.max()
    if not 0 <= low <= high <= 255:  # not where one is NaN
        return None
    scale = 255 if array.dtype.kind == "f" and high <= 1 else 1
    return (array.astype(np.float32) * scale).round().astype(np.uint8)
