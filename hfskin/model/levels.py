"""Pictures of more than 8 bits a colour, as 8 bits: what a sensor of 10 to 14 bits fills of 16 must not look black.

Pillow reads colours of 16 bits as their upper 8. The lower 8 are read as if the file's bytes were swapped.
"""

import io
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from .image_checks import FORMATS

DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")  # modes of more than 8 bits, all of them grey

_BITS = (8, 10, 12, 14)  # of a sensor, in files of 16 bits: a lesion's skin is never as dark as that
_STRIPE = 4_000_000  # pixels that are converted at a time
_BITS_A_COLOUR, _PLANES = 258, 284  # tags of a TIFF
_SWAPPED = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}  # orders of bytes, as Pillow names them


def stripes(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """The picture in horizontal stripes with their upper edge, so that converting it takes no further copy of it."""
    rows = max(1, _STRIPE // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def scale_of(image: Image.Image) -> float:
    """What brings grey levels of any range, of a mode in `DEEP`, to 255: they are taken for what their largest looks
    like."""
    return _scale(max(_pixels(stripe).max(initial=0) for _, stripe in stripes(image)))


def to_8_bits(stripe: Image.Image, scale: float) -> Image.Image:
    return _scaled(_pixels(stripe), scale)


def are_halved(image: Image.Image) -> bool:
    """Whether Pillow will read the upper 8 of 16 bits a colour; asked before it does."""
    return image.mode in ("RGB", "RGBA") and any(";16" in str(tile.args) for tile in getattr(image, "tile", ()))


def use_few(image: Image.Image) -> bool:
    """Whether halved colours are those of a sensor with fewer bits."""
    brightest = max(np.asarray(stripe)[..., :3].max() for _, stripe in stripes(image))
    return bool(brightest < 2 ** (max(_BITS) - 8))


def fill_in(image: Image.Image, data: bytes) -> bool:
    """Give halved colours the bits that they use, in place; False where Pillow cannot read the lower ones.

    Args:
        image: loaded.
        data: its file.
    """
    with Image.open(io.BytesIO(data), formats=FORMATS) as lower:
        lower.seek(image.tell())
        right_planes(lower)
        packed = lower.tile[0].codec_name == "libtiff" and getattr(lower, "tag_v2", {}).get(_PLANES) == 2
        if packed or _mode(lower.tile[0]).startswith("LA"):
            return False
        lower.tile = [_with_mode(tile, _swapped(_mode(tile))) for tile in lower.tile]
        lower.load()
        scale = _scale(max(levels[..., :3].max() for _, levels in _joined(image, lower)))
        for top, levels in _joined(image, lower):
            image.paste(_scaled(levels, scale), (0, top))
    return True


def right_planes(image: ImageFile.ImageFile) -> None:
    """Have Pillow read planes of 16 bits, one a colour, as what they are; it takes them for planes of 8."""
    tags: Any = getattr(image, "tag_v2", {})
    if set(tags.get(_BITS_A_COLOUR, ())) == {16}:
        order = "B" if tags.prefix == b"MM" else "L"
        image.tile = [
            _with_mode(tile, f"{_mode(tile)};16{order}") if _mode(tile) in ("R", "G", "B", "A") else tile
            for tile in image.tile
        ]


def _mode(tile: Any) -> str:
    """The order of a tile's bits, as Pillow names it."""
    return tile.args if isinstance(tile.args, str) else str(tile.args[0])


def _with_mode(tile: Any, mode: str) -> Any:
    return tile._replace(args=mode if isinstance(tile.args, str) else (mode, *tile.args[1:]))


def _swapped(mode: str) -> str:
    return mode[:-1] + _SWAPPED[mode[-1]]


def _joined(upper: Image.Image, lower: Image.Image) -> Iterator[tuple[int, np.ndarray]]:
    """The levels of 16 bits in stripes with their upper edge."""
    for (top, high), (_, low) in zip(stripes(upper), stripes(lower), strict=True):
        yield top, np.asarray(high).astype(np.float32) * 256 + np.asarray(low)


def _pixels(stripe: Image.Image) -> np.ndarray:
    return np.nan_to_num(np.asarray(stripe).astype(np.float32))


def _scale(top: float) -> float:
    if top <= 1:
        return 255
    return 255 / next((2**bits - 1 for bits in _BITS if top <= 2**bits - 1), max(65535, top))


def _scaled(levels: np.ndarray, scale: float) -> Image.Image:
    return Image.fromarray((levels * scale).clip(0, 255).round().astype(np.uint8))
