"""The 8-bit export: nearly the float32 answers, from a file by itself; what is too far off is not written."""

import json
import shutil

import numpy as np
import onnx
import pytest
from paths import DATA
from typer.testing import CliRunner
from untrained import untrained

import hfskin
from hfskin.checkpoints.layout import EMBEDDED_CHECKPOINT, ONNX_FILE
from hfskin.cli import app
from hfskin.export import int8
from hfskin.inference.onnx import OnnxError
from scripts.benchmark.int8 import measure_int8
from scripts.benchmark.page import render
from scripts.benchmark.ratios import int8_is_worth_it

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def quantised(data_folder, tmp_path_factory):
    """The embedded checkpoint in 8 bits, made by the command from a folder that holds masks as well."""
    pictures = shutil.copytree(data_folder / "images", tmp_path_factory.mktemp("pictures") / "images")
    (pictures / "ISIC_0024308_segmentation.png").write_bytes(b"a mask, which is not a picture to learn from")
    path = tmp_path_factory.mktemp("file") / "hfskin.int8.onnx"
    result = CliRunner().invoke(app, ["export", str(EMBEDDED_CHECKPOINT), "--int8", str(pictures), "-o", str(path)])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [f"saved {path}", f"next: hfskin predict PICTURE --model {path}"]
    return path


def test_it_answers_nearly_as_float32_does(quantised, table):
    pictures = [str(path) for path in table["path"]]
    expected, found = hfskin.load()(pictures), hfskin.load(quantised)(pictures)
    assert sum(a.label == b.label for a, b in zip(expected, found, strict=True)) >= 24
    differences = [
        abs(a.probabilities[c] - b.probabilities[c])
        for a, b in zip(expected, found, strict=True)
        for c in a.probabilities
    ]
    assert 1e-5 < np.mean(differences) < 0.02  # not the same network, not another one
    assert [p.in_distribution for p in found].count(True) >= 24


def test_hfskin_evaluate_measures_it(quantised, table, tmp_path):
    """The whole command on the 28 lesions, by what answers: the file in 8 bits."""
    output = tmp_path / "metrics.json"
    command = ["evaluate", "--model", quantised, "--data", DATA, "--split", "all", "-o", output]
    result = CliRunner().invoke(app, list(map(str, command)))
    assert result.exit_code == 0, result.output
    report = json.loads(output.read_text())
    assert (report["environment"]["backend"], report["data"]["images"]) == ("onnx", 28)
    patients = (list(table[field]) for field in ("age", "sex", "localization"))
    answers = hfskin.load(quantised)(list(table["path"]), *patients)
    right = np.mean(
        [answer.scores[dx] == max(answer.scores.values()) for answer, dx in zip(answers, table["dx"], strict=True)]
    )
    assert report["results"]["with_metadata"]["metrics"]["accuracy"]["value"] == pytest.approx(right)


def test_convolutions_of_large_maps_and_other_members_stay_in_float32(quantised):
    graph = onnx.load(quantised).graph
    made_by = {output: node for node in graph.node for output in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    weights_of = {node.name: made_by.get(node.input[1]) for node in convolutions}
    in_8_bits = [name for name, maker in weights_of.items() if maker is not None]  # a DequantizeLinear
    # Of the first network's 50, all but five on large maps and Soft-Attention's; of its other member's 53, none.
    assert in_8_bits == [f"node_conv2d_{i}" for i in range(5, 49)]
    assert len(convolutions) == 50 + 53


def test_a_network_that_answers_otherwise_is_not_written(data_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(int8, "DIFFERENCE", 1e-9)
    file = tmp_path / "file.onnx"
    with pytest.raises(OnnxError, match="in 8 bits a probability differs by"):
        int8.export_int8(EMBEDDED_CHECKPOINT, sorted((data_folder / "images").glob("*.jpg"))[:1], file)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_without_a_graph_is_exported_first(data_folder, tmp_path):
    checkpoint, picture = untrained(tmp_path), next((data_folder / "images").glob("*.jpg"))
    assert hfskin.load(int8.export_int8(checkpoint, [picture]))(picture).label in hfskin.CLASSES
    assert not (checkpoint / ONNX_FILE).exists()


def test_what_is_wrong_with_the_call_is_said_before_the_work(tmp_path, tiny_checkpoint, data_folder):
    with pytest.raises(OnnxError, match="there are none"):
        int8.export_int8(tiny_checkpoint, [])
    graph = tiny_checkpoint / "model.onnx"
    with pytest.raises(OnnxError, match=r"model\.onnx is used unasked"):
        int8.export_int8(tiny_checkpoint, sorted((data_folder / "images").glob("*.jpg")), graph)
    assert not graph.exists()


def test_time_and_accuracy_are_measured_and_rendered(quantised, table):
    parts = np.array(["train", "val", "train", "test"])[np.arange(len(table)) % 4]
    measured = measure_int8(quantised, table.assign(split=parts), (1,), rounds=1, threads=1, turn=0.0)
    assert measured["seconds"]["1"].keys() == measured["accepted"].keys() == {"onnx", "int8"}
    assert [measured["parts"][part]["n"] for part in ("val", "test", "both")] == [7, 7, 14]
    assert measured["agreement"] > 0.85
    assert measured["bytes"] < 10e6
    machine = {"device": "CPU", "threads": 1, "load": 0, "versions": {}}
    page = render({"machine": machine, "finished": True, "command": "COMMAND", "int8": measured})
    assert "## 8-bit integers" in page
    measured["parts"]["both"]["difference"]["value"] = -0.006
    assert not int8_is_worth_it(measured)
