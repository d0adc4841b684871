"""Metrics, calibration, weights: what was measured must be what is told and pushed."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from paths import DATA, ROOT
from typer.testing import CliRunner

import hfskin
from hfskin.calibration.calibrate import calibrate_checkpoint
from hfskin.checkpoints.history import StaleMetricsError
from hfskin.checkpoints.layout import EMBEDDED_CHECKPOINT, METRICS_FILE, ONNX_FILE, digests
from hfskin.cli import app
from hfskin.hub.card import write_card
from hfskin.hub.push import stage_checkpoint

pytestmark = pytest.mark.slow


def evaluate(checkpoint, model=None):
    command = ["evaluate", "--data", DATA, "--split", "all", "--model", model or checkpoint]
    result = CliRunner().invoke(app, [*map(str, command), "-o", str(checkpoint / METRICS_FILE)])
    assert result.exit_code == 0, result.output


def test_what_was_calibrated_since_is_measured_again_before_it_is_told(tiny_checkpoint, table, tmp_path):
    checkpoint = tmp_path / "mine"
    shutil.copytree(tiny_checkpoint, checkpoint)
    evaluate(checkpoint)
    write_card(checkpoint, tmp_path / "cards")
    part = table.groupby("dx").cumcount().map({0: "train", 1: "train", 2: "val", 3: "test"})
    calibrate_checkpoint(checkpoint, table.assign(split=part))
    for tell in (
        lambda: write_card(checkpoint, tmp_path / "cards"),
        lambda: stage_checkpoint(checkpoint, tmp_path / "staged", "org/mine"),
    ):
        with pytest.raises(StaleMetricsError, match=r"measured other weights and calibration.*hfskin evaluate --model"):
            tell()
    result = CliRunner().invoke(app, ["push", str(checkpoint), "org/mine"])
    assert (result.exit_code, "measured other" in result.output) == (2, True)
    evaluate(checkpoint)
    staged = tmp_path / "again"
    stage_checkpoint(checkpoint, staged, "org/mine")
    # What was pushed can be pushed on: saving the settings again does not make them others.
    assert json.loads((staged / METRICS_FILE).read_text())["measured"] == digests(staged)
    assert "mine" in (staged / "README.md").read_text()


def test_metrics_of_a_graph_are_not_the_checkpoints(tmp_path):
    checkpoint = tmp_path / "mine"
    shutil.copytree(EMBEDDED_CHECKPOINT, checkpoint)
    evaluate(checkpoint, checkpoint / ONNX_FILE)
    with pytest.raises(StaleMetricsError):
        write_card(checkpoint, tmp_path)


def test_a_report_of_an_earlier_version_is_taken_as_it_is(tiny_checkpoint, tmp_path):
    checkpoint = tmp_path / "mine"
    shutil.copytree(tiny_checkpoint, checkpoint)
    (checkpoint / METRICS_FILE).write_text("{}")
    assert write_card(checkpoint, tmp_path).is_file()
    assert hfskin.load(checkpoint).config.temperature == 1.5


@pytest.mark.parametrize(
    ("call", "told"), [(["-m", "training"], "python -m training"), (["training.py"], "training.py")]
)
def test_a_run_tells_the_command_that_was_given(call, told, tmp_path):
    (tmp_path / "training.py").write_text(
        "from hfskin.checkpoints.history import how_it_ran\nprint(how_it_ran()['command'])\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    command = [sys.executable, *call, "--data", "two words"]
    printed = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert printed == f"{told} --data 'two words'\n"
