"""The example lesions: pictures, patients and true diagnoses, from HAM10000."""

import csv
from dataclasses import dataclass
from pathlib import Path

from ..model.labels import CLASSES

FOLDER = Path(__file__).parent / "examples"


@dataclass(frozen=True)
class Example:
    """One example lesion.

    Attributes:
        age: years, or None.
        dx: the true class, one of `CLASSES`.
        dx_type: how that is known: histo, follow_up, consensus or confocal.
    """

    path: Path
    age: float | None
    sex: str
    localization: str
    dx: str
    dx_type: str


def load_examples() -> list[Example]:
    """The examples, in the order of `CLASSES`."""
    with (FOLDER / "HAM10000_metadata.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: CLASSES.index(row["dx"]))
    return [
        Example(
            path=FOLDER / f"{row['image_id']}.jpg",
            age=float(row["age"]) if row["age"] else None,
            sex=row["sex"],
            localization=row["localization"],
            dx=row["dx"],
            dx_type=row["dx_type"],
        )
        for row in rows
    ]
