"""Torch is the reference; ONNX Runtime answers faster on a CPU, and without waiting for torch to be imported."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Union

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
from .machine import has_cuda
from .onnx import OnnxError, OnnxPipeline

if TYPE_CHECKING:
    from .pipeline import SkinLesionPipeline

logger = logging.getLogger("hfskin")


def load(
    model: str | Path | None = None,
    revision: str | None = None,
    backend: str = "auto",
    device=None,
    threads: int | None = None,
    **hub_kwargs,
) -> Union[OnnxPipeline, "SkinLesionPipeline"]:
    """For programs: a pipeline with the embedded checkpoint (None), a checkpoint folder, a repository of the Hub or an
    ONNX file.

    Args:
        revision: branch, tag or commit of a Hub repository.
        backend: "onnx", "torch", or "auto": ONNX Runtime where the checkpoint has a `model.onnx` that was exported from
            just these weights and settings and no GPU is there or asked for, else torch. Of a stranger's checkpoint
            nothing is executed but torch's operators on its weights, or a graph that passes `check_graph`.
        device: for torch, as in transformers; default the GPU if there is one.
        threads: default OMP_NUM_THREADS, else one for each core; torch takes it for the thread that calls this.
        hub_kwargs: token, cache_dir, local_files_only or force_download of huggingface_hub.

    Raises:
        HubError: no such folder or repository, or it is incomplete, or the Hub does not answer.
        OnnxError: the ONNX file cannot be used, or "onnx" was asked for and there is none.
    """
    source = str(model or EMBEDDED_CHECKPOINT)
    if source.endswith(".onnx"):
        return OnnxPipeline(source, threads)
    refused = None
    on_cpu = device == "cpu" or (device is None and not has_cuda())
    if backend == "onnx" or (backend == "auto" and on_cpu):
        folder = _folder(source, revision, **hub_kwargs)
        try:
            return onnx_beside(folder, threads)
        except OnnxError as error:
            if backend == "onnx":
                raise
            refused = error if (folder / ONNX_FILE).is_file() else None
    from ..auto import load
    from ..checkpoints.hub import hide_loading_bars

    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    hide_loading_bars()
    pipeline = load(source, revision, device=device, **hub_kwargs)
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
    except (OSError, ValueError, TypeError):
        fits = False  # an incomplete checkpoint: what reads it says so
    if not fits:
        raise OnnxError(f"{folder / ONNX_FILE} was exported from other weights or settings: `hfskin export {folder}`")
    return pipeline


def _has_settings(pipeline: OnnxPipeline, folder: Path) -> bool:
    """Whether the graph's copies of the settings are those of the folder: any fingerprint can be computed."""
    config = {"partners": []} | read_settings(folder / CONFIG_FILE)
    stored = checked(read_settings(folder / PROCESSOR_FILE), PREPROCESSING, PROCESSOR_FILE)
    same = all(value == config.get(name) for name, value in vars(pipeline.config).items())
    return same and pipeline.preprocessing == Preprocessing.from_settings(**stored)


def _folder(source: str, revision: str | None, **hub_kwargs) -> Path:
    if Path(source).is_dir():
        return Path(source)
    from ..checkpoints.hub import checkpoint_folder, hub_errors

    with hub_errors(source, revision):
        return checkpoint_folder(source, revision, **hub_kwargs)
