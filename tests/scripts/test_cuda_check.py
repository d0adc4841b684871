"""The check for a machine with a GPU."""

import json
import subprocess
import sys

import pytest
import torch
from paths import DATA, MASKS, ROOT

COMMAND = [sys.executable, "-m", "scripts.cuda_check", "--data", str(DATA), "--masks", str(MASKS), "-o"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="for a GPU")
def test_training_on_a_gpu_does_what_it_does_on_a_cpu(tmp_path):
    done = subprocess.run([*COMMAND, str(tmp_path / "result.json")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert len(result["checks"]) == 5 + (len(result["devices"]) > 1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="for a machine without a GPU")
def test_without_a_gpu_nothing_is_written(tmp_path):
    done = subprocess.run([*COMMAND, str(tmp_path / "result.json")], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "cuda_check: torch finds no GPU here, and on a CPU the tests check "
                                                 "the same\n")  # fmt: skip
    assert not (tmp_path / "result.json").exists()
