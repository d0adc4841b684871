"""Labelled data as commands name them: a folder or a data set of the Hub, and a split."""

from enum import StrEnum
from pathlib import Path

import typer


class Split(StrEnum):
    lesion = "lesion"
    paper = "paper"
    all = "all"


def load_table(data: str, split: Split, images: list[Path] | None = None):
    """The labelled pictures, each with its part; what a reader should know of them goes to stderr."""
    from ..data.ham10000 import gaps, load_ham10000
    from ..data.splits import make_split

    if data.startswith("hub:"):
        from ..data.hub_dataset import load_table  # `datasets` is only needed here

        table = load_table(data, images or ())
    else:
        table = load_ham10000(data, images or ())
    for line in gaps(table):
        typer.echo(f"{data}: {line}", err=True)
    parts = make_split(table, split)
    if few := parts.attrs.get("parts"):
        typer.echo(
            f"{data}: few lesions a class, so one in {few} is for validation and one in {few} for test", err=True
        )
    return parts
