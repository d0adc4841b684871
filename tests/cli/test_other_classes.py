"""A user's own classes, by the command line from the table to the card and the page's answer."""

import csv
import io
import json
import os
import re

import pytest
from typer.testing import CliRunner

import hfskin
from hfskin.cli import app
from hfskin.hub.card import read_metrics, render_card
from hfskin.inference.answer.card import card
from hfskin.words import LANGUAGES

pytestmark = pytest.mark.slow

QUICK = ["--epochs", "1", "--batch-size", "8", "--recipe", "fine-tune"]
NEW = ["--backbone", "mobilenet_v3_small", "--backbone-weights", "none", "--image-size", "64", "96"]


def run(*args) -> str:
    result = CliRunner().invoke(app, [*map(str, args)])
    assert result.exit_code == 0, result.output
    return result.stdout


def folder_of(place, table, text) -> str:
    """A data folder of the 28 lesions with another table."""
    for path in table["path"]:
        os.link(path, place / path.name)
    (place / "metadata.csv").write_text(text)
    return str(place)


def config_of(checkpoint) -> dict:
    return json.loads((checkpoint / "config.json").read_text())


def test_benign_or_malignant_from_a_checkpoint_of_the_seven(tiny_checkpoint, table, tmp_path, lesion_path):
    (place := tmp_path / "mine").mkdir()
    kinds = ["malignant" if dx in hfskin.MALIGNANT else "Benign" for dx in table["dx"]]
    rows = "\n".join(f"{i},{kind},60,male,back" for i, kind in zip(table["image_id"], kinds, strict=True))
    data = folder_of(place, table, f"image_id,dx,age,sex,localization\n{rows}\n")
    checkpoint = tmp_path / "checkpoint"
    run("train", "--from", tiny_checkpoint, "--data", data, "-o", checkpoint, *QUICK)
    assert config_of(checkpoint)["id2label"] == {"0": "Benign", "1": "malignant"}
    assert config_of(checkpoint)["temperature"] == 1.0
    said = run("calibrate", checkpoint, "--data", data)
    assert "malignant_threshold 0." in said
    run("evaluate", "--model", checkpoint, "--data", data, "--plots", tmp_path / "plots")
    metrics = read_metrics(checkpoint)
    known = metrics["results"]["with_metadata"]
    assert list(known["metrics"]["per_class"]) == ["Benign", "malignant"]
    assert len(known["metrics"]["confusion_matrix"]) == 2
    assert known["malignancy"]["n_malignant"] == metrics["data"]["images_per_class"]["malignant"] > 0
    assert metrics["data"]["name"] == "mine"
    assert (tmp_path / "plots" / "roc.png").is_file()

    (row,) = csv.DictReader(io.StringIO(run("predict", lesion_path, "--model", checkpoint, "--format", "csv")))
    assert list(row)[3:6] == ["Benign", "malignant", "malignant_probability"]
    (said,) = json.loads(run("predict", lesion_path, "--model", checkpoint, "--format", "json"))
    scores = (said["raw"] or said)["probabilities"]
    assert list(scores) == ["Benign", "malignant"]
    head, _ = run("predict", lesion_path, "--model", checkpoint, "--format", "isic").splitlines()
    assert head == "image,Benign,malignant"
    for _ in range(2):  # written, and gone on with
        run("predict", lesion_path, "--model", checkpoint, "--format", "csv", "-o", tmp_path / "a.csv", "--resume")
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 2

    text = render_card(metrics, config_of(checkpoint), "org/mine")
    assert "into 2 diagnoses" in text
    assert "| malignant | malignant (counts as malignant) |" in text
    assert "seven" not in re.sub("```.*?```", "", text, flags=re.DOTALL).lower()  # a command may name this test
    assert "CC BY-NC 4.0" not in text, "random weights came first"
    pipeline = hfskin.load(checkpoint)
    answer = pipeline(lesion_path)
    for words in LANGUAGES.values():
        assert "Benign" in card(answer, pipeline.config, words) or answer.status == "refused"


