# ruff: noqa: E402  (torchvision must be made importable first)
"""Preprocessing that travels with the weights."""

from pathlib import Path

import numpy as np
from PIL import Image

from .torchvision_import import import_torchvision

import_torchvision()
from transformers.image_processing_backends import PilBackend
from transformers.image_utils import PILImageResampling

from .image_reading import read_image
from .preprocessing import CropBox, Preprocessing, normalise, rescale
from .surroundings import surroundings


class HfskinImageProcessor(PilBackend):
    """EXIF rotation, any mode to RGB, then [`Preprocessing`]: the largest centred crop of the model's aspect, resize,
    the lamp's colour taken out where there is a `colour_reference`, the backbone's mean and std.
    """

    resample = PILImageResampling.BICUBIC
    size = {"height": 144, "width": 192}
    image_mean = (0.5, 0.5, 0.5)
    image_std = (0.5, 0.5, 0.5)
    colour_reference = None
    do_resize = True
    do_rescale = True
    do_normalize = True
    do_convert_rgb = True
    model_input_names = ["pixel_values"]
    _auto_class = "AutoImageProcessor"  # see HfskinConfig

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, **kwargs):
        """As in transformers."""
        with surroundings.hub_errors(pretrained_model_name_or_path, kwargs.get("revision")):
            return super().from_pretrained(pretrained_model_name_or_path, **kwargs)

    @property
    def preprocessing(self) -> Preprocessing:
        """What happens to an upright RGB picture, in a form that needs no transformers."""
        return Preprocessing.from_settings(
            self.size,
            self.resample,
            self.rescale_factor,
            self.image_mean,
            self.image_std,
            self.do_rescale,
            self.do_normalize,
            self.colour_reference,
        )

    def crop_box(self, image: Image.Image) -> CropBox:
        """The part of the upright `image` that the model sees."""
        return self.preprocessing.crop_box(image)

    def fetch_images(self, images):
        """Files and bytes by our own reader, with its messages; URLs by transformers'."""
        if isinstance(images, list | tuple):
            return [self.fetch_images(image) for image in images]
        if isinstance(images, Path | bytes) or (isinstance(images, str) and "://" not in images):
            return read_image(images).image
        return super().fetch_images(images)

    def process_image(self, image, **kwargs) -> np.ndarray:
        """One picture (path, bytes, PIL image, array) -> uint8 of shape (3, H, W).

        Raises:
            ImageError: see [`read_image`].
        """
        if isinstance(image, np.ndarray) and image.ndim == 3 and image.shape[0] in (3, 4) and image.shape[2] > 4:
            image = np.moveaxis(image, 0, -1)
        elif hasattr(image, "detach"):
            return self.process_image(image.detach().cpu().numpy())
        return self.preprocessing.resize(read_image(image).image)

    def rescale(self, image: np.ndarray, scale: float, **kwargs) -> np.ndarray:
        """See [`rescale`]."""
        return rescale(image, scale)

    def normalize(self, image: np.ndarray, mean, std, **kwargs) -> np.ndarray:
        """See [`normalise`]."""
        return normalise(image, mean, std)

    def _preprocess(self, images, **kwargs):
        return super()._preprocess(images, **{**kwargs, "do_resize": False})  # resized in process_image
