# ruff: noqa: E402  (torchvision must be made importable first)
"""The pipeline of transformers: image and metadata -> Prediction, by torch."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..model.torchvision_import import import_torchvision

import_torchvision()
from transformers import Pipeline

from ..checkpoints.load import load_checkpoint
from ..model.preprocessing import Preprocessing
from .base import LesionPipeline, unknown_argument

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

    @property
    def folder(self) -> Path:  # type: ignore[override]
        """Where the model was loaded from."""
        return Path(self.model.config.name_or_path)

    def run(self, pixel_values: np.ndarray, metadata: np.ndarray) -> dict[str, np.ndarray]:
        """See [`LesionPipeline.run`]."""
        inputs = {"pixel_values": torch.from_numpy(pixel_values), "metadata": torch.from_numpy(metadata)}
        outputs = self.forward(inputs)
        return {key: value.float().numpy() for key, value in outputs.items() if value is not None}

    def _sanitize_parameters(self, **kwargs):
        if kwargs:
            raise unknown_argument(kwargs)
        return {}, {}, {}

    def preprocess(self, inputs: dict[str, Any]):
        """Of transformers' interface; pictures go by `prepare`."""
        return self.prepare(**inputs)

    def _forward(self, model_inputs: dict[str, Any]):
        return self.model(**model_inputs)

    def postprocess(self, model_outputs):
        """Of transformers' interface; answers go by `predict_prepared`."""
        return model_outputs

    def save_pretrained(self, save_directory: str | Path, **kwargs) -> None:
        """Write a checkpoint folder. transformers would copy this file too, which cannot stand alone."""
        self.model.save_pretrained(save_directory, **kwargs)
        self.image_processor.save_pretrained(save_directory)

    def push_to_hub(self, repo_id: str, **kwargs) -> str:
        """As `push_to_hub` of the model, which brings the processor along."""
        return self.model.push_to_hub(repo_id, **kwargs)


def load_pipeline(folder: Path, source: str, device=None) -> SkinLesionPipeline:
    """The pipeline of a complete checkpoint folder, for [`load`].

    Args:
        source: what to call the checkpoint in messages.
        device: as in transformers; default the GPU if there is one.

    Raises:
        HubError: see [`load_checkpoint`], as for what else it raises.
    """
    network, processor = load_checkpoint(folder, source)
    network = network.to(memory_format=torch.channels_last)  # faster, most of all in batches: docs/benchmark.md
    if device is None and torch.cuda.is_available():
        device = "cuda"
    return SkinLesionPipeline(model=network, image_processor=processor, device=device, task=TASK)
