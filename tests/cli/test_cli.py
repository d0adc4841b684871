import csv
import io
import json
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from isic_challenge_scoring.classification import ClassificationMetric, ClassificationScore
from typer.testing import CliRunner

import hfskin
from hfskin.checkpoints.layout import EMBEDDED_CHECKPOINT, WEIGHTS_FILE
from hfskin.cli import app
from hfskin.data.patients import read_patients
from hfskin.data.tables import MetadataTableError
from hfskin.inference.batch.items import Item, find_pictures, predict_items


@pytest.fixture
def run(tiny_checkpoint):
    def invoke(*args, model=tiny_checkpoint):
        return CliRunner().invoke(app, ["predict", *map(str, args), "--model", str(model)])

    return invoke


@pytest.fixture
def mixed_folder(tmp_path, table):
    """Three lesions, a text file named .jpg and an empty one."""
    folder = tmp_path / "mixed"
    (folder / "deep").mkdir(parents=True)
    for path in table["path"][:3]:
        (folder / "deep" / path.name).write_bytes(path.read_bytes())
    (folder / "a_text.jpg").write_text("hello")
    (folder / "b_empty.png").write_bytes(b"")
    return folder


def test_json_gives_the_pipelines_numbers(run, tiny_checkpoint, lesion_path):
    result = run(lesion_path, "--age", "55", "--sex", "male", "--localization", "back", "--format", "json")
    assert result.exit_code == 0
    (row,) = json.loads(result.stdout)
    expected = hfskin.load(tiny_checkpoint)(lesion_path, age=55, sex="male", localization="back")
    expected = expected.to_dict()
    assert row.pop("image") == lesion_path.name
    assert row.pop("probabilities") == pytest.approx(expected.pop("probabilities"))
    assert row.keys() == expected.keys()
    for key, value in row.items():
        assert value == (pytest.approx(expected[key]) if isinstance(value, float) else expected[key])


def test_a_bad_file_is_reported_and_the_others_are_done(run, mixed_folder):
    result = run(mixed_folder, "--format", "csv")
    assert result.exit_code == 1
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["image"] for row in rows][:2] == ["a_text.jpg", "b_empty.png"]
    assert len(rows) == 5
    assert "not a picture" in rows[0]["error"]
    assert "empty" in rows[1]["error"]
    assert all(row["error"] == "" and row["nv"] for row in rows[2:])
    assert "a_text.jpg: not a picture" in result.stderr
    assert "Traceback" not in result.output


def test_isic_submission(run, table, tmp_path):
    result = run(*table["path"][:2], "--format", "isic", "-o", tmp_path / "isic.csv")
    assert result.exit_code == 0
    lines = (tmp_path / "isic.csv").read_text().splitlines()
    assert lines[0] == "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC"
    assert [line.split(",")[0] for line in lines[1:]] == list(table["image_id"][:2])
    assert sum(map(float, lines[1].split(",")[1:])) == pytest.approx(1)


def test_the_isic_challenges_own_scorer_reads_it(run, table, tmp_path, monkeypatch):
    """As `isic-challenge-scoring classification truth.csv isic.csv` does."""
    columns = "MEL,NV,BCC,AKIEC,BKL,DF,VASC"
    truth = [f"{i},{','.join(str(float(c.lower() == dx)) for c in columns.split(','))}" for i, dx in
             zip(table["image_id"], table["dx"], strict=True)]  # fmt: skip
    (tmp_path / "truth.csv").write_text("\n".join([f"image,{columns}", *truth]))
    run(*table["path"], "--format", "isic", "-o", tmp_path / "isic.csv")
    if not hasattr(pd.DataFrame, "applymap"):  # version 5.6, the newest for this Python, is older than pandas 3
        monkeypatch.setattr(pd.DataFrame, "applymap", pd.DataFrame.map, raising=False)
    files = tmp_path / "truth.csv", tmp_path / "isic.csv"
    score = ClassificationScore.from_file(*files, ClassificationMetric.BALANCED_ACCURACY)
    assert 0 <= score.overall <= 1
    assert sorted(score.per_category.index) == sorted(columns.split(","))


def test_metadata_table_is_used_by_image_id(run, data_folder, table, tiny_checkpoint):
    row = table.iloc[8]
    result = run(row["path"], "--metadata", data_folder / "HAM10000_metadata.csv", "--format", "json")
    expected = hfskin.load(tiny_checkpoint)(
        row["path"], age=row["age"], sex=row["sex"], localization=row["localization"]
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)[0]["probabilities"] == pytest.approx(expected.probabilities)


def test_wrong_options_are_one_line(run, lesion_path, tmp_path):
    for args, message in (
        (["--age", "abc"], "age: 'abc'"),
        (["--age", "300"], "outside 0 to 120"),
        (["--localization", "moon"], "localization: 'moon'"),
        (["--metadata", tmp_path / "none.csv"], "none.csv: there is no such file"),
    ):
        result = run(lesion_path, *args)
        assert result.exit_code == 2
        assert message in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    assert "no pictures in this folder" in run(tmp_path).stderr
    assert "has no config.json" in run(lesion_path, model=tmp_path).stderr


