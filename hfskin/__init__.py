"""hfskin: a machine's second look at a skin lesion. Not a medical device."""

import sys

from .inference.prediction import Prediction
from .model.image_reading import ImageError, read_image
from .model.labels import CLASSES, DIAGNOSES, MALIGNANT, SEXES, SITES
from .model.metadata import MetadataError, encode_metadata

if "hfskin_light" not in sys.modules:  # who imports that first has asked for hfskin without torch
    from .auto import (
        HfskinConfig,
        HfskinForImageClassification,
        HfskinImageProcessor,
        HfskinOutput,
        SkinLesionPipeline,
        load,
    )

__version__ = "0.1.0"
__all__ = [
    "CLASSES",
    "DIAGNOSES",
    "MALIGNANT",
    "SEXES",
    "SITES",
    "HfskinConfig",
    "HfskinForImageClassification",
    "HfskinImageProcessor",
    "HfskinOutput",
    "ImageError",
    "MetadataError",
    "Prediction",
    "SkinLesionPipeline",
    "encode_metadata",
    "load",
    "read_image",
]


def __getattr__(name: str):
    """What hfskin_light left out, when it is asked for after all."""
    if name not in __all__:
        raise AttributeError(f"module 'hfskin' has no attribute {name!r}")
    from . import auto

    return getattr(auto, name)
