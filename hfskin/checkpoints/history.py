"""How a checkpoint came to be: the runs behind it, the split it was trained on, and whether it was measured since."""

import csv
import json
import os
import platform
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .layout import METRICS_FILE, SPLIT_FILE, TRAINING_FILE, digests
from .save import write_json

if TYPE_CHECKING:
    import pandas as pd


class LearntError(ValueError):
    """Pictures that a checkpoint was trained on, where it is to be judged by them."""


class StaleMetricsError(ValueError):
    """A metrics.json that measured something else than the checkpoint beside it."""


def read_training(checkpoint: Path) -> dict:
    """What training.json tells of a checkpoint's run.

    Raises:
        OSError, ValueError: there is none, or it is damaged.
    """
    try:
        return json.loads((checkpoint / TRAINING_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{checkpoint}: no {TRAINING_FILE}; it tells how this was trained") from None


def write_training(checkpoint: Path, facts: Mapping) -> None:
    """Write training.json, whole or not at all."""
    write_json(checkpoint / TRAINING_FILE, facts)


def is_finished(run: Path) -> bool:
    """Whether the run of this folder was trained to its end."""
    return (run / TRAINING_FILE).is_file() and read_training(run)["finished"]


def refuse_stale(checkpoint: Path, metrics: Mapping) -> None:
    """Let no metrics tell of other weights or another calibration than the checkpoint's own.

    Raises:
        StaleMetricsError: they were measured before the checkpoint changed, or of an ONNX file. Of a report without
            digests, as versions before 0.2 wrote it, nobody knows.
    """
    measured = metrics.get("measured")
    if measured is None:
        return
    then, now = measured if isinstance(measured, Mapping) else {}, digests(checkpoint)
    if changed := [name for name in now if then.get(name) != now[name]]:
        raise StaleMetricsError(
            f"{METRICS_FILE} of {checkpoint} measured other {' and '.join(changed)} than it has now; measure it again: "
            f"`hfskin evaluate --model {checkpoint}`"
        )


def runs_in_order(training: Mapping | None) -> list[Mapping]:
    """A run's facts after those of the runs that it went on from, the first one first."""
    runs: list[Mapping] = []
    while training:
        runs.insert(0, training)
        training = training.get("before")
    return runs


def how_it_ran() -> dict[str, Any]:
    """Of a training: "device", "versions" and "command", the program with the arguments that it was given."""
    import torch
    import transformers

    return {
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores",
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
        "command": f"{_program()} {shlex.join(sys.argv[1:])}".rstrip(),
    }


def _program() -> str:
    """As it was called: by its name, or as a module."""
    module = sys.modules["__main__"].__spec__
    return f"python -m {module.name.removesuffix('.__main__')}" if module else Path(sys.argv[0]).name


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
