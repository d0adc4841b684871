"""A checkpoint as an ONNX file. Needs torch, and the `onnx` extra."""

import json
import struct
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..checkpoints.layout import ONNX_FILE, WEIGHTS_FILE, fingerprint
from ..checkpoints.save import whole_file
from ..inference.backend import load
from ..inference.onnx import METADATA_LAYOUT, NEEDS_EXTRA, OnnxError, OnnxPipeline
from ..inference.pipeline import SkinLesionPipeline
from ..model.configuration_hfskin import HfskinConfig
from ..model.labels import class_names
from ..model.metadata import METADATA_SIZE

try:
    from onnxscript import ir, optimizer
except ImportError as error:
    raise OnnxError(NEEDS_EXTRA) from error

OUTPUTS = ("logits", "logits_without_age", "attentions", "in_distribution_score")
TOLERANCE = 1e-4  # of the logits, between torch and ONNX Runtime
_PRECISIONS = {"F16": ir.DataType.FLOAT16, "BF16": ir.DataType.BFLOAT16, "F32": ir.DataType.FLOAT}


def export_onnx(folder: Path, output: Path | None = None) -> Path:
    """Write a checkpoint as ONNX: pixel_values (B, 3, H, W) and metadata (B, 19) -> `OUTPUTS`, for any B.

    The weights keep the checkpoint's precision and are widened to float32 when the file is loaded, as torch does. The
    file's metadata holds what an answer needs besides: labels, layout of the metadata, preprocessing, calibration.

    Args:
        folder: the checkpoint.
        output: the file; it holds everything. None writes `model.onnx` to the checkpoint folder: the graph alone, whose
            weights stay in the `model.safetensors` beside it.

    Returns:
        The file. What was there before stays until the new one is whole and answers as torch does.

    Raises:
        HubError: not a complete checkpoint.
        OnnxError: the `onnx` extra is not installed, or ONNX Runtime's answer differs from torch's.
    """
    pipeline = load(folder, backend="torch", device="cpu")
    graph = _trace(pipeline)
    _store_weights(graph.graph, folder / WEIGHTS_FILE)
    graph.metadata_props.update({key: json.dumps(value) for key, value in _facts(pipeline, folder).items()})
    if output is not None:
        ir.external_data.load_to_model(graph)
    target = folder / ONNX_FILE if output is None else output
    with whole_file(target) as temporary:
        ir.save(graph, temporary)
        _check(pipeline, OnnxPipeline(temporary))
    return target


class _Network(nn.Module):
    """The model with the outputs that an answer needs, and no others."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, pixel_values: torch.Tensor, metadata: torch.Tensor) -> tuple[torch.Tensor, ...]:
        output = self.model(pixel_values, metadata)
        return tuple(output[name] for name in OUTPUTS if output.get(name) is not None)


def _trace(pipeline: SkinLesionPipeline) -> "ir.Model":
    network = _Network(pipeline.model).eval()
    example = tuple(torch.from_numpy(values) for values in _example(pipeline))
    names = [name for name in OUTPUTS if network.model(*example).get(name) is not None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about torch's own code
        program = torch.onnx.export(
            network,
            example,
            input_names=["pixel_values", "metadata"],
            output_names=names,
            dynamic_shapes=({0: "batch"}, {0: "batch"}),
            optimize=False,  # it would fold BatchNorm into other weights; ONNX Runtime does so when it loads the file
            verbose=False,
        )
    model = program.model
    optimizer.fold_constants(model, should_fold=_keep_weights)
    optimizer.remove_unused_nodes(model)
    for node in model.graph:
        node.metadata_props.clear()  # where in this machine's files it came from
    return model


def _keep_weights(node: "ir.Node") -> bool | None:
    """A transposed weight would be another one than the safetensors file holds; ONNX Runtime folds it on loading."""
    weights = (value for value in node.inputs if value is not None and value.is_initializer())
    return False if any((value.name or "").startswith("model.") for value in weights) else None


def _store_weights(graph: "ir.Graph", weights: Path) -> None:
    """Let the graph take its weights from a safetensors file, whose bytes ONNX can point into, and widen them."""
    with weights.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    casts = []
    for name, value in list(graph.initializers.items()):
        key = name.removeprefix("model.")
        if key == name or value.dtype != ir.DataType.FLOAT or value.shape is None:
            continue  # a constant of the graph
        start, end = header[key]["data_offsets"]
        precision = _PRECISIONS[header[key]["dtype"]]
        tensor = ir.ExternalTensor(
            weights.name, 8 + size + start, end - start, precision, shape=value.shape, name=key, base_dir=weights.parent
        )
        stored = ir.Value(name=key, const_value=tensor, shape=value.shape, type=ir.TensorType(precision))
        cast = ir.node("Cast", [stored], attributes={"to": ir.DataType.FLOAT})
        del graph.initializers[name]
        graph.register_initializer(stored)
        ir.convenience.replace_all_uses_with(value, cast.outputs[0])
        casts.append(cast)
    graph.insert_before(graph[0], casts)


def _facts(pipeline: SkinLesionPipeline, folder: Path) -> dict:
    """What [`OnnxPipeline`] reads from the file's metadata."""
    return {
        "labels": class_names(pipeline.config),
        "metadata": METADATA_LAYOUT,
        "preprocessing": vars(pipeline.preprocessing),
        "config": {name: getattr(pipeline.config, name) for name in HfskinConfig.__annotations__},
        "parameters": pipeline.parameters,
        "checkpoint": fingerprint(folder),
    }


def _example(pipeline: SkinLesionPipeline) -> tuple[np.ndarray, np.ndarray]:
    random, preprocessing = np.random.default_rng(0), pipeline.preprocessing
    pixels = random.standard_normal((2, 3, preprocessing.height, preprocessing.width), dtype=np.float32)
    return pixels, random.random((2, METADATA_SIZE), dtype=np.float32)


def _check(reference: SkinLesionPipeline, exported: OnnxPipeline) -> None:
    expected, found = (pipeline.run(*_example(reference))["logits"] for pipeline in (reference, exported))
    if not (difference := np.abs(found - expected).max()) <= TOLERANCE:
        raise OnnxError(f"ONNX Runtime's logits differ from torch's by {difference:.1e}, so nothing was written")
