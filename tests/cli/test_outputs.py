"""Outputs: no command writes over what it reads, two never write one file, and a stop is one line."""

import csv
import fcntl
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from paths import DATA
from typer.testing import CliRunner

import hfskin
from hfskin.cli import app
from hfskin.cli.console import one_line_errors
from hfskin.cli.outputs import output_folder
from hfskin.demo.checkpoints import Checkpoints
from hfskin.inference.batch.formats import FORMATS
from hfskin.inference.batch.items import Row
from hfskin.inference.batch.row_file import RowFile

pytestmark = pytest.mark.slow


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def place(tmp_path, tiny_checkpoint) -> Path:
    """Pictures, their table, a checkpoint, and links to two of them."""
    shutil.copytree(DATA, tmp_path / "data")
    shutil.copytree(tiny_checkpoint, tmp_path / "model")
    shutil.copy(DATA / "images" / "ISIC_0024308.jpg", tmp_path / "x.jpg")
    (tmp_path / "link.jpg").symlink_to("x.jpg")
    (tmp_path / "patients.csv").write_text("image_id,age\nx,50\n")
    (tmp_path / "weights.safetensors").write_bytes(b"")
    (tmp_path / "old.csv").write_text("")
    (tmp_path / "readme").mkdir()
    (tmp_path / "readme" / "README.md").write_text("of another program")
    return tmp_path


PREDICT = "predict x.jpg --model model --format csv"
TRAIN = "train --data data --backbone mobilenet_v3_small"
SECONDS = 500  # that may pass before something is surely stuck; a busy machine is slow


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (f"{PREDICT} -o x.jpg", "x.jpg: is what the command reads"),
        (f"{PREDICT} -o ./data/../x.jpg", "is what the command reads"),
        (f"{PREDICT} -o link.jpg", "is what the command reads"),
        ("predict link.jpg --model model -o x.jpg", "is what the command reads"),
        ("predict data --model model -o data/images/ISIC_0024308.jpg", "is what the command reads"),
        (f"{PREDICT} --metadata patients.csv -o patients.csv", "is what the command reads"),
        (f"{PREDICT} -o model/model.safetensors", "is what the command reads"),
        (f"{PREDICT} -o model/config.json", "is what the command reads"),
        (f"{PREDICT} -o data", "is a folder; give the name of a file"),
        (f"{PREDICT} -o nowhere/out.csv", "there is no folder nowhere; make it first"),
        (f"{PREDICT} -o /dev/null", "is no ordinary file"),
        (f"{PREDICT} -o x.jpg/out.csv", "there is no folder x.jpg"),
        ("export model -o model/model.safetensors", "is written as .onnx"),
        ("export model -o data", "is a folder"),
        ("evaluate --data data --model model --split all -o data/HAM10000_metadata.csv", "is written as .json"),
        ("evaluate --data data --model model --split all -o model/config.json", "is what the command reads"),
        ("evaluate --data data --model model --split all -o data", "is a folder"),
        ("evaluate --data data --model model --split all --plots x.jpg", "x.jpg: is a file; give the name of a folder"),
        (f"{TRAIN} -o data", "data: is what the command reads"),
        (f"{TRAIN} -o x.jpg", "is a file; give the name of a folder"),
        (f"{TRAIN} -o x.jpg/run", "x.jpg is a file"),
        (f"{TRAIN} --backbone-weights weights.safetensors -o .", "is what the command reads"),
        ("train --data data --from model -o model", "is what the command reads"),
        ("average model model -o model", "is what the command reads"),
        ("join model model -o model", "is what the command reads"),
        ("dataset build data -o data", "is what the command reads"),
        ("dataset build data -o readme", "readme/README.md: is not what an earlier build wrote"),
        ("card model -o x.jpg", "is a file"),
    ],
)
def test_no_output_is_an_input_and_no_work_is_done_first(place, monkeypatch, command, message):
    monkeypatch.chdir(place)
    before = contents(place)
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.strip().splitlines()
    assert message in line
    assert contents(place) == before
    assert not Path("/dev/null").is_file()


def test_a_checkpoint_may_be_the_folder_that_one_is_in(place, monkeypatch):
    monkeypatch.chdir(place / "model")
    (place / "model" / "metrics.json").write_text('{"schema_version": 1}')
    result = CliRunner().invoke(app, ["card", ".", "-o", "../cards"])
    assert result.exit_code == 0, result.output
    assert (place / "cards" / "model.md").read_text().count("# model\n") == 1
    result = CliRunner().invoke(app, ["calibrate", ".", "--data", "../data"])
    assert result.exit_code == 0, result.output
    assert hfskin.load(place / "model", backend="torch").config.gate_threshold is not None
    assert Checkpoints(".").get().name == "model"
    assert [path.name for path in place.iterdir() if path.name.endswith(".writing")] == []


