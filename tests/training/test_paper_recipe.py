"""The paper's recipe does what the paper says, and the command line takes what the paper compares."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from paths import DATA
from typer.testing import CliRunner

from hfskin.cli import app
from hfskin.cli.training import Condition
from hfskin.training.arguments import optimizer_of, precision_here, training_arguments
from hfskin.training.config import TrainConfig
from hfskin.training.keras_adam import KerasAdam
from hfskin.training.recipes import CONDITIONS, MODERN, PAPER


def by_hand(gradients: list[float], eps: float) -> float:
    """Keras' update rule in plain numbers (keras/src/optimizers/adam.py), from 0 with a learning rate of 1."""
    x = m = v = 0.0
    for t, g in enumerate(gradients, 1):
        alpha = (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
        m += (g - m) * (1 - 0.9)
        v += (g * g - v) * (1 - 0.999)
        x -= m * alpha / (v**0.5 + eps)
    return x


def test_keras_adam_steps_as_keras_does():
    gradients = [0.3, -0.01, 0.002, 1.5, 0.0, -0.7]
    x = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = KerasAdam([x], lr=1.0, eps=0.1)
    for g in gradients:
        x.grad = torch.full_like(x, g)
        optimizer.step()
    torch.testing.assert_close(x.detach(), torch.full((3,), by_hand(gradients, 0.1), dtype=torch.float64))


def test_epsilon_is_what_makes_it_differ_from_torchs():
    """The same where epsilon is nothing; 31.6 times shorter at the first step where it is all."""
    steps = {}
    for name, kind in (("keras", KerasAdam), ("torch", torch.optim.Adam)):
        for eps in (1e-12, 1e6):
            x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
            optimizer = kind([x], lr=1.0, eps=eps)
            for t in range(1, 1001):
                x.grad = torch.ones_like(x)
                before = x.item()
                optimizer.step()
                steps[name, eps, t] = before - x.item()
    assert steps["keras", 1e-12, 1] == pytest.approx(steps["torch", 1e-12, 1])
    assert steps["torch", 1e6, 1] / steps["keras", 1e6, 1] == pytest.approx(31.62, abs=0.01)
    assert steps["torch", 1e6, 1000] / steps["keras", 1e6, 1000] == pytest.approx(1.258, abs=0.001)


def test_keras_adam_goes_on_from_its_state():
    torch.manual_seed(0)
    runs = []
    for interrupted in (False, True):
        x = torch.ones(4, requires_grad=True)
        optimizer = KerasAdam([x], lr=0.1, eps=0.1)
        for step in range(4):
            if interrupted and step == 2:
                state = optimizer.state_dict()
                optimizer = KerasAdam([x], lr=0.1, eps=0.1)
                optimizer.load_state_dict(state)
            x.grad = x.detach() * step
            optimizer.step()
        runs.append(x.detach().clone())
    torch.testing.assert_close(*runs, rtol=0, atol=0)


def test_the_paper_takes_each_backbones_own_size_and_keras_adam():
    sizes = {name: TrainConfig(PAPER, name).image_size for name in ("mobilenet_v2", "inception_v3", "nasnet_large")}
    assert sizes == {"mobilenet_v2": (224, 224), "inception_v3": (299, 299), "nasnet_large": (331, 331)}
    assert TrainConfig(MODERN, "inception_v3").image_size == (144, 192)
    assert TrainConfig(PAPER, "inception_v3", image_size=(96, 96)).image_size == (96, 96)
    assert optimizer_of(PAPER) == (KerasAdam, {"lr": 1e-3, "eps": 0.1})
    assert optimizer_of(MODERN) is None


def test_a_batch_in_parts_is_the_same_batch(tmp_path):
    told = training_arguments(replace(PAPER, accumulation=4), tmp_path, seed=0, workers=0)
    assert (told.per_device_train_batch_size, told.gradient_accumulation_steps) == (8, 4)
    with pytest.raises(ValueError, match="32 cannot be shared by 1 process in 5 parts"):
        training_arguments(replace(PAPER, accumulation=5), tmp_path, seed=0)


def test_several_gpus_for_one_process_and_emulated_bf16_are_no_silent_choice(tmp_path, monkeypatch):
    assert precision_here("bf16") == "fp32"  # no GPU here
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    assert (precision_here("bf16"), precision_here("fp32")) == ("fp16", "fp32")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match="2 GPUs for one process: start one process a GPU with `torchrun"):
        training_arguments(PAPER, tmp_path, seed=0)
    with pytest.raises(ValueError, match="unknown precision 'bf8'"):
        precision_here("bf8")


def test_the_command_line_knows_every_condition():
    assert {condition.value for condition in Condition} == set(CONDITIONS)


@pytest.fixture
def four_times(tmp_path) -> Path:
    """The 28 lesions four times over, as a HAM10000 folder: enough for a stratified split."""
    table = pd.read_csv(DATA / "HAM10000_metadata.csv")
    folder = tmp_path / "data"
    folder.mkdir()
    parts = [table.assign(image_id=table["image_id"] + "abcd"[i]) for i in range(4)]
    for image_id in pd.concat(parts)["image_id"]:
        (folder / f"{image_id}.jpg").symlink_to(DATA / "images" / f"{image_id[:-1]}.jpg")
    pd.concat(parts).to_csv(folder / "HAM10000_metadata.csv", index=False)
    return folder


def test_conditions_and_options_reach_the_run(four_times, tmp_path):
    """One real command, which its time limit ends at the first step: its facts tell what it was."""
    command = ["train", "--data", str(four_times), "--split", "paper", "--recipe", "paper", "--backbone",
               "mobilenet_v3_small"]  # fmt: skip
    options = ["--backbone-weights", "none", "--image-size", "64", "64", "--condition", "no_metadata",
               "--condition", "no_attention", "--batch-size", "8", "--accumulation", "2", "--precision", "fp32",
               "--workers", "0", "--minutes", "0"]  # fmt: skip
    result = CliRunner().invoke(app, [*command, *options, "-o", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    facts = json.loads((tmp_path / "run" / "training.json").read_text())
    assert (facts["image_size"], facts["finished"]) == ([64, 64], False)
    wanted = {"metadata_hidden": 0, "attention_maps": 0, "batch_size": 8, "accumulation": 2, "optimizer": "keras_adam"}
    assert {name: facts["recipe"][name] for name in wanted} == wanted
