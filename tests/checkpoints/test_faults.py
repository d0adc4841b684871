"""Full and read-only disks, damaged files, tables that do not fit: one line each, and what was good stays."""

import dataclasses
import os
import resource
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

import hfskin
from hfskin.checkpoints.layout import EMBEDDED_CHECKPOINT
from hfskin.checkpoints.save import write_whole
from hfskin.cli import app
from hfskin.training.config import TrainConfig
from hfskin.training.recipes import PAPER
from hfskin.training.resume import SaveError, last_complete_checkpoint
from hfskin.training.run import train

pytestmark = pytest.mark.slow

RECIPE = dataclasses.replace(PAPER, epochs=2, batch_size=8, metadata_hidden=16, pooling="avg")


def hfskin_command(*args) -> tuple[int, str]:
    """Exit code and stderr, which must be a single line."""
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.output
    return result.exit_code, lines[0]


@contextmanager
def largest_file(size: int):
    """Inside, the system refuses to let a file grow beyond `size` bytes, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def folder(tmp_path, table) -> Path:
    """Ten lesions."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for path in table["path"][:10]:
        shutil.copy(path, folder)
    return folder


def test_predict_onto_a_disk_that_fills_up(folder, tiny_checkpoint, tmp_path):
    output = tmp_path / "out.csv"
    command = ["predict", folder, "--model", tiny_checkpoint, "--format", "csv", "-o", output]
    assert CliRunner().invoke(app, [str(arg) for arg in command]).exit_code == 0
    good = output.read_text()
    output.write_text("good")
    with largest_file(len(good) // 2):
        code, line = hfskin_command(*command)
    assert code == 2
    assert "out.csv: cannot be written (File too large)" in line
    assert "rows are kept, and --resume goes on from there" in line
    assert output.read_text() == "good"
    assert CliRunner().invoke(app, [str(arg) for arg in [*command, "--resume"]]).exit_code == 0
    assert [row.split(",")[0] for row in output.read_text().splitlines()] == [
        row.split(",")[0] for row in good.splitlines()
    ]


@pytest.mark.parametrize(
    ("mount", "message"), [("size=8k", "No space left on device"), ("ro", "nothing may be written to")]
)
def test_predict_onto_a_small_or_read_only_disk(mount, message, folder, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*inside, f"mount -t tmpfs tmpfs {disk}"]).returncode:
        pytest.skip("no disk may be mounted here")
    script = (
        f'mount -t tmpfs tmpfs {disk}; echo good > {disk}/out.csv; mount -o remount,{mount} {disk}; "$@"; '
        f"echo code $?; cat {disk}/out.csv"
    )
    command = [sys.executable, "-m", "hfskin.cli", "predict", folder, folder, folder]
    command += ["--format", "csv", "-o", disk / "out.csv"]
    result = subprocess.run([*inside, script, "sh", *command], capture_output=True, text=True)
    assert result.stdout == "code 2\ngood\n"
    assert len(result.stderr.strip().splitlines()) == 1
    assert message in result.stderr


def test_training_onto_a_disk_that_fills_up_goes_on_later(table, tmp_path):
    rows = table.assign(split=["train" if i % 4 else "val" for i in range(len(table))])
    run, args = tmp_path / "run", ("mobilenet_v3_small", None, (64, 64))
    train(rows, tmp_path / "whole", TrainConfig(RECIPE, *args))
    shutil.copytree(tmp_path / "whole", run)
    shutil.rmtree(run / "trainer" / "checkpoint-6")  # as after the first epoch
    good = (run / "model.safetensors").read_bytes()
    with largest_file(1_500_000), pytest.raises(SaveError, match="the same command goes on"):
        train(rows, run, TrainConfig(RECIPE, *args))
    assert (run / "model.safetensors").read_bytes() == good
    assert hfskin.load(run)(rows["path"][0]).label in hfskin.CLASSES
    train(rows, run, TrainConfig(RECIPE, *args))
    last = Path("trainer", "checkpoint-6", "model.safetensors")
    assert (run / last).read_bytes() == (tmp_path / "whole" / last).read_bytes()
    damage_the_newest(run / "trainer")


def damage_the_newest(folder: Path) -> None:
    """Whichever file of the newest checkpoint is cut in half, the one before it is taken."""
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept)
    for name in ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"):
        file = folder / "checkpoint-6" / name
        os.truncate(file, file.stat().st_size // 2)
        assert last_complete_checkpoint(folder).endswith("checkpoint-3"), name
        assert not (folder / "checkpoint-6").exists()
        shutil.copytree(kept / "checkpoint-6", folder / "checkpoint-6")
    assert last_complete_checkpoint(folder).endswith("checkpoint-6")


def test_a_failed_write_leaves_the_old_text(tmp_path):
    write_whole(tmp_path / "metrics.json", "good")
    with largest_file(10), pytest.raises(OSError, match="File too large"):
        write_whole(tmp_path / "metrics.json", "x" * 1000)
    assert (tmp_path / "metrics.json").read_text() == "good"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "preprocessor_config.json"])