def test_a_folder_of_another_program_is_left_alone(place, monkeypatch):
    monkeypatch.chdir(place)
    (place / "vit").mkdir()
    (place / "vit" / "config.json").write_text('{"model_type": "vit"}')
    for name in ("model.safetensors", "preprocessor_config.json"):  # whole, as that program left it
        shutil.copy(place / "model" / name, place / "vit")
    for command in ("average model model -o vit", f"{TRAIN} -o vit", "calibrate vit --data data"):
        result = CliRunner().invoke(app, command.split())
        assert (result.exit_code, "not one of hfskin" in result.stderr) == (2, True), result.output
    assert (place / "vit" / "config.json").read_text() == '{"model_type": "vit"}'


def test_what_hfskin_wrote_may_be_written_again(place, monkeypatch):
    monkeypatch.chdir(place)
    for _ in range(2):
        for output in ("old.csv", "model/answers.csv", "data/answers.csv"):
            result = CliRunner().invoke(app, [*PREDICT.split(), "-o", output])
            assert result.exit_code == 0, result.output
            assert Path(output).read_text().startswith("image,")
    assert not list(place.rglob(".*")), "a lock or a half-written file is left"


# Each command, in one process: its exit code and what it says.
EACH = """
import json, sys
from typer.testing import CliRunner
import hfskin
from hfskin.cli import app
from hfskin.cli.console import one_line_errors
from hfskin.cli.outputs import output_folder
for command in json.load(sys.stdin):
    result = CliRunner().invoke(app, command.split())
    print(json.dumps([command, result.exit_code, result.stderr]))
"""


def test_a_read_only_disk_is_named_before_any_work(place):
    commands = [
        f"{PREDICT} -o ro/out.csv",
        "export model -o ro/out.onnx",
        "export ro/model",
        "evaluate --data data --model model --split all -o ro/metrics.json",
        "evaluate --data data --model model --split all --plots ro/plots",
        f"{TRAIN} -o ro/run",
        "average model model -o ro/run",
        "join model model -o ro/run",
        "calibrate ro/model --data data",
        "card model -o ro/cards",
        "dataset build data -o ro/set",
    ]
    (place / "ro").mkdir()
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*inside, f"mount -t tmpfs tmpfs {place}/ro"]).returncode:
        pytest.skip("no disk may be mounted here")
    script = 'mount -t tmpfs tmpfs ro && cp -r model ro && mount -o remount,ro ro && exec "$@"'
    before = contents(place)
    process = [*inside, script, "sh", sys.executable, "-c", EACH]
    result = subprocess.run(process, input=json.dumps(commands), cwd=place, capture_output=True, text=True, check=True)
    said = [json.loads(line) for line in result.stdout.splitlines()]
    assert [command for command, _, _ in said] == commands
    for command, code, line in said:
        assert (code, line.count("\n")) == (2, 1), command
        assert "cannot be written (nothing may be written to " in line, command
    assert contents(place) == before


def hfskin_process(*args, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "hfskin.cli", *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, **options,
    )  # fmt: skip


def wait_for(path: Path, process: subprocess.Popen) -> None:
    deadline = time.time() + SECONDS
    while not path.exists() and process.poll() is None and time.time() < deadline:
        time.sleep(0.01)
    assert path.exists(), process.communicate()


def test_the_second_writer_is_sent_away_and_the_first_one_is_whole(place, monkeypatch):
    monkeypatch.chdir(place)
    first = hfskin_process("predict", *["data"] * 10, "--format", "csv", "-o", "out.csv")
    wait_for(place / ".out.csv.writing", first)
    first.send_signal(signal.SIGSTOP)  # it must not come to its end meanwhile
    for options in ([], ["--resume"]):
        result = CliRunner().invoke(app, [*PREDICT.split(), "-o", "out.csv", *options])
        assert result.exit_code == 2
        assert result.stderr == "hfskin: out.csv: another command is writing it; wait for it, or give another name\n"
    first.send_signal(signal.SIGCONT)
    assert first.wait(SECONDS) == 0
    assert len((place / "out.csv").read_text().splitlines()) == 1 + 10 * 28
    assert not list(place.glob(".out*"))


