"""The pipeline of transformers: image and metadata -> Prediction, by torch."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Pipeline

from ..checkpoints.hub import checkpoint_folder, hub_errors
from ..checkpoints.layout import EMBEDDED_CHECKPOINT
from ..checkpoints.load import load_checkpoint
from ..model.preprocessing import Preprocessing
from .base import BATCH_SIZE, LesionPipeline, unknown_argument
from .onnx import OnnxPipeline

__all__ = ["BATCH_SIZE", "EMBEDDED_CHECKPOINT", "TASK", "SkinLesionPipeline", "load"]

TASK = "skin-lesion-classification"


class SkinLesionPipeline(LesionPipeline, Pipeline):
    """Pipeline "skin-lesion-classification": call it with a picture and, where known, age, sex and site.

    ```python
    pipeline = hfskin.load()
    prediction = pipeline("lesion.jpg", age=55, sex="male", localization="back")
    ```
    """

    _load_image_processor = True

    @property
    def config(self):
        """[`HfskinConfig`] of the model."""
        return self.model.config

    @property
    def preprocessing(self) -> Preprocessing:  # type: ignore[override]  # computed here, kept elsewhere
        """Of the image processor."""
        return self.image_processor.preprocessing

    @property
    def parameters(self) -> int:  # type: ignore[override]
        """How many the model has."""
        return self.model.num_parameters()

    def run(self, pixel_values: np.ndarray, metadata: np.ndarray) -> dict[str, np.ndarray]:
        """See [`LesionPipeline.run`]."""
        outputs = self.forward({"pixel_values": torch.from_numpy(pixel_values), "metadata": torch.from_numpy(metadata)})
        return {key: value.float().numpy() for key, value in outputs.items() if value is not None}

    def _sanitize_parameters(self, **kwargs):
        if kwargs:
            raise unknown_argument(kwargs)
        return {}, {}, {}

    def _forward(self, model_inputs: dict[str, Any]):
        return self.model(**model_inputs)

    def save_pretrained(self, save_directory: str | Path, **kwargs) -> None:
        """Write a checkpoint folder. transformers would copy this file too, which cannot stand alone."""
        self.model.save_pretrained(save_directory, **kwargs)
        self.image_processor.save_pretrained(save_directory)

    def push_to_hub(self, repo_id: str, **kwargs) -> str:
        """As `push_to_hub` of the model, which brings the processor along."""
        return self.model.push_to_hub(repo_id, **kwargs)


def load(
    model: str | Path | None = None, revision: str | None = None, device=None, **hub_kwargs
) -> SkinLesionPipeline | OnnxPipeline:
    """A pipeline with the embedded checkpoint (None), a checkpoint folder, a repository of the Hub or an ONNX file.

    Args:
        model: an `.onnx` file of `hfskin export` runs on ONNX Runtime, on the CPU; all else runs on torch.
        revision: branch, tag or commit of a Hub repository.
        device: as in transformers; default the GPU if there is one.
        hub_kwargs: token, cache_dir, local_files_only or force_download of huggingface_hub.

    Raises:
        HubError: no such folder or repository, or it lacks the model or the processor, or the Hub does not answer.
        OnnxError: the ONNX file cannot be used.
    """
    source = str(model or EMBEDDED_CHECKPOINT)
    if source.endswith(".onnx"):
        return OnnxPipeline(source)
    with hub_errors(source, revision):
        folder = checkpoint_folder(source, revision, **hub_kwargs)
        network, processor = load_checkpoint(folder, source)
    network = network.to(memory_format=torch.channels_last)  # faster, most of all in batches: docs/benchmark.md
    if device is None and torch.cuda.is_available():
        device = "cuda"
    return SkinLesionPipeline(model=network, image_processor=processor, device=device, task=TASK)