def test_classes_of_which_none_is_malignant_by_a_ground_truth_of_ones(table, tmp_path, lesion_path):
    (place := tmp_path / "data").mkdir()
    columns = {"akiec": 0, "bcc": 0, "mel": 1, "nv": 1, "bkl": 2, "df": 2, "vasc": 2}
    rows = "\n".join(
        f"{i},{','.join('1.0' if c == columns[dx] else '0.0' for c in range(3))}"
        for i, dx in zip(table["image_id"], table["dx"], strict=True)
    )
    data, checkpoint = folder_of(place, table, f"image,crusts,moles,others\n{rows}\n"), tmp_path / "checkpoint"
    run("train", *NEW, "--data", data, "-o", checkpoint, "--epochs", 1, "--batch-size", 8, "--recipe", "member")
    assert list(config_of(checkpoint)["id2label"].values()) == ["crusts", "moles", "others"]
    assert "malignant_threshold none" in run("calibrate", checkpoint, "--data", data)
    run("evaluate", "--model", checkpoint, "--data", data)
    assert read_metrics(checkpoint)["results"]["with_metadata"]["malignancy"] is None
    run("card", checkpoint, "-o", tmp_path / "cards")
    text = (tmp_path / "cards" / "checkpoint.md").read_text()
    assert "none of the classes counts as malignant" in text
    assert "HAM10000 does not" not in text
    run("predict", lesion_path, "--model", checkpoint)
    (row,) = csv.DictReader(io.StringIO(run("predict", lesion_path, "--model", checkpoint, "--format", "csv")))
    assert (row["malignant_probability"], row["suspicious"]) == ("", "")
    # The same pictures for another question: malignant is what the user says.
    run(
        "train", "--from", checkpoint, "--data", data, "-o", tmp_path / "said", *QUICK,
        "--classes", "moles,others", "--malignant", "moles",
    )  # fmt: skip
    answer = hfskin.load(tmp_path / "said")(lesion_path)
    assert answer.malignant_probability == answer.probabilities["moles"]


def test_the_eight_of_isic_2019(tiny_checkpoint, table, tmp_path, lesion_path):
    (place := tmp_path / "data").mkdir()
    eight = ["mel", "nv", "bcc", "ak", "bkl", "df", "vasc", "scc"]
    of = {"akiec": "ak"}
    diagnoses = [of.get(dx, dx) for dx in table["dx"]]
    diagnoses += ["scc"] * 4
    ids = [*table["image_id"], *(f"SCC_{n}" for n in range(4))]
    for n in range(4):
        os.link(lesion_path, place / f"SCC_{n}.jpg")
    rows = "\n".join(
        f"{i},{','.join('1.0' if c == dx else '0.0' for c in eight)},0.0" for i, dx in zip(ids, diagnoses, strict=True)
    )
    head = ",".join(c.upper() for c in eight)
    data = folder_of(place, table, f"image,{head},UNK\n{rows}\n")
    (place / "metadata.csv").rename(place / "ISIC_2019_Training_GroundTruth.csv")
    learn = "train", "--data", data, *QUICK
    run(*learn, "--from", tiny_checkpoint, "-o", tmp_path / "eight", "--classes", ",".join(eight))
    pipeline = hfskin.load(tmp_path / "eight")
    answer = pipeline(lesion_path)
    assert list(answer.probabilities) == eight
    malignant = sum(answer.probabilities[c] for c in ("mel", "bcc", "ak", "scc"))
    assert answer.malignant_probability == pytest.approx(malignant)
    assert run("predict", lesion_path, "--model", tmp_path / "eight", "--format", "isic").startswith(
        "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC\n"
    )
    # On from there with the same table: its classes are the checkpoint's, and its head goes on.
    run(*learn, "--from", tmp_path / "eight", "-o", tmp_path / "more")
    assert config_of(tmp_path / "more")["id2label"] == config_of(tmp_path / "eight")["id2label"]
