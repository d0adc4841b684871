"""Run a model over a table or over pictures."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from ...data.dataset import LesionDataset
from ...model.image_processing_hfskin import HfskinImageProcessor
from ...model.image_reading import read_image
from ...model.modeling_hfskin import HfskinForImageClassification, HfskinOutput
from ..base import MIRRORS, softmax
from ..machine import keep_freed_memory

BATCH_SIZE = 64


@dataclass(frozen=True)
class Predictions:
    """The model's answers to N pictures, in the order of the table.

    Attributes:
        logits: (N, 7) float64, divided by the checkpoint's temperature.
        features: (N, F) float32, see [`HfskinOutput`].
        gate_scores: (N,) float32, or None without a gate.
        labels: (N,) int, indices of `CLASSES`.
        lesion_ids: (N,) strings.
    """

    logits: np.ndarray
    features: np.ndarray
    gate_scores: np.ndarray | None
    labels: np.ndarray
    lesion_ids: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """(N, 7); the rows sum to 1."""
        return softmax(self.logits)


def predict_table(
    model: HfskinForImageClassification,
    processor: HfskinImageProcessor,
    table: pd.DataFrame,
    use_metadata: bool = True,
    flips: bool = False,
    change: Callable[[Image.Image], Image.Image] | None = None,
) -> Predictions:
    """Run `model`, on the device where it is, over every row of `table`.

    Args:
        use_metadata: False hides age, sex and site.
        flips: test-time augmentation: the mean probabilities (and features) of the picture and its three mirror images.
        change: done to every picture first, see `evaluation/shifts.py`.

    Raises:
        ValueError: the table is empty.
        ImageError: a picture cannot be read.
    """
    if table.empty:
        raise ValueError("the table has no rows to predict")
    dataset = LesionDataset(table, processor, use_metadata=use_metadata, change=change)
    return predict_dataset(model, dataset, table["lesion_id"].to_numpy(dtype=str), flips)


def predict_dataset(
    model: HfskinForImageClassification, dataset: Dataset, lesion_ids: np.ndarray, flips: bool = False
) -> Predictions:
    """Run `model` over a data set of dicts, see [`LesionDataset`], in its order."""
    if model.device.type == "cpu":
        keep_freed_memory()  # half of the time went to the kernel
    outputs, labels = [], []
    for batch in tqdm(DataLoader(dataset, batch_size=BATCH_SIZE), "predict"):
        labels.append(batch["labels"])
        outputs.append(_forward(model, batch["pixel_values"], batch["metadata"], flips))
    logits, features, scores = (_concatenate(parts) for parts in zip(*outputs, strict=True))
    return Predictions(logits, features, scores, torch.cat(labels).numpy(), lesion_ids)


def predict_pictures(
    model: HfskinForImageClassification, processor: HfskinImageProcessor, images: Iterable
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Logits (N, 7), features (N, F) and gate scores (N,) of pictures of any kind that `read_image` takes.

    A few are held at once, so that there may be any number.

    Raises:
        ImageError: a picture cannot be used.
    """
    outputs, images, preprocessing = [], iter(images), processor.preprocessing
    while batch := [preprocessing(read_image(image).image) for image in islice(images, BATCH_SIZE)]:
        outputs.append(_forward(model, torch.from_numpy(np.stack(batch)), None, flips=False))
    return tuple(_concatenate(parts) for parts in zip(*outputs, strict=True))


def gate_scores(model: HfskinForImageClassification, processor: HfskinImageProcessor, images: Iterable) -> np.ndarray:
    """The in-distribution score of pictures of any kind that `read_image` takes: (N,) float32.

    Raises:
        ValueError: the model has no gate.
        ImageError: a picture cannot be used.
    """
    if model.gate is None:
        raise ValueError("this checkpoint has no in-distribution gate; fit it with calibrate_checkpoint")
    return predict_pictures(model, processor, images)[2]


@torch.inference_mode()
def _forward(model, pixels, metadata, flips):
    """One batch -> logits (B, 7) float64, features (B, F), gate scores (B,) or None."""
    model.eval()
    pixels = pixels.to(model.device, model.dtype)
    metadata = None if metadata is None else metadata.to(model.device)
    views = [pixels] + [pixels.flip(axes) for axes in MIRRORS if flips]
    outputs: list[HfskinOutput] = [model(pixel_values=view, metadata=metadata) for view in views]
    logits = outputs[0].logits.double()
    if flips:
        logits = torch.stack([output.logits.double().softmax(dim=-1) for output in outputs]).mean(dim=0).log()
    features = torch.stack([output.features.float() for output in outputs]).mean(dim=0)
    scores = outputs[0].in_distribution_score
    return logits.cpu(), features.cpu(), None if scores is None else scores.float().cpu()


def _concatenate(parts) -> np.ndarray | None:
    return None if parts[0] is None else torch.cat(parts).numpy()
