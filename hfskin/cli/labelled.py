"""Labelled data as commands name them: a folder or a data set of the Hub, and a split."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..model.labels import CLASSES


class Split(StrEnum):
    lesion = "lesion"
    paper = "paper"
    all = "all"


ClassesOption = Annotated[
    str | None,
    typer.Option(
        help="Separated by commas. Default: the seven (those of --from); the table's own if it has none of them."
    ),
]


def names(listed: str | None) -> tuple[str, ...] | None:
    """What an option names, separated by commas."""
    return None if listed is None else tuple(name.strip() for name in listed.split(",") if name.strip())


def load_table(
    data: str,
    split: Split,
    images: list[Path] | None = None,
    classes: Sequence[str] | None = None,
    usual: Sequence[str] = CLASSES,
):
    """The labelled pictures, each with its part; what a reader should know of them goes to stderr.

    Args:
        classes: those of the checkpoint, and `usual`: see `load_ham10000`.
    """
    from ..data.ham10000 import gaps, load_ham10000
    from ..data.splits import make_split

    if data.startswith("hub:"):
        from ..data.hub_dataset import load_table  # `datasets` is only needed here

        table = load_table(data, images or (), classes, usual)
    else:
        table = load_ham10000(data, images or (), classes, usual)
    for line in gaps(table):
        typer.echo(f"{data}: {line}", err=True)
    parts = make_split(table, split)
    if few := parts.attrs.get("parts"):
        typer.echo(
            f"{data}: few lesions a class, so one in {few} is for validation and one in {few} for test", err=True
        )
    return parts


def data_name(data: str, classes: Sequence[str]) -> str:
    """What metrics.json and the card call the data: the Hub's name of a data set there, or, since it has other classes
    than HAM10000, a folder's own."""
    if data.startswith("hub:"):
        return data.removeprefix("hub:")
    return "HAM10000" if classes == CLASSES else Path(data).resolve().name
