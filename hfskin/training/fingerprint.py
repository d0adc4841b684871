"""What makes two starts of training one run: a start that differs must not go on from the other's checkpoints."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ..checkpoints.layout import FINGERPRINT_FILE, TRAINING_FILE, folder_name
from ..data.ham10000 import classes_of
from ..data.splits import digest
from ..model.configuration_hfskin import HfskinConfig
from .config import TrainConfig


def run_fingerprint(table: pd.DataFrame, config: TrainConfig) -> dict:
    """The facts of a run that do not change while it goes on, as JSON holds them.

    Weights, the checkpoint that it goes on from and teachers are told by name, the split by a hash of its ids.

    Raises:
        OSError: `config.start` is not a checkpoint.
    """
    start = config if config.start is None else HfskinConfig.from_pretrained(config.start)
    origin = config.start or config.weights
    seen = table[table["split"].isin(["train", "val"])]
    train_ids = seen.loc[seen["split"] == "train", "image_id"]
    return {
        "backbone": start.backbone,
        "backbone_weights": folder_name(origin) if origin else None,
        "teachers": [folder_name(folder) for folder in config.teachers],
        "image_size": list(start.image_size or ()),  # TrainConfig fills it in
        "recipe": dataclasses.asdict(config.recipe),
        "seed": config.seed,
        "classes": list(classes_of(table)),
        "malignant": None if config.malignant is None else list(config.malignant),
        "n_train": len(train_ids),
        "n_copies": sum(image_id in (config.copies or {}) for image_id in train_ids),
        "n_masks": sum(image_id in (config.masks or {}) for image_id in train_ids),
        "n_val": len(seen) - len(train_ids),
        "split_hash": digest(seen["image_id"], seen["split"]),
    }


def refuse_another_run(output: Path, fingerprint: Mapping) -> None:
    """Let nobody go on from Trainer's checkpoints in `output` but the run that wrote them.

    Raises:
        ValueError: they are of a run with another fingerprint; the message says in what it differs.
    """
    if any((output / "trainer").glob("checkpoint-*")) and (found := differences(output, fingerprint)):
        raise ValueError(f"{output} holds a run that was trained in another way: {found}; give another folder or "
                         "delete this one")  # fmt: skip


def differences(run: Path, fingerprint: Mapping) -> str:
    """In what the run of a folder differs from `fingerprint`, in words; empty where it is not known to.

    Earlier versions wrote no `FINGERPRINT_FILE`: of their runs training.json tells most of it, if they wrote that.
    """
    record = next((run / name for name in (FINGERPRINT_FILE, TRAINING_FILE) if (run / name).is_file()), None)
    if record is None:
        return ""
    there, here = _flat(json.loads(record.read_text(encoding="utf-8"))), _flat(fingerprint)
    return ", ".join(
        f"{key} {there[key]} there and {value} here"
        for key, value in here.items()
        if key in there and there[key] != value
    )


def _flat(facts: Mapping) -> dict:
    """With the recipe's fields among the others."""
    return {key: value for key, value in facts.items() if key != "recipe"} | facts["recipe"]
