"""A run is what its config says: nothing is inferred from another setting, and nothing is ignored in silence."""

import logging
import re
from dataclasses import FrozenInstanceError, fields, replace

import pytest

import hfskin
from hfskin.checkpoints.layout import FINGERPRINT_FILE
from hfskin.checkpoints.save import write_json
from hfskin.training.arguments import training_arguments
from hfskin.training.config import TrainConfig
from hfskin.training.fingerprint import differences, run_fingerprint
from hfskin.training.recipes import MODERN, PAPER, Recipe
from hfskin.training.run import train
from hfskin.training.start import processor_and_model

SOME = {  # another value of every field that says how the optimiser goes
    "augment": 0.0,
    "adam_epsilon": 0.1,
    "gradient_clip": 0.0,
    "drop_last": False,
}


def arguments_of(recipe: Recipe, folder) -> dict:
    told = training_arguments(recipe, folder, seed=0).to_dict()
    return {name: told[name] for name in ("max_grad_norm", "dataloader_drop_last", "bf16", "adam_epsilon")}


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("augment", set()),
        ("adam_epsilon", {"adam_epsilon"}),
        ("gradient_clip", {"max_grad_norm"}),
        ("drop_last", {"dataloader_drop_last"}),
    ],
)
def test_an_ablation_changes_one_thing(field, changed, tmp_path):
    before, after = (arguments_of(r, tmp_path) for r in (MODERN, replace(MODERN, **{field: SOME[field]})))
    assert {name for name in before if before[name] != after[name]} == changed


def test_the_papers_run_is_as_it_was(tmp_path):
    told = arguments_of(PAPER, tmp_path)
    assert told == {"max_grad_norm": 0.0, "dataloader_drop_last": False, "bf16": False, "adam_epsilon": 0.1}


def test_a_head_that_stays_is_said(tiny_checkpoint, caplog):
    with caplog.at_level(logging.WARNING, "hfskin"):
        _, model = processor_and_model(TrainConfig(MODERN, start=tiny_checkpoint), hfskin.CLASSES)
    assert model.config.metadata_hidden == 16
    assert "keeps its own head" in caplog.text
    assert "metadata_hidden 16, not 128" in caplog.text


def test_a_config_is_checked_and_frozen(tiny_checkpoint):
    for wrong in ({}, {"backbone": "vgg16", "start": tiny_checkpoint}):
        with pytest.raises(ValueError, match="either a backbone, or a checkpoint"):
            TrainConfig(MODERN, **wrong)
    with pytest.raises(FrozenInstanceError):
        TrainConfig(MODERN, "vgg16").seed = 1


@pytest.mark.parametrize("name", [field.name for field in fields(Recipe)])
def test_whatever_a_recipe_says_makes_another_run(name, table, tmp_path):
    split = table.assign(split="train")
    mine, other = (
        run_fingerprint(split, TrainConfig(recipe, "vgg16")) for recipe in (MODERN, replace(MODERN, **{name: "other"}))
    )
    write_json(tmp_path / FINGERPRINT_FILE, mine)
    assert differences(tmp_path, mine) == ""
    assert re.search(rf"\b{name} \S+ there and other here", differences(tmp_path, other))


def test_pictures_fewer_than_a_batch_are_trained_on(table, tmp_path):
    split = table.assign(split=["val" if i % 4 == 0 else "train" for i in range(len(table))])
    recipe = replace(MODERN, epochs=1, metadata_hidden=8, batch_size=len(split) + 1)
    config = TrainConfig(recipe, "mobilenet_v3_small", weights=None, image_size=(64, 64))
    train(split, tmp_path / "run", config)
    assert (tmp_path / "run" / "model.safetensors").is_file()
