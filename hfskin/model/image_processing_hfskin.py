# ruff: noqa: E402  (torchvision must be made importable first)
"""Preprocessing that travels with the weights."""

from pathlib import Path

import numpy as np
from PIL import Image

from .torchvision_import import import_torchvision

import_torchvision()
from transformers.image_processing_backends import PilBackend
from transformers.image_processing_base import BatchFeature
from transformers.image_utils import ChannelDimension, PILImageResampling, torch_pil_interpolation_mapping

from .image_reading import read_image
from .preprocessing import CropBox, Preprocessing, balance_colour, normalise, rescale
from .surroundings import surroundings


class HfskinImageProcessor(PilBackend):
    """EXIF rotation, any mode to RGB, then [`Preprocessing`]: a quarter turn where that shows more, a centred crop,
    resize, the lamp's colour taken out where there is a `colour_reference`, the backbone's mean and std.
    """

    resample = PILImageResampling.BICUBIC
    size = {"height": 144, "width": 192}
    image_mean = (0.5, 0.5, 0.5)
    image_std = (0.5, 0.5, 0.5)
    colour_reference: tuple[float, ...] | None = None
    colour_strength = 1.0
    max_stretch = 1.0
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
        """What happens to an upright RGB picture, in a form that needs no transformers.

        Raises:
            ValueError: see [`Preprocessing.from_settings`].
        """
        return Preprocessing.from_settings(
            self.size,
            self.resample,
            self.rescale_factor,
            self.image_mean,
            self.image_std,
            self.do_rescale,
            self.do_normalize,
            self.colour_reference,
            self.colour_strength,
            self.do_resize,
            self.max_stretch,
        )

    def crop_box(self, image: Image.Image) -> CropBox:
        """The part of the upright `image` that the model sees."""
        return self.preprocessing.crop_box(image)

    def fetch_images(self, images):
        """Files and bytes by our own reader, with its messages; URLs by transformers'. Grey levels get a channel."""
        if isinstance(images, list | tuple):
            return [self.fetch_images(image) for image in images]
        if isinstance(images, Path | bytes) or (isinstance(images, str) and "://" not in images):
            return read_image(images).image
        if getattr(images, "ndim", None) == 2:
            return images[None]
        return super().fetch_images(images)

    def process_image(
        self,
        image,
        do_resize: bool,
        size,
        resample,
        do_rescale: bool,
        do_convert_rgb: bool = True,
        input_data_format=None,
        **kwargs,
    ) -> np.ndarray:
        """One picture (path, bytes, PIL image, array, tensor) -> uint8 of shape (3, H, W).

        Numbers from 0 to 1 stand for levels from 0 to 255. Without `do_rescale`, which would bring them back there,
        they come back so: float32.

        Raises:
            ImageError: see [`read_image`].
            ValueError: no conversion to RGB, or a `size` that is no height and width.
        """
        if not do_convert_rgb:
            raise ValueError("do_convert_rgb is off, and the network reads RGB alone: leave it on")
        if hasattr(image, "detach"):
            image = image.detach().cpu()
            image = (image.float() if image.is_floating_point() else image).numpy()
        if isinstance(image, np.ndarray) and input_data_format == ChannelDimension.FIRST and image.ndim == 3:
            image = np.moveaxis(image, 0, -1)
        picture = read_image(image).image
        if do_resize:
            resample = torch_pil_interpolation_mapping.get(resample, resample)
            ours = {name: getattr(self, name) for name in ("colour_reference", "colour_strength", "max_stretch")}
            pixels = Preprocessing.from_settings(size, resample, 1, (0.0,), (1.0,), **ours).resize(picture)
        else:
            pixels = np.moveaxis(np.asarray(picture), -1, 0)
            if self.colour_reference is not None:
                pixels = balance_colour(pixels, self.colour_reference, self.colour_strength)
        if isinstance(image, np.ndarray) and image.dtype.kind == "f" and image.max(initial=0) <= 1 and not do_rescale:
            return rescale(pixels, 1 / 255)
        return pixels

    def rescale(self, image: np.ndarray, scale: float, **kwargs) -> np.ndarray:
        """See [`rescale`]."""
        return rescale(image, scale)

    def normalize(self, image: np.ndarray, mean, std, **kwargs) -> np.ndarray:
        """See [`normalise`]."""
        return normalise(image, mean, std)

    def _preprocess(self, images, data_format=None, return_tensors=None, **kwargs) -> BatchFeature:
        result = super()._preprocess(images, return_tensors=None, **{**kwargs, "do_resize": False})  # done already
        if data_format == ChannelDimension.LAST:
            result["pixel_values"] = [np.moveaxis(pixels, 0, -1) for pixels in result["pixel_values"]]
        return BatchFeature(data=dict(result), tensor_type=return_tensors)
