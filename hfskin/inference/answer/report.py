"""An answer with its picture: a page to print, and the card in a notebook."""

import base64
import io
from datetime import date

from markupsafe import Markup
from PIL import Image

from ...model.image_reading import read_image
from ...model.metadata import understood
from ...words import en, words
from ..explain import overlay
from ..prediction import Asked, Prediction
from .card import STYLE, answer_facts, card, template

PRINTED, THUMBNAIL = 800, 120  # pixels of the longer side


def report(
    prediction: Prediction, asked: Asked, language: str = "en", checkpoint: str = "", elsewhere: str = ""
) -> str:
    """One HTML page that needs nothing beside it: verdict, picture, where the model looked, details, limits.

    Args:
        language: one of `hfskin.words.LANGUAGES`.
        checkpoint: what to call it, beside its revision.
        elsewhere: as for [`card`].
    """
    text, picture = words(language), read_image(asked.image).image
    patient = understood(*asked.patient)[0]
    facts = answer_facts(prediction, asked.config, text, patient)
    seen = prediction.attention is not None and prediction.status != "refused"
    return template("report.html").render(
        facts,
        style=Markup(STYLE.read_text(encoding="utf-8")),
        card=Markup(card(prediction, asked.config, text, patient, details=False, elsewhere=elsewhere)),
        picture=data_uri(picture, PRINTED),
        overlay=data_uri(overlay(picture, prediction), PRINTED) if seen else "",
        date=date.today().isoformat(),
        checkpoint=", ".join(filter(None, (checkpoint, prediction.revision or "?"))),
    )


def notebook(prediction: Prediction, asked: Asked) -> str:
    """The card with its style."""
    thumbnail = "" if asked.image is None else data_uri(read_image(asked.image).image, THUMBNAIL)
    patient = understood(*asked.patient)[0]
    return f"<style>{STYLE.read_text(encoding='utf-8')}</style>" + card(
        prediction, asked.config, en, patient, thumbnail, footer=en.NOT_A_DEVICE
    )


def data_uri(picture: Image.Image, longest: int) -> str:
    """A picture of at most this many pixels a side as a JPEG in a data: address."""
    scale = longest / max(picture.size)
    if scale < 1:  # unlike Pillow's `thumbnail`, without a copy of what may have a hundred megapixels
        picture = picture.resize(tuple(max(1, round(scale * side)) for side in picture.size), reducing_gap=2.0)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
