"""What a dermatoscopic picture from elsewhere may look like; checkpoints are calibrated and measured by it."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Transform = Callable[[Image.Image], Image.Image]


def _resized(horizontal: float, vertical: float) -> Transform:
    def transform(image: Image.Image) -> Image.Image:
        size = round(image.width * horizontal), round(image.height * vertical)
        return image.resize(size, Image.Resampling.BICUBIC)

    return transform


def _centre_crop(image: Image.Image, width: float, height: float) -> Image.Image:
    left, top = (image.width - width) / 2, (image.height - height) / 2
    return image.crop((round(left), round(top), round(left + width), round(top + height)))


def _square_crop(image: Image.Image) -> Image.Image:
    side = min(image.size)
    return _centre_crop(image, side, side)


def _jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=30)
    return Image.open(file)


def _light(red: float, green: float, blue: float) -> Transform:
    gains = np.array([red, green, blue])

    def transform(image: Image.Image) -> Image.Image:
        return Image.fromarray((np.asarray(image) * gains).clip(0, 255).round().astype(np.uint8))

    return transform


def _vignette(image: Image.Image) -> Image.Image:
    """The black surround of a dermatoscope's round view."""
    mask = Image.new("L", image.size, 0)
    radius = 0.48 * image.width
    x, y = image.width / 2, image.height / 2
    ImageDraw.Draw(mask).ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return Image.composite(image, Image.new("RGB", image.size), mask)


def _black_border(image: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", (round(1.25 * image.width), round(1.25 * image.height)))
    canvas.paste(image, ((canvas.width - image.width) // 2, (canvas.height - image.height) // 2))
    return canvas


# Each is done to an RGB picture of HAM10000's size and aspect (4:3).
TRANSFORMS: dict[str, Transform] = {
    "half the resolution": _resized(1 / 2, 1 / 2),
    "enlarged three times": _resized(3, 3),
    "squashed to a square": _resized(3 / 4, 1),
    "stretched to 16:9": _resized(4 / 3, 1),
    "cropped to a square": _square_crop,
    "cropped to the middle 80 %": lambda image: _centre_crop(image, 0.8 * image.width, 0.8 * image.height),
    "black border": _black_border,
    "black surround": _vignette,
    "JPEG quality 30": _jpeg,
    "warm light": _light(1.1, 1.0, 0.85),
    "cold light": _light(0.88, 1.0, 1.12),
    "darker": _light(0.75, 0.75, 0.75),
    "brighter": _light(1.2, 1.2, 1.2),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(image.width / 200)),
    "turned by a quarter": lambda image: image.transpose(Image.Transpose.ROTATE_90),
}
