"""From a file, bytes or a PIL image to one upright RGB picture, or a message that says what is wrong with it."""

import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from .image_checks import FORMATS, check_structure
from .tiff_tags import orientation

MIN_SIDE = 32  # pixels; below it there is no lesion to see
MAX_PIXELS = 110_000_000  # a 108-megapixel phone picture passes; the two copies needed of it stay below 1 GB
MAX_BYTES = 100_000_000  # of a file

_STRIPE = 4_000_000  # pixels that are converted at a time
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


def read_image(source, name: str | None = None) -> ReadImage:
    """Read one picture.

    Args:
        source: a path, bytes, a PIL image or an array of shape (H, W), (H, W, 3) or (H, W, 4), uint8.
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
            read = _to_rgb(source, name)
            turned = source.getexif().get(ExifTags.Base.Orientation)
        else:
            read, turned = _decode(_read_bytes(source, name), name)
        # Only now, when the decoded picture is gone: the two together would be twice as large.
        return read if turned not in _UPRIGHT else ReadImage(read.image.transpose(_UPRIGHT[turned]), read.warnings)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(f"{name}: not a picture that can be read; use JPEG, PNG, TIFF, BMP or WebP") from None
    except Image.DecompressionBombError:
        raise ImageError(f"{name}: more than {MAX_PIXELS // 10**6} megapixels; make it smaller") from None
    except MemoryError:
        raise ImageError(f"{name}: too large for the memory that is free; make it smaller") from None
    except (
        Exception
    ) as error:  # Pillow's decoders raise many types on broken files (OSError, SyntaxError, struct.error, ...)
        raise ImageError(f"{name}: damaged or cut off ({error}); save or copy it again") from None


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
    try:
        check_structure(data)
    except ValueError as error:
        raise ImageError(f"{name}: refused: {error}; save it again as a plain JPEG or PNG") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the limit here is MAX_PIXELS, and odd EXIF does not matter
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            read = _to_rgb(image, name)
            if image.format == "TIFF":  # Pillow turns these itself
                return read, 1
            return read, orientation(image.info.get("exif", b""), image.info.get("xmp", b""))


def _to_rgb(image: Image.Image, name: str) -> ReadImage:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(f"{name}: {width}x{height} is more than {MAX_PIXELS // 10**6} megapixels; make it smaller")
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"{name}: {width}x{height} pixels is too small; at least {MIN_SIDE} on each side are needed")
    # The second picture of an MPO is a phone's depth or brightness map. Frames are not counted: that can take minutes.
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise ImageError(f"{name}: has several frames or pages; save the one to look at as a JPEG or PNG")
    image.load()
    notes: list[str] = []
    convert: Callable[[Image.Image], Image.Image] = _opaque
    if image.mode in ("I;16", "I;16L", "I;16B", "I;16N", "I", "F"):
        scale = _grey_scale(max(_pixels(stripe).max(initial=0) for _, stripe in _stripes(image)))
        convert = lambda stripe: _to_8_bit(stripe, scale)  # noqa: E731
        notes.append("16-bit grey levels were reduced to 8 bits")
    elif image.mode == "CMYK":
        notes.append("converted from CMYK; colours may differ from the original")
    elif image.has_transparency_data:
        convert = _on_white
        notes.append("transparent parts were filled with white")
    if image.mode in ("L", "LA", "1") or convert not in (_opaque, _on_white):
        notes.append("the picture has no colour; the model was trained on colour")
    rgb = Image.new("RGB", image.size)
    for top, stripe in _stripes(image):
        rgb.paste(convert(stripe), (0, top))
    return ReadImage(rgb, notes)


def _stripes(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """The picture in horizontal stripes with their upper edge, so that converting it takes no further copy of it."""
    rows = max(1, _STRIPE // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _opaque(stripe: Image.Image) -> Image.Image:
    return stripe.convert("RGB")


def _on_white(stripe: Image.Image) -> Image.Image:
    rgba = stripe.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")


def _pixels(stripe: Image.Image) -> np.ndarray:
    return np.nan_to_num(np.asarray(stripe).astype(np.float32))


def _grey_scale(top: float) -> float:
    """Grey levels of any range to uint8: up to 1, up to 255 and up to 65535 are taken for what they look like."""
    return 255 if top <= 1 else 1 if top <= 255 else 255 / max(65535, top)


def _to_8_bit(stripe: Image.Image, scale: float) -> Image.Image:
    return Image.fromarray((_pixels(stripe) * scale).clip(0, 255).round().astype(np.uint8)).convert("RGB")


def _from_array(array: np.ndarray, name: str) -> Image.Image:
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        got = f"{array.dtype} array of shape {array.shape}"
        raise ImageError(f"{name}: expected a uint8 array of shape (H, W), (H, W, 3) or (H, W, 4), got a {got}")
    return Image.fromarray(array)