def test_a_failed_write_leaves_the_old_file(run, lesion_path, tmp_path):
    output = tmp_path / "out.csv"
    output.write_text("good")
    (tmp_path / ".out.csv.writing").mkdir()  # makes the temporary name unwritable
    result = run(lesion_path, "-o", output)
    assert result.exit_code == 2
    assert output.read_text() == "good"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"image_id,age\nA,1\nA,2\n", "'A' stands twice"),
        (b"name,age\nA,1\n", "no column named image_id"),
        (b"image_id,colour\nA,1\n", "none of the columns age, sex, localization"),
        ("image_id,age\nÄ\0,1\n".encode("latin-1"), "not a readable table"),
        (b"", "no column named"),
    ],
)
def test_bad_metadata_tables(tmp_path, data, message):
    (tmp_path / "m.csv").write_bytes(data)
    with pytest.raises(MetadataTableError, match=message):
        read_patients(tmp_path / "m.csv")


def test_isic_column_names_and_a_cell_that_is_not_understood(tmp_path, tiny_checkpoint, lesion_path):
    (tmp_path / "m.csv").write_text("isic_id,age_approx,anatom_site_general\nA,55,posterior torso\nB.jpg,abc,\n")
    patients = dict(read_patients(tmp_path / "m.csv").named)
    assert patients == {"A": ("55", "", "posterior torso"), "B.jpg": ("abc", "", "")}
    items = [Item("A.jpg", lesion_path, patients["A"]), Item("B.jpg", lesion_path, patients["B.jpg"])]
    items.append(Item("C.jpg", lesion_path, ("85+", "", "")))
    good, bad, worded = predict_items(hfskin.load(tiny_checkpoint), items)
    assert worded.prediction.warnings[0] == "age '85+' is taken as 85 years"
    assert good.prediction.warnings[0].startswith("sex unknown")
    assert bad.prediction.warnings[0].startswith("age: 'abc' is not a number"), "a wrong value costs no answer"
    assert bad.prediction.probabilities == pytest.approx(hfskin.load(tiny_checkpoint)(lesion_path).probabilities)


def test_order_is_kept_over_many_batches(tiny_checkpoint, table, mixed_folder):
    pictures = [*table["path"], mixed_folder / "a_text.jpg"] * 2
    rows = list(predict_items(hfskin.load(tiny_checkpoint), [Item(p.name, p) for p in pictures], batch_size=5))
    assert [row.name for row in rows] == [p.name for p in pictures]
    assert sum(row.error is not None for row in rows) == 2


def test_folders_are_searched_and_named_relative(mixed_folder, lesion_path):
    names = [name for name, _ in find_pictures([lesion_path, mixed_folder])]
    assert names[0] == lesion_path.name
    assert all(name.startswith("deep/") for name in names[3:])


@pytest.mark.slow
def test_the_installed_command_answers(lesion_path):
    command = [sys.executable, "-m", "hfskin.cli", "predict", str(lesion_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert lesion_path.name in result.stdout
    assert result.stderr == ""


def test_backbones_lists_the_papers_table():
    result = CliRunner().invoke(app, ["backbones"])
    assert result.exit_code == 0
    assert "nasnet_mobile" in result.stdout


def test_a_picture_on_stdin_and_quiet(tiny_checkpoint, lesion_path):
    arguments = ["predict", "-", "--model", str(tiny_checkpoint), "--format", "json"]
    result = CliRunner().invoke(app, arguments, input=lesion_path.read_bytes())
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert row["image"] == "stdin"
    expected = hfskin.load(tiny_checkpoint)(lesion_path)
    assert row["probabilities"] == pytest.approx(expected.probabilities)
    assert row["revision"] == expected.revision
    result = CliRunner().invoke(app, [*arguments, "--quiet"], input=b"no picture")
    assert result.exit_code == 1
    assert result.stderr == ""


def test_where_every_picture_is_refused_the_exit_code_says_so(text_page, lesion_path):
    arguments = ["predict", str(text_page), "--format", "csv"]
    result = CliRunner().invoke(app, arguments)
    (row,) = csv.DictReader(io.StringIO(result.stdout))
    assert row["status"] == "refused", "whatever checkpoint is embedded"
    assert row["schema"] == "1"
    assert {row[name] for name in ("label", "mel", "malignant_probability", "suspicious")} == {""}
    assert result.exit_code == 3
    assert CliRunner().invoke(app, [*arguments, str(lesion_path)]).exit_code == 0


def test_version_and_doctor(tiny_checkpoint, tmp_path):
    assert CliRunner().invoke(app, ["--version"]).stdout == f"hfskin {hfskin.__version__}\n"
    result = CliRunner().invoke(app, ["doctor", "--model", str(tiny_checkpoint)])
    assert result.exit_code == 0, result.output
    assert "torch 2." in result.stdout
    assert f"{tiny_checkpoint}: complete" in result.stdout
    assert f"revision {hfskin.load(tiny_checkpoint).revision}" in result.stdout
    result = CliRunner().invoke(app, ["doctor", "--model", str(tmp_path)])
    assert result.exit_code == 1
    assert "does not answer" in result.stdout


def test_doctor_notices_one_changed_byte(tmp_path):
    folder = shutil.copytree(EMBEDDED_CHECKPOINT, tmp_path / "copy", ignore=shutil.ignore_patterns("plots", "*.log"))
    result = CliRunner().invoke(app, ["doctor", "--model", str(folder)])
    assert result.exit_code == 0, result.output
    assert f"{folder}: whole, revision" in result.stdout
    weights = folder / WEIGHTS_FILE
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    result = CliRunner().invoke(app, ["doctor", "--model", str(folder)])
    assert result.exit_code == 1
    assert "not whole: metrics.json" in result.stdout
    assert "other weights" in result.stdout
