"""One picture, two checkpoints, side by side."""

from html import escape
from typing import TYPE_CHECKING

from ..checkpoints.hub import HubError
from ..inference.prediction import Prediction
from ..model.image_reading import ImageError
from ..model.labels import CLASSES, DIAGNOSES
from ..model.metadata import MetadataError
from ..words import en as text
from .answer import failure_html, percent, threshold_percent
from .checkpoints import Checkpoints
from .look import Question, prepare, read

if TYPE_CHECKING:
    from ..model.configuration_hfskin import HfskinConfig


def compare(checkpoints: Checkpoints, question: Question) -> str:
    """The answers of the page's own checkpoint and of the question's as one HTML table, or a message."""
    own = checkpoints.get()
    try:
        other = checkpoints.get(question.checkpoint)
        if other is own:
            return _note(text.COMPARE_NOTHING)
        if question.path is None:
            return _note(text.COMPARE_NO_PICTURE)
        picture, columns = read(question), []
        for checkpoint in (own, other):
            prediction = checkpoints.run(checkpoint.pipeline, prepare(checkpoint, question, picture))
            columns.append(_column(prediction, checkpoint.pipeline.config))
    except (ImageError, MetadataError, HubError) as error:
        return failure_html(str(error))
    heads = "".join(f'<th scope="col">{escape(f"{c.name}, {c.revision}")}</th>' for c in (own, other))
    names = [*text.COMPARE_ROWS, *(f"{code}: {name}" for code, name in DIAGNOSES.items())]
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(left)}</td><td>{escape(right)}</td></tr>'
        for name, left, right in zip(names, *columns, strict=True)
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(text.COMPARE_TABLE)}">'
        f'<table class="compare"><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _column(prediction: Prediction, config: "HfskinConfig") -> list[str]:
    """What stands in one checkpoint's column: `COMPARE_ROWS`, then the classes. A refusal has no numbers."""
    threshold = text.NONE if config.malignant_threshold is None else threshold_percent(config.malignant_threshold)
    if prediction.label is None:
        return [text.BATCH_REFUSED, text.NONE, threshold, *[text.NONE] * (2 + len(CLASSES))]
    verdicts = {True: text.SUSPICIOUS, False: text.NOT_SUSPICIOUS, None: text.NO_THRESHOLD}
    return [
        verdicts[prediction.suspicious],
        percent(prediction.malignant_probability),
        threshold,
        DIAGNOSES[prediction.label],
        text.NONE if config.conformal_threshold is None else " ".join(prediction.prediction_set),
        *(percent(prediction.probabilities[code]) for code in CLASSES),
    ]


def _note(words: str) -> str:
    return f'<p class="note">{escape(words)}</p>'
