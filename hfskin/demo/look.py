"""One picture on the page: from what was uploaded to an answer, its figure, or a message."""

import logging
import time
from dataclasses import dataclass
from types import ModuleType

from PIL import Image

from ..checkpoints.hub import HubError
from ..inference.answer.card import card
from ..inference.answer.verdict import named
from ..inference.explain import grad_cam, has_grad_cam
from ..inference.metadata_effects import metadata_effects
from ..inference.prepare import Prepared
from ..model.image_reading import ImageError, ReadImage, read_image
from ..model.metadata import MetadataError, Patient
from ..words import in_words
from .answer import failure_html, truth
from .checkpoints import Checkpoint, Checkpoints
from .example_lesions import Example
from .figure import figure_html, thumbnail
from .over_time import facts_html

ATTENTION, GRAD_CAM = "attention", "grad_cam"

logger = logging.getLogger("hfskin.demo")


@dataclass(frozen=True)
class Question:
    """What the page asks: the picture's file, the patient, the checkpoint (see `Checkpoints.get`)."""

    path: str | None
    patient: Patient
    checkpoint: str = ""


def look(
    checkpoints: Checkpoints, question: Question, view: str, example: Example | None, text: ModuleType
) -> tuple[str, str]:
    """The HTML of the answer and of the figure; of the message and "" where there is no answer."""
    started = time.perf_counter()
    try:
        checkpoint = checkpoints.get(question.checkpoint)
        picture = read(question, text)
        prepared = prepare(checkpoint, question, picture)
        prediction = checkpoints.run(checkpoint.pipeline, prepared)
        figure, effects = "", {}
        if prediction.status != "refused":
            figure = _figure(checkpoints, checkpoint, prepared, picture.image, prediction, view, text)
            effects = checkpoints.run(metadata_effects, checkpoint.pipeline, prepared)
    except (ImageError, MetadataError, HubError) as error:
        logger.info("look: no answer")
        return failure_html(in_words(str(error), text), text.FAILED), ""
    facts = facts_html(prediction, checkpoint, prepared.patient, text) if figure else ""
    milliseconds = round(1000 * (time.perf_counter() - started))
    logger.info("look: answered in %d ms", milliseconds)
    return card(
        prediction,
        checkpoint.pipeline.config,
        text,
        patient=prepared.patient,
        thumbnail=thumbnail(picture.image),
        truth=truth(example, text),
        effects=effects,
        footer=text.ANSWERED_BY.format(checkpoint=checkpoint.name, milliseconds=milliseconds),
        peek=True,
        elsewhere=checkpoint.missed_elsewhere(text),
    ), figure + facts


def views(text: ModuleType) -> list[tuple[str, str]]:
    """The heat maps that this installation can draw: words and name."""
    return [(text.VIEW_ATTENTION, ATTENTION), *([(text.VIEW_GRAD_CAM, GRAD_CAM)] if has_grad_cam() else [])]


def read(question: Question, text: ModuleType) -> ReadImage:
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
    return checkpoint.pipeline.prepare(picture, *question.patient)


def _figure(
    checkpoints, checkpoint, prepared: Prepared, picture: Image.Image, prediction, view: str, text: ModuleType
) -> str:
    heat, caption = prediction.attention, text.ATTENTION_CAPTION
    if view == GRAD_CAM or (heat is None and has_grad_cam()):
        heat = checkpoints.run(lambda: grad_cam(checkpoint.with_gradients, prepared, label=prediction.label))
        caption = text.GRAD_CAM_CAPTION.format(name=named(prediction.label, text))
    return figure_html(picture, heat, prediction.crop, caption, text)
