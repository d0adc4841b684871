"""One picture on the page: from what was uploaded to an answer, its figure, or a message."""

import logging
import time
from dataclasses import dataclass

from PIL import Image

from ..checkpoints.hub import HubError
from ..inference.explain import grad_cam, has_grad_cam
from ..inference.metadata_effects import metadata_effects
from ..inference.prediction import Prediction
from ..inference.prepare import Prepared
from ..model.image_reading import ImageError, ReadImage, read_image
from ..model.labels import DIAGNOSES
from ..model.metadata import MetadataError
from ..words import en as text
from .answer import answer_html, failure_html
from .checkpoints import Checkpoint, Checkpoints
from .example_lesions import Example
from .figure import figure_html

logger = logging.getLogger("hfskin.demo")


@dataclass(frozen=True)
class Question:
    """What the page asks: the picture's file, the patient, the checkpoint (see `Checkpoints.get`)."""

    path: str | None
    age: str | float | None
    sex: str | None
    localization: str | None
    checkpoint: str = ""


def look(checkpoints: Checkpoints, question: Question, view: str, example: Example | None) -> tuple[str, str]:
    """The HTML of the answer and of the figure; of the message and "" where there is no answer."""
    started = time.perf_counter()
    try:
        checkpoint = checkpoints.get(question.checkpoint)
        picture = read(question)
        prepared = prepare(checkpoint, question, picture)
        prediction = checkpoints.run(checkpoint.pipeline, prepared)
        figure, effects = "", {}
        if prediction.label is not None:
            figure = _figure(checkpoints, checkpoint, prepared, picture.image, prediction, view)
            effects = checkpoints.run(metadata_effects, checkpoint.pipeline, prepared)
    except (ImageError, MetadataError, HubError) as error:
        logger.info("look: no answer")
        return failure_html(str(error)), ""
    milliseconds = round(1000 * (time.perf_counter() - started))
    logger.info("look: answered in %d ms", milliseconds)
    footer = text.ANSWERED_BY.format(checkpoint=checkpoint.name, milliseconds=milliseconds)
    shown = Asked(question.age, question.sex, question.localization, thumbnail_uri(picture))
    return answer_html(prediction, checkpoint.pipeline.config, example, footer, effects, shown), figure


def views() -> list[str]:
    """The heat maps that this installation can draw."""
    return [text.VIEW_ATTENTION, *([text.VIEW_GRAD_CAM] if has_grad_cam() else [])]


def read(question: Question) -> ReadImage:
    """The upright picture and what was changed on the way.

    Raises:
        ImageError: there is no picture, or it cannot be used.
    """
    if question.path is None:
        raise ImageError(text.NO_PICTURE)
    return read_image(question.path)


def prepare(checkpoint: Checkpoint, question: Question, picture: ReadImage) -> Prepared:
    """What everything that is shown of one answer is computed from.

    Raises:
        MetadataError: a value of age, sex or site is not understood.
    """
    return checkpoint.pipeline.prepare(picture, question.age, question.sex, question.localization)


def _figure(
    checkpoints, checkpoint, prepared: Prepared, picture: Image.Image, prediction: Prediction, view: str
) -> str:
    heat, caption = prediction.attention, text.ATTENTION_CAPTION
    if view == text.VIEW_GRAD_CAM or (heat is None and has_grad_cam()):
        heat = checkpoints.run(lambda: grad_cam(checkpoint.with_gradients, prepared, label=prediction.label))
        caption = text.GRAD_CAM_CAPTION.format(name=DIAGNOSES[prediction.label])
    return figure_html(picture, heat, prediction.crop, caption)
