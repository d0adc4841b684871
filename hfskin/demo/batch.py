"""Many pictures on the page: rows, their table and their CSV."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ..inference.base import LesionPipeline
from ..inference.batch.formats import FORMATS
from ..inference.batch.items import Row, predict_items, unmatched
from ..inference.prediction import Prediction
from ..inference.prepare import Prepared
from ..model.labels import DIAGNOSES
from . import text
from .answer import percent, plain, urgent
from .card import data_uri
from .checkpoints import Checkpoints
from .uploads import Upload, read_uploaded_patients

if TYPE_CHECKING:
    from ..model.configuration_hfskin import HfskinConfig

BATCH_SIZE = 4  # small, so that somebody with one picture need not wait long

logger = logging.getLogger("hfskin.demo")


def look_at_all(
    checkpoints: Checkpoints,
    source: str,
    files: list[str] | None,
    metadata: str | None,
    progress: Callable[[int, int], object] = lambda done, total: None,
    note: Callable[[str], object] = lambda line: None,
) -> list[Row]:
    """One row a picture, the refused files last.

    Args:
        source: the checkpoint, as for `Checkpoints.get`.
        files: pictures and zip files.
        metadata: a CSV, or None.
        progress: called with the number of rows done and their total.
        note: called with each line about what of pictures and CSV lies without the other.

    Raises:
        MetadataTableError: the metadata CSV cannot be used.
        HubError: the checkpoint cannot be used.
    """
    started = time.perf_counter()
    pipeline = _NetworkApart(checkpoints, checkpoints.get(source).pipeline)
    patients = read_uploaded_patients(Path(metadata)) if metadata else {}
    upload = Upload([Path(file) for file in files or []], patients)
    if metadata:
        for line in unmatched(((name, name) for name in upload.names), patients):
            note(f"{Path(metadata).name}: {line}")
    rows = []
    for row in predict_items(pipeline, upload.items(), BATCH_SIZE):
        rows.append(row)
        progress(len(rows), upload.total)
    logger.info("batch: %d rows in %.1f s", len(rows), time.perf_counter() - started)
    return rows + upload.refused


@dataclass(frozen=True)
class _NetworkApart:
    """A pipeline whose network alone runs on the model's thread, a few pictures at a time, so that others get their
    turn in between; files are unpacked and read elsewhere."""

    checkpoints: Checkpoints
    pipeline: LesionPipeline

    def prepare(self, image, *patient) -> Prepared:
        return self.pipeline.prepare(image, *patient)

    def predict_prepared(self, prepared: list[Prepared]) -> list[Prediction]:
        return self.checkpoints.run(self.pipeline.predict_prepared, prepared)

    def on_one_core(self) -> None:
        return None


def rows_html(rows: list[Row], config: "HfskinConfig", footer: str, notes: Iterable[str] = ()) -> str:
    """What became of the pictures: the counts, the CSV to download (within the page, no file is kept), the table.

    Args:
        notes: what to say beside the counts, a paragraph each.
    """
    if not rows:
        return f"<p>{escape(text.BATCH_NONE)}</p>"
    failed = sum(row.prediction is None for row in rows)
    refused = sum(row.prediction is not None and row.prediction.label is None for row in rows)
    done = text.BATCH_DONE.format(answered=len(rows) - failed - refused, refused=refused, failed=failed)
    csv = data_uri("".join(FORMATS["csv"].pieces(rows)).encode(), "hfskin.csv")
    said = "".join(f"<p>{escape(note)}</p>" for note in notes)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in text.BATCH_COLUMNS)
    body = "".join(_row_html(row, config) for row in rows)
    return (
        f'<div class="batch"><p class="done">{escape(done)}</p>{said}'
        f'<p><a class="download" download="hfskin.csv" href="{csv}">{escape(text.BATCH_DOWNLOAD)}</a></p>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(text.BATCH_TABLE)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        f"<p>{escape(text.NEXT_OTHER)}</p>"
        f"<p>{escape(f'{text.POPULATION_NOTE} {text.SKIN_NOTE}')}</p><p>{escape(footer)}</p></div>"
    )


def _row_html(row: Row, config: "HfskinConfig") -> str:
    p = row.prediction
    if p is None:
        kind, cells = "failed", (text.BATCH_FAILED, "", "", row.error)
    elif p.label is None:
        kind, cells = "refused", (text.BATCH_REFUSED, "", "", "; ".join(p.warnings))
    else:
        kind = "high" if urgent(p) else "answered"
        malignant = percent(p.malignant_probability) + (f", {text.BATCH_FLAG}" if urgent(p) else "")
        cells = (
            malignant,
            f"{DIAGNOSES[p.label]}, {percent(p.probabilities[p.label])}",
            ", ".join(DIAGNOSES[code] for code in p.prediction_set) if config.conformal_threshold is not None else "",
            "; ".join(plain(warning) for warning in p.warnings),
        )
    columns = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr class="{kind}"><th scope="row">{escape(row.name)}</th>{columns}</tr>'