def test_a_checkpoint_cut_in_half(name, tiny_checkpoint, tmp_path, lesion_path):
    checkpoint = shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint")
    os.truncate(checkpoint / name, (checkpoint / name).stat().st_size // 2)
    code, line = hfskin_command("predict", lesion_path, "--model", checkpoint)
    assert code == 2
    assert str(checkpoint) in line


def test_weights_cut_in_half_beside_a_graph(tmp_path, lesion_path):
    """In a process of its own: ONNX Runtime would write to stderr past Python."""
    checkpoint = shutil.copytree(EMBEDDED_CHECKPOINT, tmp_path / "checkpoint")
    os.truncate(checkpoint / "model.safetensors", (checkpoint / "model.safetensors").stat().st_size // 2)
    command = [sys.executable, "-m", "hfskin.cli", "predict", lesion_path, "--model", checkpoint]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 2
    (line,) = result.stderr.strip().splitlines()
    assert str(checkpoint) in line
    assert len(line) < 400


@pytest.mark.parametrize("text", ['{"results": {', "[1, 2]", '{"results": 3}', "\x00\x01"])
def test_a_corrupt_metrics_json(text, tmp_path):
    checkpoint = tmp_path / "checkpoint"
    embedded = Path(hfskin.__file__).parent / "checkpoints" / "default"
    shutil.copytree(embedded, checkpoint)
    cards = tmp_path / "cards"
    assert CliRunner().invoke(app, ["card", str(checkpoint), "-o", str(cards)]).exit_code == 0
    good = {path: path.read_bytes() for path in cards.iterdir()}
    (checkpoint / "metrics.json").write_text(text)
    code, line = hfskin_command("card", checkpoint, "-o", cards)
    assert code == 2
    assert "metrics.json is not the JSON that belongs there" in line
    assert {path: path.read_bytes() for path in cards.iterdir()} == good


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"image_id,age\nA,1\nA,2\n", "image 'A' stands twice, and differs; keep one row"),
        ("image_id,age,sex\nMuttermal \u00e4\0,1,male\n".encode("latin-1"), "not a readable table"),
        (b"name,age\nA,1\n", "no column named image_id"),
        (b"image_id,colour\nA,1\n", "none of the columns age, sex, localization"),
    ],
)
def test_a_patients_table_that_does_not_fit(data, message, folder, tiny_checkpoint, tmp_path):
    (tmp_path / "patients.csv").write_bytes(data)
    output = tmp_path / "out.csv"
    output.write_text("good")
    code, line = hfskin_command(
        "predict", folder, "--model", tiny_checkpoint, "--metadata", tmp_path / "patients.csv", "-o", output
    )
    assert code == 2
    assert "patients.csv: " in line
    assert message in line
    assert output.read_text() == "good"


def test_patients_without_pictures_and_pictures_without_patients(folder, tiny_checkpoint, tmp_path, table):
    ids = list(table["image_id"][:9])
    (tmp_path / "patients.csv").write_text("image_id,age\n" + "".join(f"{i},50\n" for i in [*ids, "ISIC_9", "ISIC_8"]))
    command = ["predict", str(folder), "--model", str(tiny_checkpoint), "--metadata", str(tmp_path / "patients.csv")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        f"patients.csv: 1 picture has no row, such as {table['path'][9].name}: looked at without age, sex and site",
        "patients.csv: 2 rows have no picture, such as ISIC_8: left out",
    ]


def train_command(data: Path, output: Path) -> list[str]:
    return ["train", "--backbone", "mobilenet_v3_small", "--data", str(data), "-o", str(output)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"image_id,dx\nA,nv\nA,mel\n", "image 'A' stands twice, and differs; keep one row an image"),
        ("image_id,dx\n\u00c4\0,nv\n".encode("latin-1"), "save it as UTF-8 CSV"),
        (b"image_id,age\nA,1\n", "column 'dx' is missing"),
        (b"image_id,dx\nA,nv\n", "no picture of the table's 1 row was found"),
    ],
)
def test_training_data_that_does_not_fit(data, message, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "metadata.csv").write_bytes(data)
    code, line = hfskin_command(*train_command(tmp_path / "data", tmp_path / "run"))
    assert code == 2
    assert message in line
    assert not (tmp_path / "run").exists()


def test_training_data_with_gaps_says_what_is_left_out(tmp_path, data_folder):
    data = shutil.copytree(data_folder, tmp_path / "data")
    first, second, third = sorted((data / "images").iterdir())[:3]
    first.unlink()
    second.rename(second.with_name("ISIC_9.jpg"))
    shutil.copy(third, third.with_name(f"{third.stem}_segmentation.png"))  # a mask needs no row
    result = CliRunner().invoke(app, train_command(data, tmp_path / "run"))
    lines = result.stderr.strip().splitlines()
    assert result.exit_code == 2  # timm's weights are not here
    assert lines[0].startswith(f"{data}: 2 rows of the table have no picture and are left out, such as ISIC_")
    assert lines[1] == f"{data}: 1 picture has no row in the table and is left out, such as ISIC_9"
    assert "one in 4 is for validation" in lines[2]
