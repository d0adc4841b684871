"""Many pictures on the page: looked at one by one, then shown with the urgent ones first."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from types import ModuleType
from typing import Any

from ..inference.answer.card import sentence
from ..inference.answer.verdict import Verdict, listed, named, not_ruled_out, verdict
from ..inference.base import LesionPipeline
from ..inference.batch.formats import formats
from ..inference.batch.items import Row, predict_items
from ..inference.prediction import Prediction
from ..inference.prepare import Prepared
from ..model.image_reading import read_image
from ..model.labels import shown_classes
from ..words import in_words
from .card import data_uri
from .checkpoints import Checkpoints
from .figure import thumbnail
from .uploads import Upload, read_uploaded_patients

BATCH_SIZE = 4  # small, so that somebody with one picture need not wait long
KINDS = ("suspicious", "unsure", "open", "calm", "refused", "failed")  # in the order in which they are shown

logger = logging.getLogger("hfskin.demo")


@dataclass
class Looked:
    """What became of an upload: a row a file in the order of the upload, and the pictures of those that were read."""

    rows: list[Row]
    thumbnails: dict[int, str]  # by the identity of the prediction; data: addresses
    notes: list[str]


def look_at_all(
    checkpoints: Checkpoints,
    source: str,
    files: list[str] | None,
    metadata: str | None,
    progress: Callable[[int, int], object] = lambda done, total: None,
    thumbnails: bool = False,
) -> Looked:
    """
    Args:
        source: the checkpoint, as for `Checkpoints.get`.
        files: pictures and zip files.
        metadata: a CSV, or None.
        progress: called with the number of rows done and their total.
        thumbnails: whether they are made.

    Raises:
        MetadataTableError: the metadata CSV cannot be used.
        HubError: the checkpoint cannot be used.
    """
    started = time.perf_counter()
    pipeline = _NetworkApart(checkpoints, checkpoints.get(source).pipeline, thumbnails)
    upload = Upload([Path(file) for file in files or []], read_uploaded_patients(Path(metadata)) if metadata else None)
    notes = [f"{Path(metadata or '').name}: {line}" for line in upload.notes]
    rows = []
    for row in predict_items(pipeline, upload.items(), BATCH_SIZE):
        rows.append(row)
        progress(len(rows), upload.total)
    logger.info("batch: %d rows in %.1f s", len(rows), time.perf_counter() - started)
    return Looked(upload.in_order(rows), pipeline.thumbnails, notes)


@dataclass(frozen=True)
class _NetworkApart:
    """A pipeline whose network alone runs on the model's thread, a few pictures at a time, so that others get their
    turn in between; files are unpacked and read elsewhere."""

    checkpoints: Checkpoints
    pipeline: LesionPipeline
    thumbnails_wanted: bool
    thumbnails: dict[int, str] = field(default_factory=dict)  # by the identity of the prediction
    _made: dict[int, str] = field(default_factory=dict)  # by the identity of the pixels, until they are answered

    def prepare(self, image, age=None, sex=None, localization=None) -> Prepared:
        picture = read_image(image)
        prepared = self.pipeline.prepare(picture, age, sex, localization)
        if self.thumbnails_wanted:
            self._made[id(prepared.pixel_values)] = thumbnail(picture.image)
        return prepared

    def predict_prepared(self, prepared: list[Prepared]) -> list[Prediction]:
        predictions = self.checkpoints.run(self.pipeline.predict_prepared, prepared)
        for asked, answer in zip(prepared, predictions, strict=True):
            self.thumbnails[id(answer)] = self._made.pop(id(asked.pixel_values), "")
        return predictions

    def on_one_core(self) -> None:
        return None


def rows_html(looked: Looked, config: Any, footer: str, text: ModuleType) -> str:
    """What became of the pictures: the counts, the CSV to download (within the page, no file is kept), the table.

    Args:
        config: the checkpoint's calibration.
    """
    if not looked.rows:
        return f"<p>{escape(text.BATCH_NONE)}</p>"
    csv = data_uri("".join(formats(shown_classes(config))["csv"].pieces(looked.rows)).encode(), "hfskin.csv")
    shown = [_Shown(row, looked.thumbnails.get(id(row.prediction), ""), config, text) for row in looked.rows]
    common = _common(shown)
    shown.sort(key=lambda one: (KINDS.index(one.kind), -one.share))
    said = "".join(f"<p>{escape(note)}</p>" for note in [*looked.notes, *common])
    head = "".join(_head(i, name, text) for i, name in enumerate(text.BATCH_COLUMNS))
    body = "".join(one.html(common) for one in shown)
    return (
        f'<div class="batch">{_filter(shown, text)}{said}'
        f'<p><a class="download" download="hfskin.csv" href="{csv}">{escape(text.BATCH_DOWNLOAD)}</a></p>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(text.BATCH_TABLE)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        f"<p>{escape(text.NEXT_OTHER)}</p>"
        f"<p>{escape(f'{text.POPULATION_NOTE} {text.SKIN_NOTE}')}</p><p>{escape(footer)}</p></div>"
    )


class _Shown:
    """One row as it is shown."""

    def __init__(self, row: Row, thumbnail: str, config: Any, text: ModuleType):
        self.row, self._thumbnail, self._text, self._config = row, thumbnail, text, config
        self.share, self.warnings, self.verdict = -1.0, [], None
        if row.prediction is None:
            self.kind, self.warnings = "failed", [in_words(row.error or "", text)]
            return
        said: Verdict = verdict(row.prediction, config, text)
        self.kind, self.verdict = said.kind, said
        if said.kind != "refused":
            self.share = row.prediction.malignant_probability or 0.0
            self.warnings = [sentence(in_words(warning, text)) for warning in row.prediction.warnings]
        else:
            self.warnings = said.lines

    def html(self, common: list[str]) -> str:
        text, said = self._text, self.verdict
        picture = f'<img src="{self._thumbnail}" alt="">' if self._thumbnail else ""
        word = text.BATCH_FAILED if said is None else said.word
        number = said.number if said else ""
        cells = (word, number, self._looks_like(), " ".join(w for w in self.warnings if w not in common))
        columns = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        return (
            f'<tr class="{self.kind}" data-order="{KINDS.index(self.kind)}" data-share="{self.share:.6f}">'
            f'<th scope="row"><div>{picture}<span>{escape(self.row.name)}</span></div></th>{columns}</tr>'
        )

    def _looks_like(self) -> str:
        """What is not ruled out where it is suspicious, and only else the likeliest diagnosis."""
        prediction = self.row.prediction
        if prediction is None or self.kind == "refused":
            return ""
        if self.kind == "suspicious":
            return self._text.RULES_OUT_NOT.format(names=listed(not_ruled_out(prediction, self._config), self._text))
        return named(prediction.label, self._text)


def _common(shown: Iterable[_Shown]) -> list[str]:
    """The warnings that all answers share: they are said once."""
    answers = [one.warnings for one in shown if one.kind not in ("refused", "failed")]
    if len(answers) < 2:
        return []
    return [warning for warning in answers[0] if all(warning in others for others in answers)]


def _filter(shown: list[_Shown], text: ModuleType) -> str:
    """How many there are of each kind; pressing one shows these alone, by the style sheet."""
    kinds = [kind for kind in KINDS if any(one.kind == kind for one in shown)]
    choices = [("all", text.BATCH_ALL, len(shown))]
    choices += [(kind, text.BATCH_KINDS[kind], sum(one.kind == kind for one in shown)) for kind in kinds]
    buttons = "".join(
        f'<label><input type="radio" name="shown" value="{kind}"{" checked" if kind == "all" else ""}>'
        f"<span>{escape(word)} ({count})</span></label>"
        for kind, word, count in choices
    )
    return f'<fieldset class="filter"><legend>{escape(text.BATCH_SHOW)}</legend>{buttons}</fieldset>'


def _head(column: int, name: str, text: ModuleType) -> str:
    if column > 2:  # words for people, which have no order
        return f'<th scope="col">{escape(name)}</th>'
    label = escape(text.BATCH_SORT.format(name=name))
    return f'<th scope="col"><button type="button" data-column="{column}" title="{label}">{escape(name)}</button></th>'


# Sorts the rows by the column whose head is pressed; again, the other way round.
SORT = """
element.addEventListener('click', event => {
  const button = event.target.closest('thead button');
  if (!button) return;
  const head = button.closest('th'), body = element.querySelector('tbody'), column = Number(button.dataset.column);
  const down = head.getAttribute('aria-sort') === 'ascending';
  element.querySelectorAll('thead th').forEach(other => other.removeAttribute('aria-sort'));
  head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
  const name = row => row.cells[0].textContent, verdict = row => Number(row.dataset.order);
  const by = [name, verdict, row => Number(row.dataset.share)][column];
  const rows = [...body.rows].sort((a, b) => by(a) < by(b) ? -1 : by(a) > by(b) ? 1 : 0);
  body.append(...(down ? rows.reverse() : rows));
});
"""
