"""Labelled data as commands name them: a folder or a data set of the Hub, and a split."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..model.labels import CLASSES

HAMS_PICTURES = "ISIC_0024306", "ISIC_0034320"  # the first and the last, of the ISIC archive


class Split(StrEnum):
    lesion = "lesion"
    paper = "paper"
    all = "all"


DataOption = Annotated[str, typer.Option(help="HAM10000 folder, one like it, or hub:organisation/name.")]
ClassesOption = Annotated[
    str | None,
    typer.Option(
        help="Separated by commas. Default: the seven (those of --from); the table's own if it has none of them."
    ),
]
ImagesOption = Annotated[list[Path] | None, typer.Option(help="Further picture folders, searched first.")]


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
    from ..data.ham10000 import classes_of, gaps, load_ham10000
    from ..data.splits import make_split

    if data.startswith("hub:"):
        if images:
            raise typer.BadParameter("--images goes with a folder; a data set of the Hub holds its own pictures")
        from ..data.hub_dataset import load_table  # `datasets` is only needed here

        table = load_table(data, (), classes, usual)
    else:
        table = load_ham10000(data, images or (), classes, usual)
    for line in gaps(table):
        typer.echo(f"{data}: {line}", err=True)
    parts = make_split(table, split)
    if few := parts.attrs.get("parts"):
        typer.echo(
            f"{data}: few lesions a class, so one in {few} is for validation and one in {few} for test", err=True
        )
    for part, rows in parts.groupby("split"):
        absent = [name for name in classes_of(table) if name not in set(rows["dx"])]
        if absent and split != Split.all:
            typer.echo(f"{data}: the {part} part holds no {', '.join(absent)}, of which it tells nothing", err=True)
    return parts


def same_data(data: str, split: Split, images: list[Path] | None = None) -> list[object]:
    """The options by which the next command reads the same labelled pictures."""
    return ["--data", data, *(word for folder in images or () for word in ("--images", folder)), "--split", split]


def data_name(data: str, table, classes: Sequence[str]) -> str:
    """What metrics.json and the card call the data: the Hub's name of a data set there, HAM10000 where the pictures and
    the classes are its, else the folder's own name.

    Args:
        table: of [`load_table`].
        classes: those of the checkpoint.
    """
    if data.startswith("hub:"):
        return data.removeprefix("hub:").partition("@")[0]  # without a revision
    is_hams = classes == CLASSES and table["image_id"].between(*HAMS_PICTURES).all()
    return "HAM10000" if is_hams else Path(data).resolve().name
