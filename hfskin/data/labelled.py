"""From the rows of a data set's tables to one checked table of labelled pictures."""

from collections.abc import Iterable, Sequence

import pandas as pd

from ..model.labels import CLASSES
from ..model.metadata import MetadataError, parse_age, parse_sex, parse_site
from .diagnoses import classes_among, diagnosis_code, is_known
from .places import place
from .tables import Table, counted

COLUMNS = ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization"]


class DataError(ValueError):
    """A data set that cannot be used as it is; the message says what is wrong and what to do."""


def labelled_rows(tables: list[Table], classes: Sequence[str] | None, usual: Sequence[str]) -> pd.DataFrame:
    """The one table with diagnoses, with what the others say of its pictures; see `ham10000.read_table`."""
    labelled = [table for table in tables if "dx" in table.fields]
    if not labelled:
        has = ", ".join(sorted(tables[0].fields))
        raise DataError(f"{tables[0].name}: column 'dx' is missing; it has {has}")
    if len(labelled) > 1:
        raise DataError(f"several tables with diagnoses ({', '.join(table.name for table in labelled)}); keep one")
    table = labelled[0]
    rows = _by_id(table)
    for other in tables:
        if other is not table:
            for image_id, more in _by_id(other).items():
                if image_id in rows:
                    rows[image_id] = {name: value or more[name] for name, value in rows[image_id].items()}
    if classes is None:
        classes = classes_among((row["dx"] for row in rows.values()), usual)
        if classes != tuple(usual):
            table.notes.append(f"its diagnoses are the classes: {', '.join(classes)}")
    return _frame(rows, table, tuple(classes))


def _by_id(table: Table) -> dict[str, dict[str, str]]:
    rows: dict[str, dict[str, str]] = {}
    for row, line in zip(table.rows, table.lines, strict=True):
        image_id = place(row["image_id"]).stem
        row = row | {"image_id": image_id, "line": str(line)}
        if image_id in rows and any(rows[image_id][name] != row[name] for name in COLUMNS):
            raise DataError(f"{table.name}: image {image_id[:100]!r} stands twice, and differs; keep one row an image")
        rows.setdefault(image_id, row)
    return rows


def _frame(rows: dict[str, dict[str, str]], table: Table, classes: tuple[str, ...]) -> pd.DataFrame:
    notes, kept, others = list(table.notes), [], []
    for row in rows.values():
        code = diagnosis_code(row["dx"], classes)
        if code is None and classes == CLASSES and not is_known(row["dx"]):
            raise DataError(f"{table.name}: unknown dx {row['dx'][:100]!r}; it must be one of {', '.join(classes)}")
        if code is None:
            others.append(row)
        else:
            # A picture without a lesion id counts as a lesion of its own.
            kept.append(row | {"dx": code, "lesion_id": row["lesion_id"] or row["image_id"]})
    if not rows:
        raise DataError(f"{table.name}: has no row below its titles")
    if others:
        example = f"{others[0]['image_id']} ({others[0]['dx'] or 'none'})"
        if not kept:
            raise DataError(
                f"{table.name}: no row has one of the diagnoses {', '.join(classes)}; the first is {example}: give a "
                "table of these classes"
            )
        these = "the seven" if classes == CLASSES else ", ".join(classes)
        have = counted(len(others), "row has a diagnosis that is", "rows have diagnoses that are")
        notes.append(f"{have} none of {these}: left out, such as {example}")
    frame = pd.DataFrame([{name: row[name] for name in COLUMNS} for row in kept], columns=COLUMNS, dtype=str)
    lines = [row["line"] for row in kept]
    for column, parse in (("age", parse_age), ("sex", parse_sex), ("localization", parse_site)):
        frame[column], odd = _parsed(parse, frame[column], lines)
        if odd:
            cells = counted(len(odd), "cell is not understood and counts", "cells are not understood and count")
            notes.append(f"{cells} as unknown, such as {odd[0]}")
    frame["age"] = frame["age"].astype(float)
    frame.attrs |= {"notes": [f"{table.name}: {note}" for note in notes], "classes": classes}
    return frame


def _parsed(parse, values: Iterable[str], lines: list[str]) -> tuple[list, list[str]]:
    """The values, and what of them is not understood, with its row."""
    parsed, odd = [], []
    for value, line in zip(values, lines, strict=True):
        try:
            parsed.append(parse(value))
        except MetadataError as error:
            parsed.append(parse(None))
            odd.append(f"row {line}: {error}")
    return parsed, odd
