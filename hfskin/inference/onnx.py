"""The pipeline on ONNX Runtime: the same answers without torch, from a file that `hfskin export` wrote."""

import copy
import json
import logging
import os
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime

from ..checkpoints.layout import OLD_GATE_UNUSED, ONNX_FILE, WEIGHTS_FILE
from ..checkpoints.settings import PREPARED, SETTINGS, checked
from ..model.labels import SEXES, SITES
from ..model.metadata import AGE_MEAN, AGE_STD
from ..model.preprocessing import Preprocessing
from .base import LesionPipeline
from .machine import threads_asked_for
from .onnx_graph import GraphError, check_graph

logger = logging.getLogger("hfskin")

AT_ONCE = 4  # pictures in ONNX Runtime: what passes between two operators then stays in a CPU's cache
MEMORY_A_CORE = 10**9  # bytes
# What the numbers mean; the same in every file of this version of hfskin.
METADATA_LAYOUT = {
    "columns": ["age", *(f"sex={name}" for name in SEXES), *(f"localization={name}" for name in SITES)],
    "age_mean": AGE_MEAN,
    "age_std": AGE_STD,
}


# What older files lack.
_OLD_CONFIG = {
    "partners": [],
    "gate": False,
    "unusual_threshold": None,
    "malignant_labels": None,
    "problem_type": None,
}
_OLD_PREPROCESSING = {"colour_reference": None, "colour_strength": 1.0, "max_stretch": 1.0}
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
        self._refuse_strangers()
        self.session = _open(self.path, threads_asked_for() if threads is None else threads)
        facts = _facts(self.session, self.path)
        self.config, self.preprocessing = facts["config"], facts["preprocessing"]
        self.parameters = facts["parameters"]
        self.checkpoint = facts["checkpoint"]
        shapes = {node.name: node.shape for node in self.session.get_inputs()}
        self._inputs = list(shapes)
        self._outputs = [node.name for node in self.session.get_outputs()]
        pixels = [3, self.preprocessing.height, self.preprocessing.width]
        if shapes.get("pixel_values", [])[1:] != pixels or not shapes.keys() <= {"pixel_values", "metadata"}:
            raise OnnxError(f"{self.path}: takes other inputs than a network of hfskin; export it again")
        if "in_distribution_score" in self._outputs and not self.config.gate:
            self._outputs.remove("in_distribution_score")
            logger.warning("%s: %s", self.path, OLD_GATE_UNUSED)

    @property
    def revision(self) -> str:
        """See [`LesionPipeline.revision`]; the file knows its checkpoint's."""
        return self.checkpoint[:12]

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
        try:
            parts = [
                self.session.run(self._outputs, {name: given[name][start : start + AT_ONCE] for name in self._inputs})
                for start in range(0, max(1, len(pixel_values)), AT_ONCE)
            ]
        except Exception as error:  # of many types, see `_open`
            raise OnnxError(f"{self.path}: ONNX Runtime cannot compute it ({_first_line(error)})") from error
        found = {name: np.concatenate(values) for name, *values in zip(self._outputs, *parts, strict=True)}
        if found["logits"].shape != (len(pixel_values), len(self.config.id2label)):
            raise OnnxError(f"{self.path}: gives something else than a number a class; export it again")
        return found

    def _refuse_strangers(self) -> None:
        if not self.path.is_file():
            raise OnnxError(f"{self.path}: no such file; `hfskin export` writes one")
        try:
            check_graph(self.path)
        except GraphError as error:
            raise OnnxError(f"{self.path}: {error}; export it again from a checkpoint that you trust") from error


@cache
def _limit_memory() -> None:
    """For all graphs of this process together: one that asks for more is an error, where it would take all there is."""
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    limit = {"max_mem": MEMORY_A_CORE * max(2, os.cpu_count() or 1), "arena_extend_strategy": 1}
    defaults = {"initial_chunk_size_bytes": -1, "max_dead_bytes_per_chunk": -1}
    onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg(limit | defaults))


def _open(path: Path, threads: int | None) -> onnxruntime.InferenceSession:
    _limit_memory()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0  # 0: one for each core
    options.log_severity_level = 4  # errors come as exceptions
    options.add_session_config_entry("session.use_env_allocators", "1")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises many types, which have no common base
        if WEIGHTS_FILE in str(error) and not path.with_name(WEIGHTS_FILE).is_file():
            raise OnnxError(f"{path}: the graph alone; its weights are in {WEIGHTS_FILE}: copy both") from error
        raise OnnxError(f"{path}: damaged, or not an ONNX file ({_first_line(error)}); export it again") from error


def _facts(session: onnxruntime.InferenceSession, path: Path) -> dict[str, Any]:
    try:
        facts = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
        same = facts["metadata"] == METADATA_LAYOUT
        needed: dict[str, Any] = {"parameters": int(facts["parameters"]), "checkpoint": str(facts["checkpoint"])}
        labels = dict(enumerate(facts["labels"]))
        config = _OLD_CONFIG | facts["config"] | {"id2label": {str(i): label for i, label in labels.items()}}
        config = {name: config[name] for name in SETTINGS}
        prepared = _OLD_PREPROCESSING | facts["preprocessing"]
        prepared = {name: prepared[name] for name in PREPARED}
        checked(config, SETTINGS, ONNX_FILE)
        checked(prepared, PREPARED, ONNX_FILE)
        needed["config"] = SimpleNamespace(**config | {"id2label": labels})
        prepared = {name: tuple(value) if isinstance(value, list) else value for name, value in prepared.items()}
        needed["preprocessing"] = Preprocessing(**prepared)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, RecursionError):
        raise OnnxError(
            f"{path}: not written by hfskin, so its answers mean nothing here; write one with `hfskin export`"
        ) from None
    if not same:
        raise OnnxError(f"{path}: its metadata are not those of this version; export it again")
    return needed


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
