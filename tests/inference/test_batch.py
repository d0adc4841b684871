"""Folders: streaming, and going on after a kill."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from rendered import figures
from typer.testing import CliRunner

import hfskin
import scripts.throughput.__main__ as throughput
from hfskin.checkpoints.layout import EMBEDDED_CHECKPOINT
from hfskin.cli import app
from hfskin.inference import backend
from hfskin.inference.base import BATCH_SIZE
from hfskin.inference.batch import items
from hfskin.inference.batch.formats import FORMATS
from hfskin.inference.batch.items import (
    Item,
    Row,
    find_pictures,
    predict_items,
)
from hfskin.inference.batch.row_file import OutputError, RowFile, read_records
from hfskin.inference.machine import threads_asked_for
from hfskin.model.image_reading import ImageError, read_image

pytestmark = pytest.mark.slow

LONG = pytest.mark.skipif("HFSKIN_LONG" not in os.environ, reason="the long form; HFSKIN_LONG=1 runs it")
READABLE = sorted(set(FORMATS) - {"table"})  # the formats that can be read back


@pytest.fixture(scope="module")
def rows(tiny_checkpoint, table) -> list[Row]:
    """Real answers, one failure, and names that need quoting."""
    answers = list(predict_items(hfskin.load(tiny_checkpoint), [Item(p.name, p) for p in table["path"][:4]]))
    hard = ['a, "quoted".jpg', "two\nlines.jpg", "Muttermal ä.jpg"]
    named = [Row(name, row.prediction) for name, row in zip(hard, answers, strict=False)]
    return [*named, Row("bad.jpg", error="bad.jpg: the file is empty"), *answers]


@pytest.fixture(scope="module")
def big_folder(tmp_path_factory, table) -> Path:
    """The 28 lesions several times over, as hard links where the disk allows it."""
    folder = tmp_path_factory.mktemp("big")
    for i in range(8):
        for path in table["path"]:
            try:
                os.link(path, folder / f"{i:02}_{path.name}")
            except OSError:
                (folder / f"{i:02}_{path.name}").write_bytes(path.read_bytes())
    return folder


def predict_command(folder: Path, model: Path, output: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "hfskin.cli", "predict", str(folder), "--model", str(model), "-o", str(output),
            *options]  # fmt: skip


@pytest.mark.parametrize("name", READABLE)
def test_any_cut_is_gone_on_with_to_the_same_file(name, rows, tmp_path):
    format, output, growing = FORMATS[name], tmp_path / "out", tmp_path / ".out.writing"
    RowFile(output, format).write(rows)
    whole = output.read_bytes()
    assert whole == "".join(format.pieces(rows)).encode()
    cuts = [0, 1, len(whole) - 1, len(whole), *random.Random(0).sample(range(len(whole)), 150)]
    by_name = {row.name: row for row in rows}
    for cut in cuts:
        output.unlink()
        growing.write_bytes(whole[:cut])
        file = RowFile(output, format, resume=True)
        file.write([by_name[name] for name, _ in file.missing((row.name, "") for row in rows)])
        assert output.read_bytes() == whole, cut
        assert not growing.exists()


@pytest.mark.parametrize("name", READABLE)
def test_a_whole_output_gets_only_what_is_new(name, rows, tmp_path):
    format, output = FORMATS[name], tmp_path / "out"
    RowFile(output, format).write(rows[:3])
    file = RowFile(output, format, resume=True)
    assert [name for name, _ in file.missing((row.name, "") for row in rows)] == [row.name for row in rows[3:]]
    file.write(rows[3:])
    assert output.read_text() == "".join(format.pieces(rows))


def test_a_name_that_stands_twice_needs_two_rows(rows, tmp_path):
    RowFile(tmp_path / "out", FORMATS["csv"]).write(rows[-1:])
    name = rows[-1].name
    file = RowFile(tmp_path / "out", FORMATS["csv"], resume=True)
    assert file.missing([(name, "a"), (name, "b")]) == [(name, "b")]


@pytest.mark.parametrize(
    ("name", "called"),
    [("a/ISIC_0024308.jpg", "ISIC_0024308"), ("img.v2.JPG", "img.v2"), ("scans/1.2.840.10008.5", "1.2.840.10008.5")],
)
def test_a_submission_names_pictures_without_folder_and_suffix(name, called, rows):
    assert FORMATS["isic"].write(Row(name, rows[0].prediction)).split(",")[0] == called


def test_another_format_is_not_gone_on_with(rows, tmp_path):
    RowFile(tmp_path / "out", FORMATS["csv"]).write(rows)
    for name in ("json", "isic"):
        with pytest.raises(OutputError, match="is of another format"):
            RowFile(tmp_path / "out", FORMATS[name], resume=True)
    assert (tmp_path / "out").read_text() == "".join(FORMATS["csv"].pieces(rows))


def kill_once_grown(command: list[str], growing: Path, size: int) -> bool:
    """Start a command and kill it with -9 as soon as the file has `size` bytes; False where it ended before."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        with suppress(FileNotFoundError):
            if growing.stat().st_size >= size:
                break
        time.sleep(0.002)
    process.kill()
    return process.wait() == -signal.SIGKILL


