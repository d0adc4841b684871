"""The one door to an answer: torch is the reference; ONNX Runtime answers faster on a CPU and does without torch."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from ..checkpoints.hub import checkpoint_folder, hide_loading_bars, hub_errors
from ..checkpoints.layout import (
    CONFIG_FILE,
    EMBEDDED_CHECKPOINT,
    ONNX_FILE,
    PROCESSOR_FILE,
    fingerprint,
    read_settings,
)
from ..checkpoints.settings import PREPROCESSING, checked
from ..model.preprocessing import Preprocessing
from .base import LesionPipeline
from .machine import collecting_no_garbage, has_cuda
from .onnx import OnnxError, OnnxPipeline

if TYPE_CHECKING:
    from .pipeline import SkinLesionPipeline

BACKENDS = ("auto", "onnx", "torch")
HUB_ARGUMENTS = ("token", "cache_dir", "local_files_only", "force_download", "endpoint")

logger = logging.getLogger("hfskin")


@overload
def load(model: str | Path | None = None, *, backend: Literal["torch"], **how: Any) -> "SkinLesionPipeline": ...
@overload
def load(model: str | Path | None = None, backend: str = "auto", **how: Any) -> LesionPipeline: ...
def load(
    model: str | Path | None = None,
    backend: str = "auto",
    revision: str | None = None,
    device=None,
    threads: int | None = None,
    **hub_arguments,
) -> LesionPipeline:
    """A pipeline with an embedded checkpoint (None or "large"), a checkpoint folder, a repository of the Hub or an ONNX
    file.

    ```python
    pipeline = hfskin.load()
    prediction = pipeline("lesion.jpg", age=55, sex="male", localization="back")
    ```

    Args:
        backend: "onnx", "torch", or "auto": ONNX Runtime where the checkpoint has a `model.onnx` that was exported from
            just these weights and settings and no GPU is there or asked for, else torch. Of a stranger's checkpoint
            nothing is executed but torch's operators on its weights, or a graph that passes `check_graph`.
        revision: branch, tag or commit of a Hub repository.
        device: for torch, as in transformers; default the GPU if there is one.
        threads: default OMP_NUM_THREADS, else one for each core; torch takes it for the thread that calls this.
        hub_arguments: token, cache_dir, local_files_only, force_download or endpoint of huggingface_hub.

    Raises:
        HubError: no such folder or repository, or it is incomplete, or the Hub does not answer.
        OnnxError: the ONNX file cannot be used, or "onnx" was asked for and there is none.
        TypeError, ValueError: an argument or a backend that does not exist; an ONNX file for torch.
    """
    if unknown := hub_arguments.keys() - set(HUB_ARGUMENTS):
        raise TypeError(f"load() has no argument {min(unknown)!r}")
    if backend not in BACKENDS:
        raise ValueError(f"unknown backend {backend!r}; choose one of: {', '.join(BACKENDS)}")
    source = str(model or EMBEDDED_CHECKPOINT)
    if source.endswith(".onnx"):
        if backend == "torch":
            raise ValueError(f"{source}: torch reads no ONNX; give the checkpoint folder, or leave the backend out")
        return OnnxPipeline(source, threads)
    with hub_errors(source, revision):
        folder = checkpoint_folder(source, revision, **hub_arguments)
    refused = None
    on_cpu = device == "cpu" or (device is None and not has_cuda())
    if backend == "onnx" or (backend == "auto" and on_cpu):
        try:
            return onnx_beside(folder, threads)
        except OnnxError as error:
            if backend == "onnx":
                raise
            refused = error if (folder / ONNX_FILE).is_file() else None
    pipeline = _by_torch(folder, source, device, threads)
    if refused is not None:  # only now: where torch cannot answer either, its message is the one that helps
        logger.warning("%s; torch answers instead, which takes longer", refused)
    return pipeline


def onnx_beside(folder: Path, threads: int | None = None) -> OnnxPipeline:
    """The pipeline of a checkpoint folder's `model.onnx`.

    Raises:
        OnnxError: there is none, it cannot be used, or it belongs to other weights or settings than the folder's.
    """
    pipeline = OnnxPipeline(folder / ONNX_FILE, threads)
    try:
        fits = pipeline.checkpoint == fingerprint(folder) and _has_settings(pipeline, folder)
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        fits = False  # an incomplete checkpoint: what reads it says so
    if not fits:
        raise OnnxError(f"{folder / ONNX_FILE} was exported from other weights or settings: `hfskin export {folder}`")
    return pipeline


def _has_settings(pipeline: OnnxPipeline, folder: Path) -> bool:
    """Whether the graph's copies of the settings are those of the folder: any fingerprint can be computed."""
    config = {"partners": []} | read_settings(folder / CONFIG_FILE)
    config["id2label"] = {int(i): label for i, label in config["id2label"].items()}
    stored = checked(read_settings(folder / PROCESSOR_FILE), PREPROCESSING, PROCESSOR_FILE)
    same = all(value == config.get(name) for name, value in vars(pipeline.config).items())
    return same and pipeline.preprocessing == Preprocessing.from_settings(**stored)


def _by_torch(folder: Path, source: str, device, threads: int | None) -> "SkinLesionPipeline":
    with collecting_no_garbage():
        from .pipeline import load_pipeline
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    hide_loading_bars()
    with hub_errors(source):
        return load_pipeline(folder, source, device)
