"""An answer as a page to print or to save, within the page: the template of `Prediction.save`, shown as a sheet."""

from dataclasses import replace
from datetime import date
from html import escape
from pathlib import Path
from types import ModuleType

from ..checkpoints.hub import HubError
from ..inference.answer.report import report
from ..inference.prediction import Asked
from ..model.image_reading import ImageError
from ..model.metadata import MetadataError
from ..words import in_words
from .answer import failure_html
from .checkpoints import Checkpoints
from .look import Question, prepare, read

SCRIPT = (Path(__file__).parent / "report.js").read_text(encoding="utf-8")


def report_html(checkpoints: Checkpoints, question: Question, text: ModuleType) -> str:
    """The report in a <template>, which `SCRIPT` shows, with what can be done with it; or a message."""
    try:
        checkpoint = checkpoints.get(question.checkpoint)
        picture = read(question, text)
        prepared = prepare(checkpoint, question, picture)
        prediction = checkpoints.run(checkpoint.pipeline, prepared)
    except (ImageError, MetadataError, HubError) as error:
        return failure_html(in_words(str(error), text), text.FAILED)
    asked = Asked(picture.image, prepared.patient, checkpoint.pipeline.config)
    about = checkpoint.name, checkpoint.missed_elsewhere(text)
    sheet = report(replace(prediction, asked=asked), asked, text.LANGUAGE, *about)
    buttons = "".join(
        f'<button type="button" data-do="{do}">{escape(words)}</button>'
        for do, words in (("print", text.REPORT_PRINT), ("picture", text.REPORT_PNG), ("close", text.REPORT_CLOSE))
    )
    return (
        f'<section class="report" tabindex="-1" aria-label="{escape(text.REPORT_TITLE)}">'
        f'<div class="actions">{buttons}</div><p class="small-print">{escape(text.REPORT_NOTE)}</p>'
        f'<div class="paper" data-name="hfskin-{date.today().isoformat()}"></div>'
        f"<template>{sheet}</template></section>"
    )
