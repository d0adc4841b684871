"""Rows of `predict_items` as a table to read, JSON, CSV or the ISIC challenge's submission CSV, and back again."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, TextIO

from ...model.labels import CLASSES
from ...model.other_formats import has_no_suffix
from ..prediction import SCHEMA
from .items import Row

# What the ISIC challenges call their classes, in the order of their submissions: 2018's seven, and 2019's.
ISIC_ORDER = ("mel", "nv", "bcc", "akiec", "ak", "bkl", "df", "vasc", "scc", "unk")
_TABLE_HEAD = f"{'picture':<24} {'answer':<28} {'malignant':>9}  {'cannot be ruled out':<24} notes\n"

# Where a spreadsheet, whatever its separator, would begin a formula: with one of these signs (or their wide forms) at
# the start of a cell. The apostrophe is what marks them; one that was there is marked too.
_STARTS = r"(?:^|(?<=[;,\t\r\n]))"
_COMPUTED = re.compile(_STARTS + r"(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20'])")
_MARKED = re.compile(_STARTS + "'")


class Record(NamedTuple):
    """A row that was read back from a file."""

    name: str
    error: str | None  # why there is no prediction; None as well in a format that does not keep it
    text: str  # as it stands in the file, without what stands between two rows


@dataclass(frozen=True)
class Format:
    """How rows become text: `head`, the rows with `between` between them, `tail`."""

    head: str
    write: Callable[[Row], str]  # "" for a row that the format leaves out
    between: str = ""
    tail: str = ""
    read: Callable[[TextIO], Iterator[Record]] | None = None  # the whole rows after the head; None: for people only
    name: Callable[[str], str] = str  # a row's name -> how it stands in the file

    def pieces(self, rows: Iterable[Row]) -> Iterator[str]:
        """The text of all rows, piece by piece as they come."""
        yield self.head
        yield from self.following(rows, "")
        yield self.tail

    def following(self, rows: Iterable[Row], between: str | None = None) -> Iterator[str]:
        """The text of `rows` after other rows: no head and no tail."""
        between = self.between if between is None else between
        for row in rows:
            if text := self.write(row):
                yield between + text
                between = self.between


def _table_line(row: Row) -> str:
    if row.prediction is None:
        reason = (row.error or "").removeprefix(f"{row.name}: ")
        return f"{row.name:<24} could not be read: {reason}\n"
    p = row.prediction
    if p.probabilities is None or p.prediction_set is None:
        return f"{row.name:<24} no answer: {p.warnings[0]}\n"
    likely = sorted(p.probabilities, key=p.probabilities.__getitem__, reverse=True)[:2]
    answer = ", ".join(f"{c} {p.probabilities[c]:.0%}" for c in likely)
    malignant = "" if p.malignant_probability is None else f"{p.malignant_probability:.0%}{' (!)' * bool(p.suspicious)}"
    return f"{row.name:<24} {answer:<28} {malignant:>9}  {' '.join(p.prediction_set):<24} {'; '.join(p.warnings)}\n"


def _json_object(row: Row) -> str:
    values = row.prediction.to_dict() if row.prediction else {"schema": SCHEMA, "error": row.error}
    return json.dumps({"image": row.name, **values})


def _csv_record(row: Row, classes: Sequence[str]) -> str:
    if row.prediction is None:
        return _csv_line([row.name, *[""] * (len(classes) + 8), SCHEMA, "", row.error])
    p = row.prediction
    return _csv_line([
        row.name, p.status, p.label, *(p.probabilities or dict.fromkeys(classes)).values(), p.malignant_probability,
        p.suspicious, " ".join(p.prediction_set or ()), p.in_distribution, p.in_distribution_score,
        "; ".join(p.warnings), SCHEMA, p.revision, "",
    ])  # fmt: skip


def _isic_line(row: Row, classes: Sequence[str]) -> str:
    if row.prediction is None:
        return ""
    # The challenge wants a line for every picture, a refused one too.
    return _csv_line([_isic_name(row.name), *(row.prediction.scores[c] for c in classes)])


def _isic_name(name: str) -> str:
    """What the ISIC challenge calls a picture: its file's name without folder and suffix; 1.2.840 has no suffix."""
    path = Path(name)
    return path.name if has_no_suffix(path.name) else path.stem


def _csv_line(values: Iterable) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([_cell(value) for value in values])
    return buffer.getvalue()


def _cell(value: object) -> object:
    """A text that a spreadsheet would compute, such as a picture's name "=1+1", gets an apostrophe before it."""
    if isinstance(value, str):
        return _COMPUTED.sub("'", value)
    return "" if value is None else value


def _text(cell: str) -> str:
    """What [`_cell`] was given."""
    return _MARKED.sub("", cell)


def _read_json(file: TextIO) -> Iterator[Record]:
    for line in file:
        text = line.rstrip(",\n")
        try:
            values = json.loads(text)
        except ValueError:  # the tail, or a row that was cut off
            return
        yield Record(values["image"], values.get("error"), text)


def _read_csv(file: TextIO, errors: bool = True) -> Iterator[Record]:
    taken: list[str] = []  # a name in quotes may hold line ends, so a record may be several lines

    def lines() -> Iterator[str]:
        for line in file:
            taken.append(line)
            yield line

    try:
        for values in csv.reader(lines(), strict=True):
            text = "".join(taken)
            taken.clear()
            if not text.endswith("\n"):
                return
            yield Record(_text(values[0]), (_text(values[-1]) or None) if errors else None, text)
    except csv.Error:  # cut off within quotes
        return


def formats(classes: Sequence[str]) -> dict[str, Format]:
    """The formats by name, for answers of these classes."""
    fields = ["image", "status", "label", *classes, "malignant_probability", "suspicious", "prediction_set",
              "in_distribution", "in_distribution_score", "warnings", "schema", "revision", "error"]  # fmt: skip
    isic = [*(c for c in ISIC_ORDER if c in classes), *(c for c in classes if c not in ISIC_ORDER)]
    return {
        "table": Format(_TABLE_HEAD, _table_line),
        # An array, one object a line; a picture that failed has `error`.
        "json": Format("[\n", _json_object, ",\n", "\n]\n", _read_json),
        # Lists are joined by a space (classes) or "; " (warnings). No cell is a formula, see `_cell`.
        "csv": Format(_csv_line(fields), partial(_csv_record, classes=classes), read=_read_csv),
        # The ISIC 2018 Task 3 submission: image, then a score a class. A picture that failed has no line.
        "isic": Format(
            _csv_line(["image", *(c.upper() if c in ISIC_ORDER else c for c in isic)]),
            partial(_isic_line, classes=isic),
            read=partial(_read_csv, errors=False),
            name=_isic_name,
        ),
    }


FORMATS = formats(CLASSES)
