"""The pipeline on ONNX Runtime: the same answers without torch, from a file that `hfskin export` wrote."""

import copy
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime

from ..model.labels import CLASSES, SEXES, SITES
from ..model.metadata import AGE_MEAN, AGE_STD
from ..model.preprocessing import Preprocessing
from .base import LesionPipeline

AT_ONCE = 4  # pictures in ONNX Runtime: what passes between two operators then stays in a CPU's cache
# What the numbers mean; the same in every file of this version of hfskin.
LABELS = list(CLASSES)
METADATA_LAYOUT = {
    "columns": ["age", *(f"sex={name}" for name in SEXES), *(f"localization={name}" for name in SITES)],
    "age_mean": AGE_MEAN,
    "age_std": AGE_STD,
}


NEEDS_EXTRA = "the export needs onnx and onnxscript: pip install 'hfskin[onnx]'"


class OnnxError(ValueError):
    """An ONNX file that cannot be used or written; the message says what to do."""


class OnnxPipeline(LesionPipeline):
    """Like [`SkinLesionPipeline`], on the CPU.

    Args:
        path: a file of `hfskin export`.
        threads: default OMP_NUM_THREADS, else one for each core.

    Attributes:
        checkpoint: the fingerprint of the checkpoint that was exported, see [`fingerprint`].

    Raises:
        OnnxError: missing, damaged, or not written by a version of hfskin that fits this one.
    """

    def __init__(self, path: str | Path, threads: int | None = None):
        self.path, self._threads = Path(path), threads
        self.folder = self.path.parent
        self.session = _open(Path(path), int(os.environ.get("OMP_NUM_THREADS") or 0) if threads is None else threads)
        facts = _facts(self.session, Path(path))
        self.config, self.preprocessing = facts["config"], facts["preprocessing"]
        self.parameters = facts["parameters"]
        self.checkpoint = facts["checkpoint"]
        self._inputs = [node.name for node in self.session.get_inputs()]
        self._outputs = [node.name for node in self.session.get_outputs()]

    def on_one_core(self) -> "OnnxPipeline | None":
        """See [`LesionPipeline.on_one_core`]; None too where the threads were given, since more are not wanted then."""
        if self._threads is not None:
            return None
        alone = copy.copy(self)
        alone.session = _open(self.path, threads=1)
        return alone

    def run(self, pixel_values: np.ndarray, metadata: np.ndarray) -> dict[str, np.ndarray]:
        """See [`LesionPipeline.run`]."""
        given = {"pixel_values": pixel_values, "metadata": metadata}
        parts = [
            self.session.run(self._outputs, {name: given[name][start : start + AT_ONCE] for name in self._inputs})
            for start in range(0, max(1, len(pixel_values)), AT_ONCE)
        ]
        return {name: np.concatenate(values) for name, *values in zip(self._outputs, *parts, strict=True)}


def _open(path: Path, threads: int) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise OnnxError(f"{path}: no such file; `hfskin export` writes one")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # errors come as exceptions
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises many types, which have no common base
        raise OnnxError(f"{path}: damaged, or not an ONNX file ({_first_line(error)}); export it again") from error


def _facts(session: onnxruntime.InferenceSession, path: Path) -> dict:
    try:
        facts = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
        same = facts["labels"] == LABELS and facts["metadata"] == METADATA_LAYOUT
        needed = {key: facts[key] for key in ("parameters", "checkpoint")}
        needed["config"] = SimpleNamespace(**{"partners": []} | facts["config"])  # older files lack the first
        given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in facts["preprocessing"].items()}
        needed["preprocessing"] = Preprocessing(**given)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise OnnxError(f"{path}: not written by hfskin, so its answers mean nothing here; `hfskin export`") from None
    if not same:
        raise OnnxError(f"{path}: its classes or metadata are not those of this version; export it again")
    return needed


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