def killed_on_the_way(command: list[str], kills: int, output: Path, growing: Path) -> bool:
    """Start a command, kill it, go on and kill it again, `kills` times in all; False where it came to its end."""
    draw, size = random.Random(time.time_ns()), 0
    for kill in range(kills):
        until = size + draw.randint(1, 30_000 // kills)
        if not kill_once_grown([*command, "--resume"] if kill else command, growing, until):
            return False
        assert growing.stat().st_size >= size - 1000  # what was there stayed, but for one cut-off row
        assert output.read_text() == "good"
        size = growing.stat().st_size
    return True


@pytest.mark.parametrize(("name", "kills"), [("csv", 2), *(pytest.param(name, 12, marks=LONG) for name in READABLE)])
def test_killed_runs_lose_and_double_nothing(name, kills, big_folder, tmp_path):
    output, growing = tmp_path / "out", tmp_path / ".out.writing"
    command = predict_command(big_folder, EMBEDDED_CHECKPOINT, output, "--format", name)
    for _ in range(5):  # a run may be at its end before this process, on a busy machine, can kill it
        output.write_text("good")
        if killed_on_the_way(command, kills, output, growing):
            break
    else:
        pytest.fail("no run could be killed before its end")
    names = [name for name, _ in find_pictures([big_folder])]
    subprocess.run([*command, "--resume"], check=True)
    assert [record.name for record in read_records(output, FORMATS[name])] == [FORMATS[name].name(n) for n in names]
    assert not growing.exists()


def test_resume_says_again_what_failed(tiny_checkpoint, tmp_path, lesion_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "a_bad.jpg").write_bytes(b"")
    (folder / "b.jpg").write_bytes(lesion_path.read_bytes())
    command = predict_command(folder, tiny_checkpoint, tmp_path / "out.json", "--format", "json")[3:]
    first = CliRunner().invoke(app, command)
    text = (tmp_path / "out.json").read_text()
    again = CliRunner().invoke(app, [*command, "--resume"])
    assert first.exit_code == again.exit_code == 1
    assert again.stderr == first.stderr == "a_bad.jpg: the file is empty\n"
    assert (tmp_path / "out.json").read_text() == text
    assert [row["image"] for row in json.loads(text)] == ["a_bad.jpg", "b.jpg"]


def test_resume_needs_a_file_that_can_be_read_back(lesion_path, tmp_path):
    for options in (["--resume"], ["--resume", "--format", "csv"], ["--resume", "-o", str(tmp_path / "out")]):
        result = CliRunner().invoke(app, ["predict", str(lesion_path), *options])
        assert result.exit_code == 2
        assert "--resume needs --output" in result.stderr


def test_only_two_batches_are_held(tiny_checkpoint, lesion_path):
    """Ten thousand pictures are asked for one by one, so that memory does not grow with their number."""
    asked = []

    def items():
        for i in range(10_000):
            asked.append(i)
            yield Item(str(i), lesion_path)

    for seen, row in enumerate(predict_items(hfskin.load(tiny_checkpoint), items()), start=1):
        assert row.prediction is not None
        assert len(asked) - seen <= 2 * BATCH_SIZE
        if seen == 5 * BATCH_SIZE:
            break


def test_every_core_takes_whole_batches_of_a_folder(table, tmp_path, monkeypatch):
    """On ONNX Runtime; in order, as one by one, and never more than a few batches at once."""
    pipeline, asked, alone = backend.load(device="cpu"), [], []
    on_one_core = pipeline.on_one_core
    monkeypatch.setattr(pipeline, "on_one_core", lambda: alone.append(on_one_core()) or alone[0])
    (tmp_path / "empty.jpg").touch()
    pictures = [*table["path"], tmp_path / "empty.jpg", *table["path"]]

    def items():
        for i, path in enumerate(pictures):
            asked.append(i)
            yield Item(str(i), path, (55, "male", "back"))

    rows = []
    for row in predict_items(pipeline, items(), batch_size=4, workers=3):
        rows.append(row)
        assert len(asked) - len(rows) <= 4 * 4
    assert len(alone) == 1
    assert [row.name for row in rows] == [str(i) for i in range(len(pictures))]
    failed = rows.pop(len(table))
    assert failed.error == "28: empty.jpg: the file is empty"
    expected = pipeline([str(path) for path in table["path"]] * 2, age=55, sex="male", localization="back")
    for row, prediction in zip(rows, expected, strict=True):
        assert row.prediction.probabilities == pytest.approx(prediction.probabilities, abs=1e-5)


def test_threads_that_were_asked_for_are_not_exceeded(table, monkeypatch):
    """The page computes on one core, so that its visitors need not wait for each other."""
    pipeline, callers = backend.load(device="cpu", threads=1), set()
    predict = pipeline.predict_prepared
    monkeypatch.setattr(pipeline, "predict_prepared", lambda rows: callers.add(threading.get_ident()) or predict(rows))
    rows = list(predict_items(pipeline, [Item(path.name, path) for path in table["path"]], batch_size=4, workers=2))
    assert len(rows) == len(table)
    assert callers == {threading.get_ident()}


@pytest.mark.parametrize(("asked", "threads"), [("", None), ("3", 3), ("4,2", 4), ("0", None), ("many", None)])
def test_omp_num_threads_may_be_anything(asked, threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert threads_asked_for() == threads


def test_a_folder_that_is_left_early_leaves_no_thread(table):
    before = set(threading.enumerate())
    rows = predict_items(backend.load(device="cpu"), (Item("x", path) for path in [*table["path"]] * 20), workers=2)
    assert next(rows).prediction is not None
    rows.close()
    assert set(threading.enumerate()) <= before


def test_the_page_on_scale_is_rendered_from_its_figures():
    script = throughput
    assert figures(script.page(json.loads(script.RESULTS.read_text()))) == figures(script.PAGE.read_text())


def test_a_file_name_that_is_no_text_is_no_hindrance(tiny_checkpoint, tmp_path, lesion_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    try:
        Path(os.fsdecode(os.fsencode(folder) + b"/\xff.jpg")).write_bytes(lesion_path.read_bytes())
    except OSError:
        pytest.skip("this file system takes no such name")
    command = predict_command(folder, tiny_checkpoint, tmp_path / "out.csv", "--format", "csv")[3:]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert (tmp_path / "out.csv").read_text().splitlines()[1].startswith("\ufffd.jpg,")


def test_a_folder_that_cannot_be_read_has_a_row(lesion_path):
    """Root may read everything, so that here it is nobody for a moment; nobody cannot enter pytest's own folders."""
    with tempfile.TemporaryDirectory() as name:
        folder, closed = Path(name), Path(name) / "deep" / "closed"
        closed.mkdir(parents=True)
        (closed / "in.jpg").write_bytes(lesion_path.read_bytes())
        (folder / "out.jpg").write_bytes(lesion_path.read_bytes())
        folder.chmod(0o755), closed.chmod(0)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            found = find_pictures([folder])
            assert [name for name, _ in found] == ["out.jpg", "deep/closed"]
            with pytest.raises(ImageError, match=r"^closed: cannot be opened \(Permission denied\)$"):
                read_image(found[1][1])
        finally:
            if root:
                os.seteuid(0)
            closed.chmod(0o755)


def test_pictures_by_any_of_their_names_are_found_and_the_others_counted(lesion_path, tmp_path, monkeypatch):
    for name in ("a.JFIF", "b.jpe", "c.mpo", "d.jpg"):
        (tmp_path / name).write_bytes(lesion_path.read_bytes())
    for name in ("x.avif", "y.avif", "z.NEF", "notes.txt"):
        (tmp_path / name).touch()
    notes: list[str] = []
    assert [name for name, _ in find_pictures([tmp_path], notes)] == ["a.JFIF", "b.jpe", "c.mpo", "d.jpg"]
    assert notes == ["left out 2 .avif, 1 .nef, which cannot be read here: save them as JPEG or PNG"]
    for path in tmp_path.iterdir():
        path.unlink()
    (tmp_path / "x.HEIC").touch()
    monkeypatch.setattr(items, "SUFFIXES", (".jpg",))
    monkeypatch.setattr(items, "OTHER_SUFFIXES", (".heic",))
    with pytest.raises(FileNotFoundError, match=r"no pictures in this folder; left out 1 \.heic, .* pillow-heif"):
        find_pictures([tmp_path])