def test_a_folder_has_one_writer_too(place, monkeypatch):
    monkeypatch.chdir(place)
    with (place / "model" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = CliRunner().invoke(app, ["calibrate", "model", "--data", "data"])
    assert (result.exit_code, "another command is writing it" in result.stderr) == (2, True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_prediction_is_one_line_and_keeps_its_rows(place, monkeypatch, number, code):
    monkeypatch.chdir(place)
    (place / "out.csv").write_text("good")
    process = hfskin_process("predict", *["data"] * 30, "--format", "csv", "-o", "out.csv")
    growing = place / ".out.csv.writing"
    wait_for(growing, process)
    while growing.stat().st_size < 5000:
        time.sleep(0.01)
    process.send_signal(number)
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == code
    (line,) = said.strip().splitlines()
    assert line.startswith("hfskin: stopped; ")
    assert "rows are kept, and --resume goes on from there" in line
    assert (place / "out.csv").read_text() == "good"
    assert not (place / ".out.csv.lock").exists()


STOPPED = [
    (f"{TRAIN} --backbone-weights none --epochs 500 -o run", "run/.lock", signal.SIGTERM),
    ("calibrate model --data data", "model/.lock", signal.SIGINT),
    ("evaluate --data data --model model --shifts -o metrics.json", ".metrics.json.lock", signal.SIGTERM),
    ("export model", "model/.model.onnx.lock", signal.SIGINT),
    ("dataset build data -o set", "set/.lock", signal.SIGTERM),
]


def test_every_other_command_stops_in_one_line(place, monkeypatch):
    """All at once, as soon as they have begun."""
    monkeypatch.chdir(place)
    before = contents(place)
    running = [(hfskin_process(*command.split()), made, number) for command, made, number in STOPPED]
    starting, deadline = list(running), time.time() + SECONDS
    while starting and time.time() < deadline:
        for one in [one for one in starting if (place / one[1]).exists()]:
            one[0].send_signal(one[2])
            starting.remove(one)
        time.sleep(0.01)
    assert not starting, [process.communicate() for process, *_ in starting]
    swallowed = []
    for process, made, number in running:
        _, said = process.communicate(timeout=SECONDS)
        if said.startswith("Exception ignored in"):  # Python was in a destructor, which hears of no signal
            swallowed.append(made)
        else:
            assert (process.returncode, said.splitlines()[-1]) == (128 + number, "hfskin: stopped"), process.args
    assert len(swallowed) <= 1
    if not swallowed:
        assert contents(place) == before
        assert not (place / "run").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_while_the_lock_is_made_leaves_none(number, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fcntl, "flock", lambda *_: signal.raise_signal(number))
    with pytest.raises(SystemExit) as ended, one_line_errors(), output_folder(tmp_path / "a" / "b"):
        pytest.fail("the stop is lost")
    assert ended.value.code == 128 + number
    assert capsys.readouterr().err == "hfskin: stopped\n"
    assert not list(tmp_path.iterdir())


def test_whoever_has_seen_enough_is_told_nothing():
    process = hfskin_process("predict", DATA, DATA, "--format", "csv", pipesize=4096)  # less than all that it writes
    assert os.read(process.stdout.fileno(), 6) == b"image,"
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == ("", 141)


HARD = ["=cmd|' /C calc'!A0.jpg", "+1.jpg", "-1.jpg", "@x.jpg", "\t=1.jpg", "a;=1+1.jpg", "'=quoted.jpg", "'a.jpg",
        "\uff1d1.jpg", "b,\n=2.jpg", "plain.jpg", "Dr. O'Neil.jpg"]  # fmt: skip


@pytest.mark.parametrize("name", ["csv", "isic"])
def test_no_cell_is_a_formula_and_resume_knows_the_names(name, tmp_path, embedded, lesion_path):
    prediction = embedded(lesion_path)
    format, rows = FORMATS[name], [Row(name, prediction) for name in HARD]
    rows.append(Row("=bad.jpg", error="=bad.jpg: the file is empty"))
    RowFile(tmp_path / "out", format).write(rows)
    text = (tmp_path / "out").read_text()
    for delimiter in ",;\t":
        for cells in csv.reader(io.StringIO(text), delimiter=delimiter):
            numbers = [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\uff1d"))]
            assert all(float(cell) < 0 for cell in numbers), cells
    assert "plain" in text
    resumed = RowFile(tmp_path / "out", format, resume=True)
    again = resumed.missing((row.name, "") for row in rows)
    assert again == ([("=bad.jpg", "")] if name == "isic" else [])
    if name == "csv":
        assert resumed.errors == ["=bad.jpg: the file is empty"]
    resumed.write([Row("=bad.jpg", error="=bad.jpg: the file is empty")] if again else [])
    assert (tmp_path / "out").read_text() == text
