"""ONNX Runtime answers as torch does, from the file alone and without torch; a file of other weights never answers."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from torch.nn import functional as F
from transformers import AutoConfig
from typer.testing import CliRunner
from untrained import untrained

import hfskin
from hfskin.checkpoints.layout import EMBEDDED_CHECKPOINT
from hfskin.cli import app
from hfskin.export.onnx import export_onnx
from hfskin.inference import backend
from hfskin.inference.attention import attention_map
from hfskin.inference.base import network_names
from hfskin.inference.onnx import OnnxError, OnnxPipeline

pytestmark = pytest.mark.slow

HEAVY = ("torch", "torchvision", "timm", "transformers")
PATIENTS = ({}, {"age": 55, "sex": "male", "localization": "back"})

# In a process of its own: answers of ONNX Runtime, as JSON, and which of HEAVY was imported for them.
ANSWER = f"""
import json, sys
import hfskin
pictures, source = sys.argv[2:], sys.argv[1] or None
pipeline = hfskin.load(source, device="cpu")
answers = []
for patient in {PATIENTS!r}:
    rows = [pipeline.prepare(p, **patient) for p in pictures]
    for row, prediction in zip(rows, pipeline.predict_prepared(rows)):
        logits = pipeline.run(row.pixel_values[None], row.metadata[None])["logits"][0]
        answers.append([logits.tolist(), prediction.to_dict(), prediction.attention.tolist()])
