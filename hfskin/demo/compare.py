"""One picture, two checkpoints, side by side."""

from html import escape
from types import ModuleType
from typing import TYPE_CHECKING

from ..checkpoints.hub import HubError
from ..inference.answer.verdict import named, percent, threshold_of_100, verdict
from ..inference.prediction import Prediction
from ..model.image_reading import ImageError
from ..model.labels import shown_classes
from ..model.metadata import MetadataError
from ..words import in_words
from .answer import failure_html
from .checkpoints import Checkpoints
from .look import Question, prepare, read

if TYPE_CHECKING:
    from ..model.configuration_hfskin import HfskinConfig


def compare(checkpoints: Checkpoints, question: Question, text: ModuleType) -> str:
    """The answers of the page's own checkpoint and of the question's as one HTML table, or a message."""
    own = checkpoints.get()
    try:
        other = checkpoints.get(question.checkpoint)
        if other is own:
            return _note(text.COMPARE_NOTHING)
        if question.path is None:
            return _note(text.COMPARE_NO_PICTURE)
        picture, columns = read(question, text), []
        classes = list(dict.fromkeys(c for one in (own, other) for c in shown_classes(one.pipeline.config)))
        for checkpoint in (own, other):
            prediction = checkpoints.run(checkpoint.pipeline, prepare(checkpoint, question, picture))
            columns.append(_column(prediction, checkpoint.pipeline.config, classes, text))
    except (ImageError, MetadataError, HubError) as error:
        return failure_html(in_words(str(error), text), text.FAILED)
    heads = "".join(f'<th scope="col">{escape(f"{c.name}, {c.revision}")}</th>' for c in (own, other))
    names = [
        *text.COMPARE_ROWS,
        *(f"{code}: {name}" if (name := named(code, text)) != code else code for code in classes),
    ]
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(left)}</td><td>{escape(right)}</td></tr>'
        for name, left, right in zip(names, *columns, strict=True)
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(text.COMPARE_TABLE)}">'
        f'<table class="compare"><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _column(prediction: Prediction, config: "HfskinConfig", classes: list[str], text: ModuleType) -> list[str]:
    """What stands in one checkpoint's column: `COMPARE_ROWS`, then the classes. A refusal has no numbers."""
    threshold = text.NONE if config.malignant_threshold is None else threshold_of_100(config.malignant_threshold)
    said = verdict(prediction, config, text)
    if said.kind == "refused":
        return [said.word, text.NONE, threshold, *[text.NONE] * (2 + len(classes))]
    return [
        said.word,
        said.number,
        threshold,
        named(prediction.label, text),
        text.NONE if config.conformal_threshold is None else " ".join(prediction.prediction_set or ()),
        *(percent(p, text) if (p := prediction.scores.get(code)) is not None else text.NONE for code in classes),
    ]


def _note(words: str) -> str:
    return f'<p class="note">{escape(words)}</p>'
