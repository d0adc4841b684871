"""Checkpoints that strangers made: what they ask for is refused in one line, before it costs anything."""

import json
import os
import re
import shutil
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import load_file, save_file
from slowness import slowness

import hfskin
from hfskin.checkpoints.hub import HubError
from hfskin.checkpoints.layout import EMBEDDED_CHECKPOINT, fingerprint
from hfskin.checkpoints.settings import ARCHITECTURE
from hfskin.inference import backend
from hfskin.inference.onnx import OnnxError, OnnxPipeline
from hfskin.inference.onnx_graph import GraphError, check_graph
from hfskin.model import configuration_hfskin

pytestmark = pytest.mark.slow

ONE_LINE = r"\A[^\n]{1,600}\Z"
NEEDED = ("config.json", "model.safetensors", "preprocessor_config.json", "model.onnx")


@pytest.fixture
def folder(tmp_path) -> Path:
    """The embedded checkpoint, with its graph beside it."""
    for name in NEEDED:
        shutil.copy(EMBEDDED_CHECKPOINT / name, tmp_path)
    return tmp_path


@pytest.fixture
def checkpoint(tiny_checkpoint, tmp_path) -> Path:
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "tiny"))


# Files


def test_a_graph_without_its_weights_says_what_it_needs(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(OnnxError, match=r"weights are in model\.safetensors: copy both"):
        hfskin.load(folder / "model.onnx")
    for missing in ("model.safetensors", "config.json"):
        (folder / missing).unlink(missing_ok=True)
        with pytest.raises(HubError, match=rf"no {re.escape(missing)}, and its model\.onnx is the graph alone"):
            hfskin.load(folder)


def test_weights_in_parts_are_refused_by_name(checkpoint):
    model = hfskin.HfskinForImageClassification.from_pretrained(checkpoint)
    (checkpoint / "model.safetensors").unlink()
    model.save_pretrained(checkpoint, max_shard_size="1MB")
    with pytest.raises(HubError, match=r"no model\.safetensors, but parts of it.*max_shard_size"):
        hfskin.load(checkpoint)


# Weights


@pytest.mark.parametrize(
    "dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.int8, torch.uint8, torch.bool, torch.complex64]
)
def test_a_type_that_is_none_of_weights_is_named(checkpoint, dtype):
    path = checkpoint / "model.safetensors"
    weights = load_file(path)
    weights["classifier.bias"] = torch.zeros(7).to(dtype)
    save_file(weights, path)
    with pytest.raises(HubError, match=r"weights differ, such as 'classifier.bias' \([A-Z0-9_]+\), 1 in all"):
        hfskin.load(checkpoint, backend="torch")


@pytest.mark.parametrize(("size", "message"), [(40 * 10**9, "has 40 GB"), (10**9, "does not fit config")])
def test_weights_of_gigabytes_are_refused_before_they_are_read(checkpoint, size, message):
    path = checkpoint / "model.safetensors"
    tensor = {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}
    header = json.dumps({"classifier.bias": tensor}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    os.truncate(path, 8 + len(header) + size)  # a file with a hole: it takes no room
    with pytest.raises(HubError, match=message):
        hfskin.load(checkpoint, backend="torch")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": "vgg16", "partners": [{"backbone": "vgg16"}] * 16}, "million parameters"),
        ({"metadata_hidden": 65536, "attention_maps": 1024, "backbone": "nasnet_large"}, "weights differ"),
        ({"partners": [{"backbone": "mobilenet_v1", "partners": [{"backbone": "mobilenet_v1"}]}]}, "partners in its"),
        ({"partners": [{"backbone": "mobilenet_v1"}] * 17}, "at most 16"),
        ({"partners": {"backbone": "mobilenet_v1"}}, "partners in its"),
        ({"image_size": [2048, 2048]}, "16 to 1024 pixels"),
        ({"backbone": "no_such_net"}, "unknown backbone 'no_such_net'"),
        ({"backbone": "x" * 10**5}, "backbone in its"),
        ({"temperature": float("nan")}, "temperature in its"),
        ({"gate_threshold": 10**400}, "gate_threshold in its"),
        ({"dropout": [[0.5]]}, "dropout in its"),
    ],
)
def test_settings_that_ask_for_too_much(checkpoint, settings, message):
    path = checkpoint / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    started = time.process_time()
    with pytest.raises(HubError, match=message) as raised:
        hfskin.load(checkpoint, backend="torch")
    assert re.match(ONE_LINE, str(raised.value))
    assert time.process_time() - started < 10 * slowness()


def test_settings_are_checked_for_each_field_of_a_network():
    assert tuple(ARCHITECTURE) == configuration_hfskin.ARCHITECTURE


# Graphs


def edit(folder: Path, change: Callable[[onnx.ModelProto], object]) -> None:
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    change(model)
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def facts(name: str, **values) -> Callable[[onnx.ModelProto], None]:
    """Change the settings that the graph carries; the fingerprint stays, and is the folder's."""

    def change(model: onnx.ModelProto) -> None:
        (entry,) = (entry for entry in model.metadata_props if entry.key == name)
        entry.value = json.dumps(json.loads(entry.value) | values)

    return change


def outside(place: str) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        tensor = next(tensor for tensor in model.graph.initializer if tensor.external_data)
        next(entry for entry in tensor.external_data if entry.key == "location").value = place

    return change


def another(model: onnx.ModelProto, *args, **kwargs) -> onnx.NodeProto:
    model.graph.node.append(helper.make_node(*args, **kwargs))
    return model.graph.node[-1]


