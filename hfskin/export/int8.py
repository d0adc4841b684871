"""An ONNX file that computes in 8-bit integers. Needs torch, and the `onnx` extra."""

import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnxruntime

from ..checkpoints.layout import INT8_FILE, ONNX_FILE
from ..checkpoints.save import whole_file
from ..inference.backend import onnx_beside
from ..inference.base import stack
from ..inference.decisions import softmax
from ..inference.onnx import NEEDS_EXTRA, OnnxError, OnnxPipeline
from .onnx import export_onnx

try:
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
except ImportError as error:
    raise OnnxError(NEEDS_EXTRA) from error

PICTURES = 300  # that the ranges of the activations are read from
LARGEST = 1 / 3  # of the picture's height: convolutions that read larger maps stay in float32
# From float32 on those pictures, at most. Eight bits in all layers of EfficientNet-Lite0 would give more of both.
DIFFERENCE = 0.03  # of a class's probability, on average
OTHERWISE = 0.10  # share of the pictures on which the gate decides otherwise


def export_int8(folder: Path, pictures: Sequence[Path], output: Path | None = None) -> Path:
    """Write a checkpoint as ONNX with its convolutions in 8 bits (static quantisation, weights by channel).

    The convolutions that read the largest maps stay in float32: they have few channels, whose coarse steps all that
    comes later would inherit. So do Soft-Attention, metadata branch, classifier, gate and the other members of an
    ensemble. The answers differ a little from the checkpoint's, and its thresholds were fitted to those:
    docs/benchmark.md measures how much.

    Args:
        folder: the checkpoint.
        pictures: like those that it was trained on, at least one; `PICTURES` of them are drawn. The ranges of the
            activations are read from them. Labels are not needed.
        output: the file; default `INT8_FILE` in the checkpoint folder. It holds everything.

    Raises:
        HubError: not a complete checkpoint.
        ImageError: a picture cannot be used.
        OnnxError: no pictures; `output` is the checkpoint's model.onnx, which must answer as its thresholds presume;
            the quantised network's answers are too far from those of float32. Nothing is written.
    """
    target = folder / INT8_FILE if output is None else output
    if not pictures:
        raise OnnxError("8 bits need pictures like those of the training, and there are none; masks do not count")
    if target.absolute() == (folder / ONNX_FILE).absolute():
        raise OnnxError(f"{target} is used unasked, and must answer as float32 does; give another --output")
    with tempfile.TemporaryDirectory() as temporary:
        folded, quantised = (Path(temporary, name) for name in ("folded.onnx", "int8.onnx"))
        reference = _in_float(folder, Path(temporary, "float.onnx"))
        _fold(reference.path, folded)
        inputs = _inputs(reference, pictures)
        with _without_advice():
            quantize_static(
                folded,
                quantised,
                _Reader(inputs),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                per_channel=True,
                reduce_range=True,  # 7 bits a weight: with 8, sums overflow unnoticed on x86 without VNNI
                activation_type=QuantType.QUInt8,  # unsigned: signed ones are slow on x86
                weight_type=QuantType.QInt8,
                nodes_to_exclude=_kept_in_float(folded, reference),
            )
        _copy_facts(reference.path, quantised)
        _check(reference, OnnxPipeline(quantised), inputs)
        with whole_file(target) as beside:
            shutil.copyfile(quantised, beside)
    return target


def _in_float(folder: Path, file: Path) -> OnnxPipeline:
    """The checkpoint's own graph; where it has none that fits, a new one in `file`."""
    try:
        return onnx_beside(folder)
    except OnnxError:
        return OnnxPipeline(export_onnx(folder, file))


class _Reader(CalibrationDataReader):
    """One picture after the other."""

    def __init__(self, inputs: list[dict[str, np.ndarray]]):
        self.inputs = iter(inputs)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.inputs, None)


def _inputs(pipeline: OnnxPipeline, pictures: Sequence[Path]) -> list[dict[str, np.ndarray]]:
    drawn = np.random.default_rng(0).permutation(len(pictures))[:PICTURES]
    batches = (stack([pipeline.prepare(pictures[i])]) for i in sorted(drawn))
    return [{"pixel_values": pixel_values, "metadata": metadata} for pixel_values, metadata in batches]


def _fold(source: Path, target: Path) -> None:
    """Let ONNX Runtime fold BatchNorm into the convolutions, as it does when it loads a file."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def _kept_in_float(path: Path, pipeline: OnnxPipeline) -> list[str]:
    """Names of the convolutions that read maps of more than `LARGEST` of the input's height, of Soft-Attention's, and
    of the other members of an ensemble: those are small networks, in which 8 bits cost more than they gain."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    heights = {
        value.name: shape[2].dim_value
        for value in (*graph.input, *graph.value_info)
        if len(shape := value.type.tensor_type.shape.dim) == 4
    }
    largest = LARGEST * pipeline.preprocessing.height
    first = _first_network(graph)
    attention = first[-1:] if pipeline.config.attention_maps else []  # behind the whole backbone
    in_8_bits = [node.name for node in first if heights.get(node.input[0], 0) <= largest and node not in attention]
    return [node.name for node in graph.node if node.op_type == "Conv" and node.name not in in_8_bits]


def _first_network(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The convolutions, in their order, of the network whose maps and score the model gives: all, where it is alone."""
    outputs = {value.name for value in graph.output}
    before = outputs & {"attentions", "in_distribution_score"} or outputs
    convolutions = []
    for node in reversed(graph.node):
        if before.intersection(node.output):
            before.update(node.input)
            if node.op_type == "Conv":
                convolutions.append(node)
    return convolutions[::-1]


def _copy_facts(source: Path, target: Path) -> None:
    """What [`OnnxPipeline`] reads from the file's metadata."""
    model = onnx.load(target)
    del model.metadata_props[:]
    model.metadata_props.extend(onnx.load(source, load_external_data=False).metadata_props)
    onnx.save(model, target)


def _check(reference: OnnxPipeline, quantised: OnnxPipeline, inputs: list[dict[str, np.ndarray]]) -> None:
    (expected, accepted), (found, accepted_now) = (_answers(pipeline, inputs) for pipeline in (reference, quantised))
    difference, otherwise = np.abs(found - expected).mean(), np.not_equal(accepted_now, accepted).mean()
    if not (difference <= DIFFERENCE and otherwise <= OTHERWISE):
        raise OnnxError(
            f"in 8 bits a probability differs by {difference:.3f} on average and the gate decides otherwise on "
            f"{otherwise:.0%} of {len(inputs)} pictures, so nothing was written; use the float32 export"
        )


def _answers(pipeline: OnnxPipeline, inputs: list[dict[str, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (N, C), and what the gate lets through (N,)."""
    outputs, threshold = [pipeline.run(**row) for row in inputs], pipeline.config.gate_threshold
    scores = [output.get("in_distribution_score", [0.0])[0] for output in outputs]
    accepted = np.full(len(inputs), True) if threshold is None else np.greater_equal(scores, threshold)
    return softmax(np.concatenate([output["logits"] for output in outputs])), accepted


@contextmanager
def _without_advice() -> Iterator[None]:
    """Inside, ONNX Runtime does not recommend the preparation that [`_fold`] has done in another way."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
