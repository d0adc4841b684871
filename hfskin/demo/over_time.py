"""Two pictures of one lesion side by side. What a visitor keeps lies in the browser; the server sees none of it."""

import json
from html import escape
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import gradio as gr

from ..inference.answer.card import patient_words
from ..inference.answer.verdict import verdict
from ..inference.prediction import Prediction

if TYPE_CHECKING:
    from .checkpoints import Checkpoint

_FOLDER = Path(__file__).parent
KEEP = "() => { document.querySelector('#kept [role=status]').dispatchEvent(new Event('keep')); }"


def kept_line(text: ModuleType) -> None:
    """Keeps the answer that is shown when `KEEP` asks for it, and says so."""
    words = "".join(f' data-{name}="{escape(text.TIME[name])}"' for name in ("kept", "full"))
    gr.HTML(f'<p role="status"{words}></p>', elem_id="kept", js_on_load=_script("kept.js"))


def time_tab(text: ModuleType) -> None:
    words = escape(json.dumps(text.TIME))
    place = f'<div class="over-time" tabindex="-1" data-words="{words}"></div>'
    gr.HTML(place, elem_id="over-time", js_on_load=_script("over_time.js"))


def facts_html(prediction: Prediction, checkpoint: "Checkpoint", patient: tuple, text: ModuleType) -> str:
    """What is kept of an answer beside its picture, for the script."""
    said = verdict(prediction, checkpoint.pipeline.config, text)
    facts = {
        "number": said.number,
        "word": said.word,
        "patient": patient_words(patient, text),
        "checkpoint": prediction.revision,
        "spread": checkpoint.spread,
    }
    return f'<data class="facts" value="{escape(json.dumps(facts))}"></data>'


def _script(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
