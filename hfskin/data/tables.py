"""The tables that people keep beside their pictures, as text by our names of the columns: one reader for every room.

Columns go by the names of HAM10000, the ISIC archive and its challenges, BCN20000, PAD-UFES, derm7pt, MRA-MIDAS and
DDI, and by German, Spanish, French, Vietnamese and Polish words, in any case, with spaces or "_". What a value means is
for `model.metadata` and `data.diagnoses` to say. Needs neither torch nor pandas.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from ..model.image_reading import OTHER_SUFFIXES, SUFFIXES
from ..model.labels import CLASSES
from .diagnoses import ONE_HOT, diagnosis_code

# By field, its titles; where several are there, each row takes the first that it fills.
COLUMNS = {
    "image_id": (
        "image_id", "isic_id", "image", "image_name", "img_id", "file", "filename", "file_name", "bcn_filename",
        "midas_file_name", "ddi_file", "derm", "image_path", "filepath", "path", "bild", "datei", "imagen",
        "archivo", "fichier", "\u1ea3nh", "obraz",
    ),
    "lesion_id": ("lesion_id",),
    "dx": ("dx", "diagnosis", "diagnostic", "diagnosis_3", "diagnosis_2", "diagnosis_1"),
    "dx_type": ("dx_type", "diagnosis_confirm_type"),
    "age": ("age", "age_approx", "midas_age", "alter", "edad", "\u00e2ge", "tu\u1ed5i", "wiek"),
    "sex": ("sex", "gender", "midas_gender", "geschlecht", "sexo", "sexe", "gi\u1edbi_t\u00ednh", "p\u0142e\u0107"),
    "localization": (
        "localization", "anatom_site_general", "anatom_site_general_challenge", "anatom_site", "anatomic_site",
        "region", "site", "location", "midas_location", "lokalisation", "localizaci\u00f3n",
        "localisation", "v\u1ecb_tr\u00ed", "lokalizacja",
    ),
}  # fmt: skip
_TITLES = {title for titles in COLUMNS.values() for title in titles}
# What a title may hold that means one of ours under a name that is not known.
_HINTS = {"age": ("age",), "sex": ("sex", "gender"), "localization": ("site", "localization", "location", "region")}
_DELIMITERS = (",", ";", "\t", "|")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # how Excel's "Unicode text" begins
_EXCEL = (b"PK\3\4", b"\xd0\xcf\x11\xe0")


class MetadataTableError(ValueError):
    """A table that cannot be used; the message names the file and what to do."""


@dataclass
class Table:
    """Rows by our names of the columns, as text; "" where a cell is empty.

    Attributes:
        name: the file's.
        rows: one a line of the file, without empty ones.
        lines: the file's line that each row is from.
        fields: those that have a column.
        notes: what of the file is not used, a line each.
    """

    name: str
    rows: list[dict[str, str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def read_rows(path: Path, classes: Sequence[str] = CLASSES) -> Table:
    """The rows of a file with columns that are separated by commas, semicolons or tabs.

    Args:
        classes: of several columns of diagnoses, what names one of these counts.

    Raises:
        MetadataTableError: it is not there, no text, or no table.
    """
    with _explained(path):
        text, notes = _decoded(path.read_bytes(), path.name)
        table = _table(*_cells(text, path.name), path.name, classes)
    table.notes += notes
    return table


def read_cells(path: Path) -> list[dict[str, str]]:
    """The rows of a file by its own titles, in small letters: for columns beside ours.

    Raises:
        MetadataTableError: it is not there, no text, or no table.
    """
    with _explained(path):
        names, rows = _cells(_decoded(path.read_bytes(), path.name)[0], path.name)
        return [dict(zip_longest(names, cells, fillvalue="")) for _, cells in rows]


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise MetadataTableError(f"{path}: there is no such file") from None
    except (OSError, UnicodeError, csv.Error) as error:
        raise MetadataTableError(f"{path.name}: not a readable table ({error}); save it as UTF-8 CSV") from None


def _decoded(data: bytes, name: str) -> tuple[str, list[str]]:
    """A table's text, and what is to be said of its encoding: UTF-8, else UTF-16, else that of Excel on Windows.

    Raises:
        MetadataTableError: an Excel file.
        UnicodeError: none of these.
    """
    if data.startswith(_EXCEL):
        raise MetadataTableError(f"{name}: an Excel file; save the sheet as CSV UTF-8")
    if data.startswith(_UTF_16):
        return data.decode("utf-16"), []
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeError:
        if b"\0" in data:  # no text at all
            raise
        return data.decode("cp1252"), [
            "the table is no UTF-8: read as Windows-1252; if names look wrong, save it as UTF-8"
        ]


def normal(text: str) -> str:
    """An id or a path as it is compared: composed letters, "/" between folders, no spaces around."""
    return unicodedata.normalize("NFC", text).replace("\\", "/").strip()


def counted(number: int, one: str, many: str) -> str:
    """A number and its words: "1 row has", "2 rows have"."""
    return f"{number} {one if number == 1 else many}"


def without_suffix(name: str) -> str:
    """A picture's name without its ending, if that is one of pictures: an id may hold dots."""
    for suffix in (*SUFFIXES, *OTHER_SUFFIXES):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


