"""How a checkpoint came to be: the runs behind it, and the split that it was trained on."""

import csv
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .layout import SPLIT_FILE

if TYPE_CHECKING:
    import pandas as pd


class LearntError(ValueError):
    """Pictures that a checkpoint was trained on, where it is to be judged by them."""


def runs_in_order(training: Mapping | None) -> list[Mapping]:
    """A run's facts after those of the runs that it went on from, the first one first."""
    runs: list[Mapping] = []
    while training:
        runs.insert(0, training)
        training = training.get("before")
    return runs


def write_split(table: "pd.DataFrame", checkpoint: Path) -> None:
    """Write image_id, lesion_id, dx and split as CSV beside a checkpoint."""
    table[["image_id", "lesion_id", "dx", "split"]].to_csv(checkpoint / SPLIT_FILE, index=False)


def keep_split(checkpoint: Path, output: Path) -> None:
    """Give what is made of a checkpoint its split, if it has one."""
    if (checkpoint / SPLIT_FILE).is_file():
        shutil.copyfile(checkpoint / SPLIT_FILE, output / SPLIT_FILE)


def refuse_trained_on(checkpoint: Path, image_ids: Iterable[str]) -> None:
    """Let no checkpoint be judged by what it learnt, as far as the split beside it tells.

    Raises:
        LearntError: some of the pictures were trained on.
    """
    if not (checkpoint / SPLIT_FILE).is_file():
        return
    with (checkpoint / SPLIT_FILE).open(newline="", encoding="utf-8") as file:
        learnt = {row["image_id"] for row in csv.DictReader(file) if row["split"] == "train"} & set(image_ids)
    if learnt:
        raise LearntError(
            f"the checkpoint was trained on {len(learnt)} of these pictures, such as {min(learnt)} (its {SPLIT_FILE}); "
            "name the split that it was trained with"
        )
