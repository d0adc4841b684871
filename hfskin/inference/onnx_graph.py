"""What an ONNX file holds, read before ONNX Runtime sees it: nothing runs that our own exporter could not have written.

ONNX is protobuf (onnx.proto of the ONNX project). Its messages are walked where they lie, so that a file of a gigabyte
is not copied; the numbers of the fields below are those of onnx.proto.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

from ..checkpoints.layout import WEIGHTS_FILE

MAX_BYTES = 1_200_000_000  # of the file: the largest network in float32
MAX_NODES = 20_000
MAX_FACTS = 10**6  # bytes of what stands beside the graph: labels, settings
# Plain arithmetic from front to back. Nothing here repeats, branches or reads a file.
OPERATORS = frozenset((
    "Abs", "Add", "AveragePool", "BatchNormalization", "Cast", "CastLike", "Clip", "Concat", "Constant", "Conv",
    "DequantizeLinear", "Div", "Erf", "Exp", "Expand", "Flatten", "Gather", "Gelu", "Gemm", "GlobalAveragePool",
    "HardSigmoid", "HardSwish", "Identity", "IsNaN", "LayerNormalization", "Log", "MatMul", "MaxPool", "Mul", "Neg",
    "Pad", "Pow", "QuantizeLinear", "ReduceL2", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Resize", "Shape",
    "Sigmoid", "Sign", "Slice", "Softmax", "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze", "Where",
))  # fmt: skip

# Of each message: field -> what it is. Fields that are not named hold numbers, names and remarks.
_MODEL_GRAPH, _MODEL_FACTS = 7, 14
_MODEL_REFUSED = {20: "a training part", 25: "functions"}
_GRAPH_NODE, _GRAPH_WEIGHT = 1, 5
_GRAPH_REFUSED = {15: "sparse weights"}
_NODE_KIND, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSOR = 5
_ATTRIBUTE_REFUSED = {
    6: "a graph within a graph", 11: "a graph within a graph", 10: "lists of tensors", 21: "a function's attribute",
    22: "sparse weights", 23: "sparse weights",
}  # fmt: skip
_TENSOR_OUTSIDE = 13
_ENTRY_KEY, _ENTRY_VALUE = 1, 2

Message = memoryview


class GraphError(ValueError):
    """A file that our exporter could not have written; the message says by what it shows."""


def check_graph(path: Path) -> None:
    """Refuse what is not a plain chain of `OPERATORS` on weights in the file itself or in the `WEIGHTS_FILE` beside it.

    Raises:
        GraphError: something else is in the file, it is cut off, or larger than any network of ours.
        OSError: it cannot be read.
    """
    if (size := path.stat().st_size) > MAX_BYTES:
        raise GraphError(f"has {size / 1e9:.1f} GB, and {MAX_BYTES / 1e9:.1f} are the most")
    if not size:
        raise GraphError("damaged: it is empty")
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # closed with its last view
    try:
        _check_model(memoryview(data))
    except (IndexError, UnicodeDecodeError):
        raise GraphError("damaged, or not an ONNX file") from None


def _check_model(model: Message) -> None:
    facts = nodes = 0
    for field, value in _fields(model):
        _refuse(field, _MODEL_REFUSED)
        if field == _MODEL_FACTS:
            facts += len(_message(value))
        elif field == _MODEL_GRAPH:
            nodes += _check_graph(_message(value))
        if facts > MAX_FACTS or nodes > MAX_NODES:
            raise GraphError(f"holds more than {MAX_NODES} operators or {MAX_FACTS / 1e6:.0f} MB of settings")


def _check_graph(graph: Message) -> int:
    """The number of its nodes."""
    nodes = 0
    for field, value in _fields(graph):
        _refuse(field, _GRAPH_REFUSED)
        if field == _GRAPH_NODE:
            nodes += 1
            _check_node(_message(value))
        elif field == _GRAPH_WEIGHT:
            _check_tensor(_message(value))
    return nodes


def _check_node(node: Message) -> None:
    for field, value in _fields(node):
        if field == _NODE_KIND and (kind := _text(value)) not in OPERATORS:
            raise GraphError(f"holds the operator {kind[:60]!r}, which `hfskin export` does not write")
        if field == _NODE_DOMAIN and (domain := _text(value)) not in ("", "ai.onnx"):
            raise GraphError(f"holds an operator of {domain[:60]!r}, and not of ONNX itself")
        if field == _NODE_ATTRIBUTE:
            for inner, content in _fields(_message(value)):
                _refuse(inner, _ATTRIBUTE_REFUSED)
                if inner == _ATTRIBUTE_TENSOR:
                    _check_tensor(_message(content))


def _check_tensor(tensor: Message) -> None:
    for field, value in _fields(tensor):
        if field == _TENSOR_OUTSIDE:
            entry = {_ENTRY_KEY: memoryview(b""), _ENTRY_VALUE: memoryview(b"")} | dict(_fields(_message(value)))
            if _text(entry[_ENTRY_KEY]) == "location" and (place := _text(entry[_ENTRY_VALUE])) != WEIGHTS_FILE:
                raise GraphError(f"takes weights from {place[:100]!r}, and only {WEIGHTS_FILE} beside it is read")


def _refuse(field: int, refused: dict[int, str]) -> None:
    if field in refused:
        raise GraphError(f"holds {refused[field]}, which `hfskin export` does not write")


def _fields(message: Message) -> Iterator[tuple[int, Message | int]]:
    """Number and value of the fields, in order: the bytes of what has a length, and any number for what has none."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 2:
            length, at = _varint(message, at)
            if at + length > end:
                raise IndexError
            yield key >> 3, message[at : at + length]
            at += length
        elif kind == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
            yield key >> 3, 0
        else:  # groups, which onnx.proto does not have
            raise IndexError


def _varint(message: Message, at: int) -> tuple[int, int]:
    """A number of one to ten bytes, and where it ends."""
    value = message[at]
    if value < 0x80:
        return value, at + 1
    value &= 0x7F
    for place in range(1, 10):
        byte = message[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise IndexError


def _message(value: Message | int) -> Message:
    if isinstance(value, int):
        raise IndexError
    return value


def _text(value: Message | int) -> str:
    return str(_message(value), "utf-8")
