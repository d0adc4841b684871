"""hfskin: a machine's second look at a skin lesion. Not a medical device.

Every name is imported when it is first asked for: `import hfskin` costs next to nothing, and an answer by ONNX Runtime
does not wait for torch. A name that begins with `Hfskin` brings torch, and registers with transformers' Auto classes.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .auto import (
        HfskinConfig,
        HfskinForImageClassification,
        HfskinImageProcessor,
        HfskinModel,
        HfskinOutput,
        SkinLesionPipeline,
    )
    from .checkpoints.hub import HubError
    from .inference.backend import load
    from .inference.explain import grad_cam, overlay
    from .inference.onnx import OnnxError, OnnxPipeline
    from .inference.prediction import Prediction
    from .model.image_reading import ImageError, read_image
    from .model.labels import CLASSES, DIAGNOSES, MALIGNANT, SEXES, SITES
    from .model.metadata import MetadataError, encode_metadata

    __version__: str

__all__ = [
    "CLASSES",
    "DIAGNOSES",
    "MALIGNANT",
    "SEXES",
    "SITES",
    "HfskinConfig",
    "HfskinForImageClassification",
    "HfskinImageProcessor",
    "HfskinModel",
    "HfskinOutput",
    "HubError",
    "ImageError",
    "MetadataError",
    "OnnxError",
    "OnnxPipeline",
    "Prediction",
    "SkinLesionPipeline",
    "encode_metadata",
    "grad_cam",
    "load",
    "overlay",
    "read_image",
]

_HOMES = {
    ".auto": (
        "HfskinConfig",
        "HfskinForImageClassification",
        "HfskinImageProcessor",
        "HfskinModel",
        "HfskinOutput",
        "SkinLesionPipeline",
    ),
    ".checkpoints.hub": ("HubError",),
    ".inference.backend": ("load",),
    ".inference.explain": ("grad_cam", "overlay"),
    ".inference.onnx": ("OnnxError", "OnnxPipeline"),
    ".inference.prediction": ("Prediction",),
    ".model.image_reading": ("ImageError", "read_image"),
    ".model.labels": ("CLASSES", "DIAGNOSES", "MALIGNANT", "SEXES", "SITES"),
    ".model.metadata": ("MetadataError", "encode_metadata"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str):
    if name == "__version__":
        value = _version()
    elif name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name], __name__), name)
    else:
        raise AttributeError(f"module 'hfskin' has no attribute {name!r}")
    globals()[name] = value
    return value


def _version() -> str:
    """By the package's metadata, which has it from pyproject.toml."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("hfskin")
    except PackageNotFoundError:  # on a Space, where the folder lies beside app.py
        return "not installed"


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
