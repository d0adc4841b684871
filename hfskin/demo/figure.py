"""The picture with the heat map over it, as HTML. The browser mixes the two, so the slider needs no server."""

import io
from html import escape
from types import ModuleType

import numpy as np
from PIL import Image

from ..inference.answer.report import THUMBNAIL
from ..inference.answer.report import data_uri as jpeg
from ..inference.explain import heat_layer
from ..model.preprocessing import CropBox
from .card import data_uri

SHOWN_SIZE = 800  # pixels of the longer side; what the page shows need not be larger
STRENGTH = 70  # per cent, at the start
_FOLLOW = (
    "this.style.opacity = this.closest('figure').querySelector('input').value / 100"  # a new heat map, an old slider
)
_SLIDE = "this.closest('figure').querySelector('.heat').style.opacity = this.value / 100"
HANDLERS = (_FOLLOW, _SLIDE)  # the scripts within the page's elements, which its Content-Security-Policy must name


def figure_html(picture: Image.Image, heat: np.ndarray | None, crop: CropBox, caption: str, text: ModuleType) -> str:
    """
    Args:
        picture: upright RGB.
        heat: shape (H, W) in [0, 1] over `crop`; None shows the picture alone.
        caption: what the colours mean.
    """
    shown = f'<img src="{jpeg(picture, SHOWN_SIZE)}" alt="{escape(text.FIGURE_ALT)}">'
    if heat is None:
        return f'<figure class="look"><div class="layers">{shown}</div></figure>'
    width, height = picture.size
    place = (
        f"left:{100 * crop.left / width:.2f}%;top:{100 * crop.top / height:.2f}%;"
        f"width:{100 * (crop.right - crop.left) / width:.2f}%;height:{100 * (crop.bottom - crop.top) / height:.2f}%"
    )
    whole = crop.right - crop.left > width - 1 and crop.bottom - crop.top > height - 1
    frame = "" if whole else f'<span class="crop" style="{place}"></span>'
    words = caption if whole else f"{caption} {text.CROP_CAPTION}"
    return (
        f'<figure class="look"><div class="layers">{shown}'
        f'<img class="heat" style="{place}" src="{_png(heat_layer(heat))}" alt="" onload="{_FOLLOW}">'
        f"{frame}</div>"
        f"<label>{escape(text.HEAT_STRENGTH)}"
        f'<input type="range" min="0" max="100" value="{STRENGTH}"'
        f' oninput="{_SLIDE}"></label>'
        f"<figcaption>{escape(words)}</figcaption></figure>"
    )


def thumbnail(picture: Image.Image) -> str:
    """A small picture, as a data: address."""
    return jpeg(picture, THUMBNAIL)


def _png(layer: Image.Image) -> str:
    buffer = io.BytesIO()
    layer.save(buffer, "PNG")
    return data_uri(buffer.getvalue(), "heat.png")
