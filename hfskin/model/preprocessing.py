"""From an upright RGB picture to the numbers that the model reads, with numpy and Pillow alone."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from PIL import Image

DARK = 25  # of the brightest channel, 0 to 255
MAX_GAIN = 2.0


class CropBox(NamedTuple):
    """The part of a picture that the model sees, in pixels of the upright original."""

    left: float
    top: float
    right: float
    bottom: float


def center_box(width: int, height: int, aspect: float) -> CropBox:
    """The largest centred box of `aspect` (width / height) in a picture of width x height."""
    box_width = min(width, height * aspect)
    box_height = min(height, box_width / aspect)  # rounding must not leave the picture
    left, top = (width - box_width) / 2, (height - box_height) / 2
    return CropBox(left, top, left + box_width, top + box_height)


def lies_across(width: int, height: int, aspect: float) -> bool:
    """Whether a picture stands upright where `aspect` (width / height) lies, or the other way round.

    A quarter turn then lets the model see nearly half as much again: a lesion has no top, and the model learnt from
    turned pictures.
    """
    return (width - height) * (aspect - 1) < 0


def rescale(pixels: np.ndarray, factor: float) -> np.ndarray:
    """uint8 pixels times `factor`, as float32; multiplied in float64, as transformers does."""
    return (pixels * np.float64(factor)).astype(np.float32)


def normalise(pixels: np.ndarray, mean, std) -> np.ndarray:
    """float32 pixels of shape (3, H, W) minus the channels' `mean`, divided by their `std`."""
    mean, std = (np.asarray(values, dtype=np.float32).reshape(-1, 1, 1) for values in (mean, std))
    return (pixels - mean) / std


def balance_colour(pixels: np.ndarray, reference, strength: float = 1.0) -> np.ndarray:
    """uint8 pixels (3, H, W) whose mean colour is brought to `reference` (RGB in [0, 1]), likewise uint8.

    At a `strength` below 1 it goes that share of the way, in logarithms: the mean is of the lamp, but also of the skin
    and the lesion.

    Each channel is multiplied, as another lamp or white balance would (von Kries), by at most `MAX_GAIN`. What is dark
    does not count: a frame, hair or the edge of a round view.
    """
    seen = pixels.max(axis=0) > DARK
    mean = pixels.mean(axis=(1, 2), where=seen[None]) / 255 if seen.any() else np.ones(3)
    gains = np.clip(np.asarray(reference) / np.maximum(mean, 1 / 255), 1 / MAX_GAIN, MAX_GAIN) ** strength
    table = np.clip(np.rint(np.arange(256) * gains[:, None]), 0, 255).astype(np.uint8)
    return np.stack([np.take(levels, channel) for levels, channel in zip(table, pixels, strict=True)])


@dataclass(frozen=True)
class Preprocessing:
    """A quarter turn of a picture that [`lies_across`], a centred crop, resize, the lamp's colour taken out, the
    backbone's mean and std.

    A crop of the model's aspect keeps shapes true: asymmetry is a sign that a squashed picture would blur. But a square
    picture loses a quarter to it, and collections squash theirs to squares. So as much may be seen as `max_stretch`
    allows, which should not be more than training stretched its pictures. Resizing is Pillow's antialiased
    one, so that a sharp original and a small copy of it look alike to the model.
    """

    height: int
    width: int
    resample: int  # of PIL.Image.Resampling
    rescale_factor: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    colour_reference: tuple[float, ...] | None = None  # see `balance_colour`; None leaves colours as they are
    colour_strength: float = 1.0
    max_stretch: float = 1.0  # of one side against the other, for less to be cropped; 1 keeps shapes as they are

    @classmethod
    def from_settings(
        cls,
        size,
        resample,
        rescale_factor,
        image_mean,
        image_std,
        do_rescale=True,
        do_normalize=True,
        colour_reference=None,
        colour_strength=1.0,
        do_resize=True,
        max_stretch=1.0,
    ) -> "Preprocessing":
        """From what preprocessor_config.json and the image processor call it.

        Raises:
            ValueError: `do_resize` is off, or `size` is no height and width: the network has one size.
        """
        if not do_resize:
            raise ValueError("do_resize is off, and the network reads one size: switch it on to answer pictures")
        if not (size["height"] and size["width"]):
            raise ValueError(f"size is {dict(size)}, and the network reads one size: give a height and a width")
        mean, std = (image_mean, image_std) if do_normalize else ((0.0,), (1.0,))
        factor = float(rescale_factor) if do_rescale else 1.0
        reference = None if colour_reference is None else tuple(colour_reference)
        height, width, mean, std = size["height"], size["width"], tuple(mean), tuple(std)
        colour = reference, float(colour_strength)
        return cls(height, width, int(resample), factor, mean, std, *colour, float(max_stretch))

    def crop_box(self, image: Image.Image) -> CropBox:
        """The part of `image` that the model sees."""
        aspect = self.height / self.width if self.turns(image) else self.width / self.height
        stretched = min(max(image.width / image.height, aspect / self.max_stretch), aspect * self.max_stretch)
        return center_box(*image.size, stretched)

    def turns(self, image: Image.Image) -> bool:
        """Whether the model sees `image` turned by a quarter, counterclockwise."""
        return lies_across(*image.size, self.width / self.height)

    def resize(self, image: Image.Image) -> np.ndarray:
        """Crop, resize, turn where it is needed and balance the colour: uint8 of shape (3, H, W)."""
        size, turned = (self.width, self.height), self.turns(image)
        resized = image.resize(
            size[::-1] if turned else size, Image.Resampling(self.resample), box=self.crop_box(image), reducing_gap=3.0
        )
        pixels = np.rot90(np.asarray(resized)) if turned else np.asarray(resized)
        return self.balance(np.moveaxis(pixels, -1, 0))

    def balance(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (3, H, W): see `balance_colour`."""
        if self.colour_reference is None:
            return pixels
        return balance_colour(pixels, self.colour_reference, self.colour_strength)

    def __call__(self, image: Image.Image) -> np.ndarray:
        """An upright RGB picture -> float32 of shape (3, H, W)."""
        return self.normalise(self.resize(image))

    def normalise(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 -> float32, (3, H, W) each: rescaled, with the backbone's mean and std."""
        result = np.empty(pixels.shape, dtype=np.float32)
        for table, channel, out in zip(self._table, pixels, result, strict=True):
            np.take(table, channel, out=out, mode="clip")  # "clip" writes to out without a copy; no level is outside
        return result

    @cached_property
    def _table(self) -> np.ndarray:
        """What each of the 256 levels becomes, by channel: (3, 256). Looking up takes a fifth of the computing time."""
        levels = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None], (3, 256, 1))
        return normalise(rescale(levels, self.rescale_factor), self.mean, self.std)[..., 0]