def _cells(text: str, name: str) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The titles of a table, in small letters, and of each row that is not empty the file's line and the cells."""
    file = io.StringIO(text, newline="")
    first = next(file, "")
    skipped = int(first.lower().startswith("sep="))  # for Excel
    if skipped:
        first = next(file, "")
    delimiter = max(_DELIMITERS, key=first.count)

    def lines() -> Iterator[str]:
        yield first
        yield from file

    reader = csv.reader(lines(), delimiter=delimiter)
    names = [cell.strip().lower() for cell in next(reader, [])]

    def rows() -> Iterator[tuple[int, list[str]]]:
        for cells in reader:
            line, cells = reader.line_num + skipped, [cell.strip() for cell in cells]
            if any(cells[len(names) :]):
                raise MetadataTableError(
                    f"{name}, row {line}: more cells than titles; put quotes around text that holds {delimiter!r}"
                )
            if any(cells):
                yield line, cells[: len(names)]

    return names, rows()


def _table(names: list[str], rows: Iterator[tuple[int, list[str]]], name: str, classes: Sequence[str]) -> Table:
    titles = [_title(name) for name in names]
    places = {
        our: [i for t in theirs for i, title in enumerate(titles) if title == t] for our, theirs in COLUMNS.items()
    }
    table = Table(name, fields={our for our, found in places.items() if found}, notes=_unused(names))
    one_hot = {code: titles.index(title) for title, code in ONE_HOT.items() if title in titles}
    if len(one_hot) >= len(set(ONE_HOT.values()) - {"scc", "unk"}):
        table.fields.add("dx")
    else:
        one_hot = {}
    others = [] if "dx" in table.fields else [i for i, title in enumerate(titles) if title not in _TITLES]
    marks: list[list[str]] = []  # of each row in the columns that nothing else is known of
    if "image_id" not in table.fields:
        known = " or ".join(COLUMNS["image_id"][:4])
        has = " ".join(", ".join(names).split())[:200]
        raise MetadataTableError(f"{name}: no column named {known}; it has {has or 'no title row'}")
    for line, cells in rows:
        row = {our: _filled(our, [cells[i] for i in found if i < len(cells)], classes) for our, found in places.items()}
        if one_hot and not row["dx"]:
            row["dx"] = _hot(cells, one_hot, f"{name}, row {line}")
        table.rows.append(row)
        table.lines.append(line)
        if others:
            marks.append([cells[i] if i < len(cells) else "" for i in others])
    if len(others) > 1 and marks and all(map(_is_one_hot, marks)):  # a ground truth of other classes
        table.fields.add("dx")
        for row, of_row in zip(table.rows, marks, strict=True):
            row["dx"] = names[others[[float(mark) for mark in of_row].index(1.0)]]
    return table


def _title(name: str) -> str:
    """As titles are compared: "age (years)" is "age", "image id" is "image_id"."""
    return re.sub(r"[\s-]+", "_", normal(re.sub(r"\(.*?\)|\[.*?\]", "", name)))


def _is_one_hot(cells: list[str]) -> bool:
    try:
        return sorted(map(float, cells)) == [0.0] * (len(cells) - 1) + [1.0]
    except ValueError:
        return False


def _filled(our: str, cells: list[str], classes: Sequence[str]) -> str:
    """The first cell that says something; of diagnoses, the first that is of the classes: others are too coarse, or too
    fine."""
    filled = [cell for cell in cells if cell]
    if our == "dx":
        filled.sort(key=lambda cell: diagnosis_code(cell, classes) is None)
    return filled[0] if filled else ""


def _hot(cells: list[str], places: dict[str, int], where: str) -> str:
    try:
        scores = {code: float(cells[place]) for code, place in places.items()}
    except (ValueError, IndexError):
        raise MetadataTableError(f"{where}: a column of a class holds no number") from None
    if sorted(scores.values()) != [0.0] * (len(scores) - 1) + [1.0]:
        raise MetadataTableError(f"{where}: a ground-truth row must have one 1.0 and else 0.0")
    return max(scores, key=scores.__getitem__)


def _unused(names: list[str]) -> list[str]:
    """A line for each field that no column is taken for though one sounds like it."""
    notes, titles = [], [_title(name) for name in names]
    for our, hints in _HINTS.items():
        if not any(title in titles for title in COLUMNS[our]):
            like = [
                n for n, title in zip(names, titles, strict=True) if any(hint in title.split("_") for hint in hints)
            ]
            if like:
                notes.append(f"column {like[0][:60]!r} is not used; call it {our}")
    return notes
