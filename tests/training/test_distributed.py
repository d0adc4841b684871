"""Several processes do what one does: two of them, on this machine's CPU, as `torchrun` starts them."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from transformers import set_seed

import hfskin
from hfskin.data.ham10000 import load_ham10000
from hfskin.inference.base import BATCH_SIZE
from hfskin.inference.batch.formats import FORMATS
from hfskin.inference.batch.items import Item, Row, predict_items
from hfskin.inference.batch.row_file import RowFile, read_records
from hfskin.inference.batch.shards import Shard, put_together
from hfskin.training.config import TrainConfig
from hfskin.training.recipes import MODERN, PAPER
from hfskin.training.run import train
from hfskin.training.start import create_model

pytestmark = pytest.mark.slow

# Without BatchNorm, dropout and augmentation, two processes must compute what one does. Keras' Adam starts with small
# steps; at this learning rate four of them show.
PLAIN = dataclasses.replace(
    PAPER, epochs=2, learning_rate=1e-2, batch_size=8, metadata_hidden=16, pooling="avg", dropout=0.0
)
# With everything; each process has the BatchNorm statistics of its own pictures, so the weights differ from one's.
EVERYTHING = dataclasses.replace(MODERN, epochs=2, batch_size=8, metadata_hidden=16)


def torchrun(*args: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *args]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=500)


def run_plain(table: pd.DataFrame, output: Path) -> None:
    train(table, output, TrainConfig(PLAIN, "vgg16", weights=None, image_size=(32, 48)))


def run_everything(table: pd.DataFrame, output: Path, minutes: float | None = None) -> None:
    train(
        table,
        output,
        TrainConfig(EVERYTHING, "mobilenet_v3_small", weights=None, image_size=(64, 64)),
        max_minutes=minutes,
    )


def split_table(folder: Path) -> pd.DataFrame:
    """16 training pictures, two whole batches, and 12 to validate."""
    table = load_ham10000(folder)
    return table.assign(split=["train" if i % 7 < 4 else "val" for i in range(len(table))])


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data_folder) -> Path:
    """Both runs by two processes, and the plain one by one process."""
    folder = tmp_path_factory.mktemp("runs")
    result = torchrun(__file__, str(data_folder), str(folder))
    assert result.returncode == 0, result.stderr[-2000:]
    run_plain(split_table(data_folder), folder / "one")
    return folder


def test_two_processes_train_to_the_same_weights(runs):
    one, two = (load_file(runs / name / "model.safetensors") for name in ("one", "two"))
    set_seed(0)
    start = create_model(PLAIN, "vgg16", None, (32, 48)).state_dict()
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-4, atol=1e-6)
    moved = max(float((one[name] - start[name]).abs().max()) for name in one)
    assert moved > 1e-4  # far more than they may differ


def test_two_processes_take_the_same_steps_and_see_every_validation_picture(runs):
    one, two = (json.loads((runs / name / "training.json").read_text()) for name in ("one", "two"))
    assert [entry["step"] for entry in two["history"]] == [entry["step"] for entry in one["history"]] == [2, 4]
    for mine, theirs in zip(one["history"], two["history"], strict=True):
        for name in ("eval_accuracy", "eval_bma"):  # eval_loss counts the pictures that fill a batch
            assert theirs[name] == pytest.approx(mine[name], abs=1e-4)


def test_the_best_average_is_saved_once_and_loads(runs, lesion_path):
    folder = runs / "everything"
    facts = json.loads((folder / "training.json").read_text())
    assert facts["finished"]
    assert [entry["step"] for entry in facts["history"]] == [2, 4]
    best = load_file(folder / "model.safetensors")
    average = load_file(folder / "trainer" / f"checkpoint-{facts['best']['step']}" / "ema.safetensors")
    assert all(torch.equal(best[name], average[name]) for name in best)
    assert hfskin.load(folder)(lesion_path).label in hfskin.CLASSES


def test_a_batch_that_cannot_be_shared_is_told(table, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ValueError, match="a batch of 8 cannot be shared by 3 processes"):
        run_plain(table.assign(split=["train", "val"] * 14), tmp_path)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, table) -> Path:
    """Five batches of pictures, the last one short, and one file that cannot be read."""
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(3):
        for path in table["path"][:23]:
            (folder / f"{i}_{path.name}").write_bytes(path.read_bytes())
    (folder / "0_empty.jpg").write_bytes(b"")
    return folder


def test_two_processes_predict_the_same_file(pictures, tmp_path):
    """With the variables that torchrun sets, since it takes no part in it."""

    def predict(name: str, **torchrun: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "hfskin.cli", "predict", pictures, "--format", "csv", "-o", tmp_path / name]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | torchrun)

    ranks = [{"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"} for rank in "01"]
    processes = [predict("one.csv"), *(predict("two.csv", **rank) for rank in ranks)]
    failed = "0_empty.jpg: the file is empty\n"
    assert [process.communicate()[1] for process in processes] == [failed, failed, ""]
    one, *two = (process.returncode for process in processes)
    assert one == max(two) == 1  # whichever is the last
    # Numbers to the last digits only: how many threads share a sum decides over those.
    tables = (pd.read_csv(tmp_path / name) for name in ("two.csv", "one.csv"))
    pd.testing.assert_frame_equal(*tables, rtol=1e-5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.csv", "two.csv"]


@pytest.mark.parametrize("count", [1, 2, 3, 64])
def test_parts_hold_every_picture_once_in_order(count):
    pictures = list(range(10 * BATCH_SIZE + 3))
    parts = [Shard(rank, count).part(pictures) for rank in range(count)]
    assert [picture for part in parts for picture in part] == pictures
    assert all(len(part) % BATCH_SIZE == 0 for part in parts if part and part[-1] != pictures[-1])


@pytest.mark.parametrize("name", ["csv", "json", "isic"])
def test_the_last_part_to_be_written_makes_it_whole(name, tmp_path, tiny_checkpoint, table):
    rows = list(predict_items(hfskin.load(tiny_checkpoint), [Item(p.name, p) for p in table["path"][:5]]))
    rows.insert(2, Row("bad.jpg", error="bad.jpg: the file is empty"))
    output, format = tmp_path / f"out.{name}", FORMATS[name]
    parts = [(Shard(0, 3), rows[:3]), (Shard(1, 3), rows[3:]), (Shard(2, 3), [])]
    for shard, part in reversed(parts):
        assert not output.exists()
        RowFile(shard.path(output), format).write(part)
        whole = put_together(output, shard, format)
    assert output.read_text() == "".join(format.pieces(rows))
    assert whole.rows == len(list(read_records(output, format)))
    assert [path.name for path in tmp_path.iterdir()] == [output.name]


if __name__ == "__main__":
    data, folder = map(Path, sys.argv[1:])
    rows = split_table(data)
    run_plain(rows, folder / "two")
    run_everything(rows, folder / "everything", minutes=0.0001)
    run_everything(rows, folder / "everything")
