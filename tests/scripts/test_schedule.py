"""Which runs `train_by_schedule` takes as done; test_cross_validation.py trains all the rounds."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import save_file

from hfskin.checkpoints.history import is_finished
from hfskin.checkpoints.layout import FINGERPRINT_FILE
from hfskin.model.backbones import create_backbone
from hfskin.training.config import TrainConfig
from hfskin.training.recipes import MODERN
from hfskin.training.run import train
from scripts.folds.schedule import Schedule, train_by_schedule
from scripts.runner import TimeLimit

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def split(table) -> pd.DataFrame:
    """84 pictures to train on, two batches: the 28 of tests/data under four names each."""
    many = pd.concat([table.assign(image_id=table["image_id"] + f"-{i}") for i in range(4)], ignore_index=True)
    return many.assign(split=["train" if i % 4 else "val" for i in range(len(many))])


@pytest.fixture(scope="module")
def schedule(tmp_path_factory) -> Schedule:
    weights = tmp_path_factory.mktemp("weights") / "initial.safetensors"
    save_file(create_backbone("mobilenet_v3_small").state_dict(), weights)
    return Schedule("mobilenet_v3_small", str(weights), (32, 48), (1,))


def train_first(split: pd.DataFrame, runs: Path, schedule: Schedule, minutes: float | None = None) -> Path:
    """The first run alone."""
    recipe = replace(MODERN, epochs=1)
    train(
        split,
        runs / "first",
        TrainConfig(recipe, schedule.backbone, schedule.weights, schedule.image_size),
        max_minutes=minutes,
    )
    return runs


def go_on(split: pd.DataFrame, runs: Path, schedule: Schedule, seed: int = 0) -> None:
    """What is not done stays so: the time is over."""
    assert train_by_schedule(split, runs, schedule, seed, TimeLimit(-1)) is None


def test_a_finished_run_counts_for_the_same_training_alone(split, schedule, tmp_path):
    runs = train_first(split, tmp_path / "runs", schedule)
    assert is_finished(runs / "first")
    go_on(split, runs, schedule)
    others = split.assign(split=split["split"].iloc[::-1].to_numpy())
    copies = {split["image_id"][1]: split["path"][1]}
    for differs, arguments in {
        "epochs 1 there and 2 here": (split, runs, replace(schedule, epochs=(2,))),
        "backbone mobilenet_v3_small there": (split, runs, replace(schedule, backbone="efficientnet_lite0")),
        "backbone_weights initial.safetensors there": (split, runs, replace(schedule, weights="timm")),
        "image_size": (split, runs, replace(schedule, image_size=(48, 48))),
        "n_copies 0 there and 1 here": (split, runs, replace(schedule, copies=copies)),
        "seed 0 there and 1 here": (split, runs, schedule, 1),
        "split_hash": (others, runs, schedule),
    }.items():
        with pytest.raises(ValueError, match=f"first was trained in another way: .*{differs}.* delete {runs}"):
            go_on(*arguments)


def test_what_an_earlier_version_recorded_is_compared(split, schedule, tmp_path):
    runs = train_first(split, tmp_path / "runs", schedule)
    (runs / "first" / FINGERPRINT_FILE).unlink()
    go_on(split, runs, schedule)
    with pytest.raises(ValueError, match="seed 0 there and 1 here"):
        go_on(split, runs, schedule, 1)


def test_a_run_that_was_cut_off_goes_on_in_the_same_way_alone(split, schedule, tmp_path):
    runs = train_first(split, tmp_path / "runs", schedule, minutes=0)
    assert not is_finished(runs / "first")
    with pytest.raises(ValueError, match=r"first holds a run .* seed 0 there and 1 here"):
        train_by_schedule(split, runs, schedule, 1)
