"""An ONNX file that computes in 8-bit integers. Needs torch, and the `onnx` extra."""

import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from ..model.labels import CLASSES
from .onnx import OnnxError, OnnxPipeline
from .onnx_export import export_onnx

INT8_FILE = "model.int8.onnx"
PICTURES = 300  # that the ranges of the activations are read from
LARGEST = 1 / 3  # of the picture's height: convolutions that read larger maps stay in float32
AGREEMENT = 0.90  # of the most probable classes, with float32, on those pictures


def export_int8(folder: Path, pictures: Sequence[Path], output: Path | None = None) -> Path:
    """Write a checkpoint as ONNX with its convolutions in 8 bits (static quantisation, weights by channel).

    The convolutions that read the largest maps stay in float32: they have few channels, whose coarse steps all that
    comes later would inherit. So do metadata branch, classifier and gate. The answers differ a little from the
    checkpoint's, and its thresholds were fitted to those: docs/benchmark.md measures how much.

    Args:
        folder: the checkpoint.
        pictures: like those that it was trained on, at least one; `PICTURES` of them are drawn. The ranges of the
            activations are read from them. Labels are not needed.
        output: the file; default `INT8_FILE` in the checkpoint folder. It holds everything.

    Raises:
        HubError: not a complete checkpoint.
        ImageError: a picture cannot be used.
        OnnxError: the quantised network answers otherwise than float32 on more than a few of the pictures; nothing is
            written.
    """
    target = folder / INT8_FILE if output is None else output
    with tempfile.TemporaryDirectory() as temporary:
        exported, folded, quantised = (Path(temporary, name) for name in ("float.onnx", "folded.onnx", "int8.onnx"))
        export_onnx(folder, exported)
        _fold(exported, folded)
        reference = OnnxPipeline(exported)
        inputs = _inputs(reference, pictures)
        with _without_advice():
            quantize_static(
                folded,
                quantised,
                _Reader(inputs),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                per_channel=True,
                activation_type=QuantType.QUInt8,  # unsigned: signed ones are slow on x86
                weight_type=QuantType.QInt8,
                nodes_to_exclude=_kept_in_float(folded, reference.preprocessing.height),
            )
        _copy_facts(exported, quantised)
        _check(reference, OnnxPipeline(quantised), inputs)
        beside = target.with_name(f".{target.name}.writing")
        try:
            shutil.copyfile(quantised, beside)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    return target


class _Reader(CalibrationDataReader):
    """One picture after the other."""

    def __init__(self, inputs: list[dict[str, np.ndarray]]):
        self.inputs = iter(inputs)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.inputs, None)


def _inputs(pipeline: OnnxPipeline, pictures: Sequence[Path]) -> list[dict[str, np.ndarray]]:
    drawn = np.random.default_rng(0).permutation(len(pictures))[:PICTURES]
    rows = (pipeline.preprocess({"image": pictures[i], "patient": (None, None, None)}) for i in sorted(drawn))
    return [{name: row[name][None] for name in ("pixel_values", "metadata")} for row in rows]


def _fold(source: Path, target: Path) -> None:
    """Let ONNX Runtime fold BatchNorm into the convolutions, as it does when it loads a file."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def _kept_in_float(path: Path, height: int) -> list[str]:
    """Names of the convolutions that read maps of more than `LARGEST` of the input's `height`."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    heights = {
        value.name: shape[2].dim_value
        for value in (*graph.input, *graph.value_info)
        if len(shape := value.type.tensor_type.shape.dim) == 4
    }
    return [n.name for n in graph.node if n.op_type == "Conv" and heights.get(n.input[0], 0) > LARGEST * height]


def _copy_facts(source: Path, target: Path) -> None:
    """What [`OnnxPipeline`] reads from the file's metadata."""
    model = onnx.load(target)
    del model.metadata_props[:]
    model.metadata_props.extend(onnx.load(source, load_external_data=False).metadata_props)
    onnx.save(model, target)


def _check(reference: OnnxPipeline, quantised: OnnxPipeline, inputs: list[dict[str, np.ndarray]]) -> None:
    expected, found = ([int(p.run(**row)["logits"].argmax()) for row in inputs] for p in (reference, quantised))
    agreement = np.mean(np.equal(expected, found))
    if agreement < AGREEMENT:
        worst = CLASSES[expected[int(np.not_equal(expected, found).argmax())]]
        raise OnnxError(
            f"in 8 bits the network names another class than in float32 for {1 - agreement:.0%} of {len(inputs)} "
            f"pictures (first a {worst!r}), so nothing was written; use the float32 export"
        )


@contextmanager
def _without_advice() -> Iterator[None]:
    """Inside, ONNX Runtime does not recommend the preparation that [`_fold`] has done in another way."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