def subgraph() -> onnx.GraphProto:
    return helper.make_graph([helper.make_node("Identity", ["a"], ["b"])], "inner", [], [])


def outside_in_a_constant(model: onnx.ModelProto) -> None:
    tensor = TensorProto(data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    another(model, "Constant", [], ["more"], value=tensor)


STRANGE = {
    "another domain": (lambda model: another(model, "Sampling", ["a"], ["b"], domain="com.microsoft"), "Sampling"),
    "a known name of another domain": (lambda m: another(m, "Add", ["a"], ["b"], domain="evil"), "operator of 'evil'"),
    "loop": (lambda model: another(model, "Loop", ["a"], ["b"], body=subgraph()), "operator 'Loop'"),
    "branch": (lambda m: another(m, "If", ["a"], ["b"], then_branch=subgraph(), else_branch=subgraph()), "'If'"),
    "subgraph": (lambda model: another(model, "Add", ["a"], ["b"], body=subgraph()), "graph within a graph"),
    "subgraphs": (lambda model: another(model, "Add", ["a"], ["b"], body=[subgraph()]), "graph within a graph"),
    "function": (lambda model: model.functions.add(name="Add"), "holds functions"),
    "training": (lambda model: model.training_info.add(), "training part"),
    "sparse": (lambda model: model.graph.sparse_initializer.add(), "sparse weights"),
    "climbing": (outside("../../../../etc/passwd"), "takes weights from '../../../../etc/passwd'"),
    "absolute": (outside("/etc/passwd"), "takes weights from '/etc/passwd'"),
    "below": (outside("sub/model.safetensors"), "takes weights from"),
    "memory": (outside("*/_ORT_MEM_ADDR_/*"), "takes weights from"),
    "constant": (outside_in_a_constant, "takes weights from '/etc/passwd'"),
    "many nodes": (lambda model: [another(model, "Abs", ["a"], ["b"]) for _ in range(20_000)], "20000 operators"),
    "many facts": (lambda model: model.metadata_props.add(key="x", value="x" * 10**6), "MB of settings"),
    "threshold": (facts("config", malignant_threshold=0.99), "other weights or settings"),
    "no threshold": (facts("config", gate_threshold=None), "other weights or settings"),
    "temperature": (facts("config", temperature=9.0), "other weights or settings"),
    "mean": (facts("preprocessing", mean=[0.4, 0.4, 0.4]), "other weights or settings"),
    "no number": (facts("config", temperature="low"), "not written by hfskin"),
    "infinite": (facts("config", gate_threshold=float("inf")), "not written by hfskin"),
    "huge": (facts("preprocessing", height=10**9), "not written by hfskin"),
    "size": (facts("preprocessing", height=96), "takes other inputs"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_a_graph_that_our_exporter_did_not_write_is_not_run(kind, folder):
    change, message = STRANGE[kind]
    edit(folder, change)
    with pytest.raises(OnnxError, match=re.escape(message)) as raised:
        backend.load(folder, backend="onnx")
    assert re.match(ONE_LINE, str(raised.value))


def test_torch_answers_in_its_place(folder, lesion_path, caplog):
    edit(folder, STRANGE["loop"][0])
    answer = backend.load(folder, device="cpu")(lesion_path)
    assert answer.probabilities == hfskin.load(EMBEDDED_CHECKPOINT, backend="torch")(lesion_path).probabilities
    assert "which `hfskin export` does not write" in caplog.text


def test_whatever_is_cut_off_or_turned_over_is_one_line(folder):
    whole = (folder / "model.onnx").read_bytes()
    check_graph(folder / "model.onnx")
    draw, damaged = np.random.default_rng(0), folder / "damaged.onnx"
    for _ in range(100):
        data = bytearray(whole[: draw.integers(len(whole))])
        for place in draw.integers(len(data), size=20) if len(data) else ():
            data[place] = draw.integers(256)
        damaged.write_bytes(data)
        with suppress(GraphError):  # anything else is a failure; what is turned over may still be a graph
            check_graph(damaged)
    damaged.write_bytes(whole)
    os.truncate(damaged, 3 * 10**9)
    with pytest.raises(OnnxError, match=r"has 3.0 GB"):
        OnnxPipeline(damaged)


def test_a_graph_that_wants_all_the_memory_is_one_line(folder, lesion_path):
    """Permitted operators that make 27 GB of a picture: each pixel times each."""

    def change(model: onnx.ModelProto) -> None:
        shapes = {"column": [-1, 1], "row": [1, -1]}
        model.graph.initializer.extend(
            numpy_helper.from_array(np.array(shape, dtype=np.int64), name) for name, shape in shapes.items()
        )
        another(model, "Reshape", ["pixel_values", "column"], ["as_column"])
        another(model, "Reshape", ["pixel_values", "row"], ["as_row"])
        another(model, "Mul", ["as_column", "as_row"], ["all"])
        another(model, "ReduceMean", ["all"], ["mean_of_all"], keepdims=1)
        model.graph.output.append(helper.make_tensor_value_info("mean_of_all", TensorProto.FLOAT, [1, 1]))

    edit(folder, change)
    pipeline = backend.load(folder, backend="onnx")
    assert pipeline.checkpoint == fingerprint(folder)
    with pytest.raises(OnnxError, match=r"model\.onnx: ONNX Runtime cannot compute it") as raised:
        pipeline(lesion_path)
    assert re.match(ONE_LINE, str(raised.value))