print(json.dumps([[name for name in {HEAVY!r} if name in sys.modules], answers]))
"""


@pytest.fixture(scope="module")
def folder(tiny_checkpoint, tmp_path_factory):
    """The checkpoint with random float32 weights, and its graph beside them."""
    folder = shutil.copytree(tiny_checkpoint, tmp_path_factory.mktemp("exported") / "tiny")
    export_onnx(folder)
    return folder


@pytest.fixture(scope="module")
def embedded_file(tmp_path_factory):
    """The embedded checkpoint in one file."""
    path = tmp_path_factory.mktemp("file") / "hfskin.onnx"
    result = CliRunner().invoke(app, ["export", str(EMBEDDED_CHECKPOINT), "-o", str(path)])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [f"saved {path}", f"next: hfskin predict PICTURE --model {path}"]
    return path


@pytest.fixture(scope="module")
def torchs_answers(embedded, table) -> list:
    """What ANSWER prints: of every patient and picture."""
    answers = []
    for patient in PATIENTS:
        for row in (embedded.prepare(picture, **patient) for picture in table["path"]):
            (prediction,) = embedded.predict_prepared([row])
            logits = embedded.run(row.pixel_values[None], row.metadata[None])["logits"][0]
            answers.append((logits, json.loads(json.dumps(prediction.to_dict())), prediction.attention))
    return answers


def assert_same(found: dict, expected: dict, tolerance: float) -> None:
    """Two predictions as plain values."""
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, float | dict):
            assert found[key] == pytest.approx(value, abs=tolerance), key
        else:
            assert found[key] == value, key


@pytest.mark.parametrize("source", ["folder", "file"])
def test_without_torch_the_answers_are_torchs(source, torchs_answers, embedded_file, table):
    given = "" if source == "folder" else str(embedded_file)
    command = [sys.executable, "-c", ANSWER, given, *map(str, table["path"])]
    imported, answers = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert imported == []
    assert len(answers) == len(torchs_answers) == 56
    for (logits, found, attention), expected in zip(answers, torchs_answers, strict=True):
        np.testing.assert_allclose(logits, expected[0], atol=1e-4)
        assert_same(found, expected[1], 1e-4)
        np.testing.assert_allclose(attention, expected[2], atol=1e-4)


def test_the_command_answers_without_torch(lesion_path):
    script = "import sys, hfskin.cli\ntry: hfskin.cli.app()\nexcept SystemExit as end: assert not end.code"
    script += f"\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    command = [sys.executable, "-c", script, "predict", str(lesion_path), "--format", "json"]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}  # where there is a GPU, torch answers
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    answer, _, imported = done.stdout.rpartition("]\n")
    assert imported.strip() == ""
    assert json.loads(answer + "]")[0]["label"] == "nv"


def test_the_file_says_what_it_takes(embedded, embedded_file):
    model = onnx.load(embedded_file)
    facts = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert facts["labels"] == list(hfskin.CLASSES)
    assert facts["preprocessing"]["mean"] == list(embedded.image_processor.image_mean)
    assert [facts["preprocessing"][side] for side in ("height", "width")] == list(embedded.config.image_size)
    assert facts["config"]["malignant_threshold"] == embedded.config.malignant_threshold
    assert facts["config"]["temperature"] == embedded.config.temperature
    vector = hfskin.encode_metadata(60, "female", "scalp")
    columns = facts["metadata"]["columns"]
    assert [columns[i] for i in np.flatnonzero(vector)] == ["age", "sex=female", "localization=scalp"]
    assert vector[0] == pytest.approx((60 - facts["metadata"]["age_mean"]) / facts["metadata"]["age_std"])
    assert [node.name for node in model.graph.input] == ["pixel_values", "metadata"]
    assert all(not tensor.external_data for tensor in model.graph.initializer), "the one file suffices"


def test_load_takes_the_file_and_any_batch(embedded, embedded_file, table):
    pipeline = hfskin.load(embedded_file)
    assert isinstance(pipeline, OnnxPipeline)
    assert pipeline.parameters == embedded.parameters
    pictures = list(table["path"]) + list(table["path"][:5])
    rows = [pipeline.prepare(picture, 30, "f", "foot") for picture in pictures]
    pixels, metadata = (np.stack([getattr(row, key) for row in rows]) for key in ("pixel_values", "metadata"))
    for batch in (1, 5, 33):
        found, expected = (p.run(pixels[:batch], metadata[:batch])["logits"] for p in (pipeline, embedded))
        assert found.shape == (batch, 7)
        np.testing.assert_allclose(found, expected, atol=1e-4)
    with pytest.raises(TypeError, match="unknown argument 'gender'"):
        pipeline(pictures[0], gender="m")


def test_the_embedded_graph_belongs_to_the_embedded_weights():
    backend.onnx_beside(EMBEDDED_CHECKPOINT)
    size = sum(path.stat().st_size for path in EMBEDDED_CHECKPOINT.rglob("*") if path.is_file())
    assert size < 15e6


def test_float32_weights_stay_where_they_are(folder, lesion_path):
    assert (folder / "model.onnx").stat().st_size < (folder / "model.safetensors").stat().st_size / 10
    for patient in PATIENTS:
        found = backend.load(folder, backend="onnx")(lesion_path, **patient)
        expected = hfskin.load(folder)(lesion_path, **patient)
        assert_same(found.to_dict(), expected.to_dict(), 1e-4)


def other_weights(folder):
    torch.manual_seed(1)
    config = AutoConfig.from_pretrained(folder)
    hfskin.HfskinForImageClassification(config).save_pretrained(folder)


def edited(name: str, old: str, new: str):
    def edit(folder):
        path = folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return edit


@pytest.mark.parametrize(
    "change",
    [
        other_weights,
        edited("config.json", '"malignant_threshold": 0.3', '"malignant_threshold": 0.2'),
        edited("preprocessor_config.json", "0.5", "0.4"),
        lambda folder: (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:1000]),
    ],
    ids=["weights", "calibration", "preprocessing", "cut off"],
)
def test_a_graph_that_does_not_fit_never_answers(change, folder, tmp_path, lesion_path, caplog):
    changed = shutil.copytree(folder, tmp_path / "changed")
    change(changed)
    with pytest.raises(OnnxError, match=r"model\.onnx.*export"):
        backend.load(changed, backend="onnx")
    pipeline = backend.load(changed, device="cpu")
    assert isinstance(pipeline, hfskin.SkinLesionPipeline)
    assert "torch answers instead" in caplog.text
    assert pipeline(lesion_path).probabilities == hfskin.load(changed)(lesion_path).probabilities


@pytest.mark.parametrize("settings", ["[]", "[" * 100_000, "{", " " * 2_000_000 + "{}"])
def test_settings_that_are_none_are_one_line_beside_a_graph_too(settings, folder, tmp_path, lesion_path):
    changed = shutil.copytree(folder, tmp_path / "changed")
    (changed / "config.json").write_text(settings)
    result = CliRunner().invoke(app, ["predict", str(lesion_path), "--model", str(changed)])
    assert (result.exit_code, len(result.stderr.strip().splitlines())) == (2, 1), result.stderr


def test_onnx_runtime_phones_nobody_and_leaves_nothing(folder, tmp_path, lesion_path):
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    answer = "import hfskin, sys; hfskin.load(sys.argv[1])(sys.argv[2])"
    command = [sys.executable, "-c", answer, str(folder), str(lesion_path)]
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home), "TMPDIR": str(temporary)}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert not [path for path in (*home.rglob("*"), *temporary.rglob("*")) if path.is_file()]


def test_what_a_push_rewrites_does_not_matter(folder, tmp_path):
    pushed = shutil.copytree(folder, tmp_path / "pushed")
    hfskin.HfskinConfig.from_pretrained(folder).save_pretrained(pushed)
    hfskin.HfskinImageProcessor.from_pretrained(folder).save_pretrained(pushed)
    edited("config.json", '"architectures"', '"auto_map": {"AutoConfig": "x.Y"}, "architectures"')(pushed)
    assert isinstance(backend.load(pushed, device="cpu"), OnnxPipeline)


def test_a_checkpoint_without_graph_is_torchs_and_says_nothing(tiny_checkpoint, caplog):
    assert isinstance(backend.load(tiny_checkpoint, device="cpu"), hfskin.SkinLesionPipeline)
    assert isinstance(backend.load(EMBEDDED_CHECKPOINT, device="cpu", backend="torch"), hfskin.SkinLesionPipeline)
    assert caplog.text == ""


def test_wrong_files_are_one_line(tmp_path, lesion_path):
    with pytest.raises(OnnxError, match=r"none\.onnx: no such file"):
        hfskin.load(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(OnnxError, match=r"text\.onnx: damaged, or not an ONNX file"):
        hfskin.load(tmp_path / "text.onnx")
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    other = onnx.helper.make_value_info("y", onnx.helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, [1]))
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "stranger", [value], [other])
    opset = onnx.helper.make_opsetid("", 20)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10), tmp_path / "stranger.onnx")
    with pytest.raises(OnnxError, match="not written by hfskin"):
        hfskin.load(tmp_path / "stranger.onnx")
    result = CliRunner().invoke(app, ["predict", str(lesion_path), "--model", str(tmp_path / "stranger.onnx")])
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    result = CliRunner().invoke(app, ["export", str(tmp_path)])
    assert result.exit_code == 2
    assert "has no config.json" in result.stderr
    with pytest.raises(ValueError, match=r"stranger\.onnx: torch reads no ONNX; give the checkpoint folder"):
        hfskin.load(tmp_path / "stranger.onnx", backend="torch")


@pytest.mark.parametrize(
    ("key", "value"), [("config", "3"), ("preprocessing", '{"height": 3}'), ("preprocessing", "[]"), ("labels", "{")]
)
def test_facts_that_cannot_be_are_one_line(embedded_file, tmp_path, key, value):
    model = onnx.load(embedded_file)
    for entry in model.metadata_props:
        if entry.key == key:
            entry.value = value
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(OnnxError, match="not written by hfskin"):
        hfskin.load(tmp_path / "odd.onnx")


def test_a_file_of_a_version_without_ensembles_answers(folder, tmp_path):
    file, model = tmp_path / "older.onnx", onnx.load(folder / "model.onnx")
    (config,) = (entry for entry in model.metadata_props if entry.key == "config")
    facts = json.loads(config.value)
    assert facts.pop("partners") == []
    config.value = json.dumps(facts)
    onnx.save(model, file)
    assert network_names(OnnxPipeline(file).config) == "mobilenet_v3_small"


def test_an_export_that_fails_leaves_the_old_file(tmp_path):
    checkpoint = untrained(tmp_path / "checkpoint")
    (tmp_path / "out.onnx").write_text("good")
    (tmp_path / ".out.onnx.writing").mkdir()  # makes the temporary name unwritable
    result = CliRunner().invoke(app, ["export", str(checkpoint), "-o", str(tmp_path / "out.onnx")])
    assert result.exit_code == 2
    assert (tmp_path / "out.onnx").read_text() == "good"


@pytest.mark.parametrize(
    ("backbone", "size", "changes"),
    [
        ("mobilenet_v1", (64, 96), {"pooling": "flatten", "metadata_hidden": 64}),
        ("mobilenet_v1", (64, 96), {"attention_maps": 0, "metadata_hidden": 0}),
        ("vit_small_dinov2", (56, 84), {"backbone_cut": "block8"}),
    ],
    ids=["the paper's head", "without branches", "a vision transformer"],
)
def test_other_networks_answer_as_torch_does(backbone, size, changes, tmp_path, lesion_path):
    checkpoint = untrained(tmp_path, backbone, size, **changes)
    expected = hfskin.load(checkpoint, backend="torch")(lesion_path, age=30)
    found = OnnxPipeline(export_onnx(checkpoint))(lesion_path, age=30)
    assert (found.attention is None) == (expected.attention is None) == (changes.get("attention_maps") == 0)
    assert_same(found.to_dict(), expected.to_dict(), 1e-4)


@pytest.mark.parametrize(("size", "target"), [((5, 6), (144, 192)), ((3, 4), (96, 128)), ((7, 7), (224, 224))])
def test_attention_is_enlarged_as_torch_does(size, target):
    maps = torch.rand(16, *size, generator=torch.Generator().manual_seed(0))
    alpha = F.interpolate(maps.sum(dim=0)[None, None], size=target, mode="bicubic")[0, 0]
    expected = (alpha - alpha.min()) / (alpha.max() - alpha.min())
    np.testing.assert_allclose(attention_map(maps.numpy(), target), expected, atol=1e-5)
