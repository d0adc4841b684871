"""Where the model looked, drawn on the picture: Soft-Attention's map, or Grad-CAM on request."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from PIL import Image

from ..model.image_reading import read_image
from ..model.labels import class_names
from .attention import attention_map
from .base import stack
from .onnx import OnnxPipeline
from .prediction import Prediction

if TYPE_CHECKING:
    from .pipeline import SkinLesionPipeline

COLOUR_MAP = "viridis"  # perceptually uniform, and readable with the common colour deficiencies
OUTSIDE = 0.45  # brightness of what the model did not see


def has_grad_cam() -> bool:
    """Whether captum is installed, which `grad_cam` needs."""
    return find_spec("captum") is not None


def grad_cam(
    pipeline: "SkinLesionPipeline", image, age=None, sex=None, localization=None, label: str | None = None
) -> np.ndarray:
    """Grad-CAM (Selvaraju et al. 2017) of one class on the backbone's last feature map, by captum.

    While it runs it has hooks on the model: do not use the pipeline in another thread meanwhile.

    Args:
        image, age, sex, localization: as for the pipeline.
        label: one of the checkpoint's classes; default the most probable.

    Returns:
        float32 of shape (H, W) in [0, 1] over the prediction's `crop`; all 0 where nothing speaks for the class.

    Raises:
        ImportError: captum is not installed.
        ValueError: the pipeline is one of ONNX Runtime, or no class is called so.
        ImageError, MetadataError: as the pipeline.
    """
    if isinstance(pipeline, OnnxPipeline):
        raise ValueError("ONNX Runtime gives no gradients for Grad-CAM: load the checkpoint with backend='torch'")
    classes = class_names(pipeline.config)
    if label is not None and label not in classes:
        raise ValueError(f"no class is called {label!r}; choose one of: {', '.join(classes)}")
    import torch

    try:
        from captum.attr import LayerGradCam
    except ImportError as error:
        raise ImportError("Grad-CAM needs captum: pip install 'hfskin[explain]'") from error
    model, device = pipeline.model, pipeline.device
    prepared = pipeline.prepare(image, age, sex, localization)
    pixels, metadata = (torch.from_numpy(values).to(device) for values in stack([prepared]))
    # The last feature map is this layer's input, whichever backbone made it.
    attention = model.image_model.attention
    layer = model.image_model.max_pool if attention is None else attention.conv

    def logits(pixel_values, patients):
        return model(pixel_values=pixel_values, metadata=patients).logits

    with torch.enable_grad():
        target = logits(pixels, metadata).argmax().item() if label is None else classes.index(label)
        maps = LayerGradCam(logits, layer).attribute(
            pixels, target, additional_forward_args=metadata, attribute_to_layer_input=True, relu_attributions=True
        )
    heat = attention_map(maps[0].detach().cpu().numpy(), pixels.shape[2:], prepared.turned)
    assert heat is not None  # it is None for no maps alone
    return heat


def heat_layer(heat: np.ndarray) -> Image.Image:
    """A heat map of shape (H, W) in [0, 1] as an RGBA picture: the hotter, the brighter and the less transparent."""
    rgba = matplotlib.colormaps[COLOUR_MAP](np.clip(heat, 0, 1), bytes=True)
    rgba[..., 3] = (255 * np.clip(heat, 0, 1)).round()
    return Image.fromarray(rgba)


def overlay(image, prediction: Prediction, heat: np.ndarray | None = None, opacity: float = 0.7) -> Image.Image:
    """The upright picture with a heat map over the part that the model saw; the rest is darkened.

    Args:
        image: what the pipeline was given: path, bytes, PIL image or array.
        prediction: the pipeline's answer to it.
        heat: shape (H, W) in [0, 1], from `grad_cam`; default the prediction's attention map.
        opacity: of the hottest place, 0 to 1.

    Raises:
        ValueError: no heat map, because the checkpoint has no Soft-Attention block.
        ImageError: as the pipeline.
    """
    heat = prediction.attention if heat is None else heat
    if heat is None:
        raise ValueError("this checkpoint has no Soft-Attention block, so it gives no attention map; use grad_cam")
    picture = read_image(image).image
    left, top, right, bottom = (round(edge) for edge in prediction.crop)
    seen = picture.crop((left, top, right, bottom))
    layer = heat_layer(heat).resize(seen.size, Image.Resampling.BICUBIC)
    mask = layer.getchannel("A").point(lambda alpha: alpha * opacity)
    seen.paste(layer.convert("RGB"), mask=mask)
    shown = picture.point(lambda value: value * OUTSIDE)
    shown.paste(seen, (left, top))
    return shown
