# ruff: noqa: E402  (torchvision must be made importable first)
"""Augmentation of the modern recipe: what a dermatoscopic picture from elsewhere may look like."""

import io

import numpy as np
import torch
from PIL import Image

from ..model.torchvision_import import import_torchvision

import_torchvision()
from torchvision import tv_tensors
from torchvision.transforms import v2


class _OfColours(v2.Transform):
    """Changes the colours of a picture, and leaves a mask that comes with it as it is."""

    def transform(self, inpt, params):
        return inpt if isinstance(inpt, tv_tensors.Mask) else self.recolour(inpt, params)


class RandomColourCast(_OfColours):
    """Each channel times its own factor: another lamp, another white balance."""

    def __init__(self, strength: float = 0.15):
        super().__init__()
        self.strength = strength

    def make_params(self, flat_inputs):
        return {"gain": 1 + self.strength * (2 * torch.rand(3, 1, 1) - 1)}

    def recolour(self, inpt, params):
        return (inpt * params["gain"]).clamp(0, 255).to(inpt.dtype)


class RandomDownscale(_OfColours):
    """Down and up again: a picture from a coarser camera, or a small copy of it."""

    def __init__(self, lowest: float = 0.4):
        super().__init__()
        self.lowest = lowest

    def make_params(self, flat_inputs):
        return {"factor": self.lowest + (1 - self.lowest) * torch.rand(()).item()}

    def recolour(self, inpt, params):
        height, width = inpt.shape[-2:]
        small = [round(height * params["factor"]), round(width * params["factor"])]
        return v2.functional.resize(v2.functional.resize(inpt, small, antialias=True), [height, width])


class RandomSurround(v2.Transform):
    """Black outside a circle or a frame: the edge of a dermatoscope's view, or a border that software added."""

    def make_params(self, flat_inputs):
        return {"round": torch.rand(()).item() < 0.5, "size": 0.7 + 0.3 * torch.rand(()).item()}

    def transform(self, inpt, params):
        y, x = (torch.linspace(-1, 1, side).abs() for side in inpt.shape[-2:])
        if params["round"]:
            aspect = inpt.shape[-2] / inpt.shape[-1]
            inside = (aspect * y[:, None]) ** 2 + x[None] ** 2 <= 1.25 * params["size"] ** 2
        else:
            inside = (y[:, None] <= params["size"]) & (x[None] <= params["size"])
        return inpt * inside


class RandomJPEG(_OfColours):
    """Saved with loss. Pillow, since torchvision's own needs its compiled operators."""

    def make_params(self, flat_inputs):
        return {"quality": int(torch.randint(20, 80, ()))}

    def recolour(self, inpt, params):
        file = io.BytesIO()
        Image.fromarray(inpt.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=params["quality"])
        return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)


def training_transform(image_size: tuple[int, int], strength: float = 1.0) -> v2.Transform:
    """uint8 (3, h, w) of any size -> uint8 (3, H, W): crop, aspect, flips, rotation, light, sharpness, black
    surrounds, compression. A mask (1, h, w) given after it goes where the picture goes.

    Args:
        image_size: H and W.
        strength: 0 to 1: how much a crop may leave out and stretch, and how often the rest is done. Flips are always.

    Raises:
        ValueError: a strength that is not between 0 and 1.
    """
    aspect, stretch = image_size[1] / image_size[0], 1 + strength / 3

    def often(share: float, *transforms: v2.Transform) -> v2.Transform:
        return v2.RandomApply(list(transforms), p=share * strength)

    return v2.Compose(
        [
            v2.RandomResizedCrop(
                image_size, (1 - strength / 2, 1.0), (aspect / stretch, aspect * stretch), antialias=True
            ),
            v2.RandomHorizontalFlip(),
            v2.RandomVerticalFlip(),
            often(0.5, v2.RandomAffine(180, scale=(1.0, 1.4), interpolation=v2.InterpolationMode.BILINEAR)),
            often(1.0, v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2), RandomColourCast()),
            often(0.3, RandomDownscale()),
            often(0.1, v2.GaussianBlur(5, sigma=(0.3, 1.5))),
            often(0.15, RandomSurround()),
            often(0.15, RandomJPEG()),
        ]
    )
