"""A pipeline's numbers for a labelled table, or for pictures of any kind: what is fitted to, and what is measured."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd
from PIL import Image
from tqdm.auto import tqdm

from ...data.diagnoses import class_indices
from ...model.image_reading import read_image
from ...model.labels import shown_classes
from ...model.metadata import UNKNOWN_PATIENT, Patient
from ..base import LesionPipeline, stack
from ..decisions import softmax
from ..prepare import Prepared

BATCH_SIZE = 64


@dataclass(frozen=True)
class Outputs:
    """What the network gave for N pictures, in their order.

    Attributes:
        logits: (N, C) float64, divided by the checkpoint's temperature.
        gate_scores: (N,) float32, or None without a gate.
        features: (N, F) float32, see [`HfskinOutput`]; None from ONNX Runtime.
    """

    logits: np.ndarray
    gate_scores: np.ndarray | None
    features: np.ndarray | None

    @property
    def probabilities(self) -> np.ndarray:
        """(N, C); the rows sum to 1."""
        return softmax(self.logits)


@dataclass(frozen=True)
class Predictions(Outputs):
    """The answers to the N pictures of a table.

    Attributes:
        labels: (N,) int, indices of the checkpoint's `shown_classes`.
        lesion_ids: (N,) strings.
    """

    labels: np.ndarray
    lesion_ids: np.ndarray


def predict_table(
    pipeline: LesionPipeline,
    table: pd.DataFrame,
    use_metadata: bool = True,
    tta: bool = False,
    cautious: bool = True,
    transform: Callable[[Image.Image], Image.Image] | None = None,
    title: str = "predict",
) -> Predictions:
    """Answer every row of `table` as a user would be answered.

    Args:
        use_metadata: False hides age, sex and site.
        tta: the mean over the picture and its three mirror images, whatever the pipeline is set to.
        cautious: see [`LesionPipeline`].
        transform: done to every upright picture first, see `evaluation/robustness.py`.
        title: of the bar that shows how far it is.

    Raises:
        ValueError: the table is empty, or of other classes than the checkpoint.
        ImageError: a picture cannot be read.
        MetadataError: a patient is not understood.
    """
    if table.empty:
        raise ValueError("the table has no rows to predict")
    labels = class_indices(table["dx"], shown_classes(pipeline.config))  # a slip is said before the work
    patients = zip(table["age"], table["sex"], table["localization"], strict=True)

    def prepare(row: tuple[object, Patient]) -> Prepared:
        path, patient = row
        picture = path if transform is None else transform(read_image(path).image)
        return pipeline.prepare(picture, *(patient if use_metadata else UNKNOWN_PATIENT))

    answering = copy(pipeline)
    answering.tta, answering.cautious = tta, cautious
    prepared = _ahead(prepare, zip(table["path"], patients, strict=True))
    outputs = collect(answering, map(stack, _batches(prepared, len(table), title)))
    return Predictions(**vars(outputs), labels=labels, lesion_ids=table["lesion_id"].to_numpy(dtype=str))


def predict_pictures(pipeline: LesionPipeline, images: Iterable, title: str = "predict") -> Outputs:
    """Answer pictures of any kind that the pipeline takes, with nothing known of a patient. A few batches are held at
    once, so that there may be any number.

    Raises:
        ImageError: a picture cannot be used.
    """
    total = len(images) if isinstance(images, Sized) else None
    return collect(pipeline, map(stack, _batches(_ahead(pipeline.prepare, images), total, title)))


def gate_scores(pipeline: LesionPipeline, images: Iterable, title: str = "gate") -> np.ndarray:
    """The in-distribution scores of pictures of any kind that the pipeline takes: (N,) float32.

    Raises:
        ValueError: the checkpoint has no gate.
        ImageError: a picture cannot be used.
    """
    scores = predict_pictures(pipeline, images, title).gate_scores
    if scores is None:
        raise ValueError("this checkpoint has no in-distribution gate; fit it with `hfskin calibrate`")
    return scores


def collect(pipeline: LesionPipeline, batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> Outputs:
    """What the network gives for batches of pictures (B, 3, H, W) and patients (B, 19), one after the other."""
    parts: dict[str, list[np.ndarray]] = {}
    for batch in batches:
        for name, values in pipeline.answer(*batch).items():
            if name in ("logits", "in_distribution_score", "features"):
                parts.setdefault(name, []).append(values)
    found = {name: np.concatenate(values) for name, values in parts.items()}
    scores, features = found.get("in_distribution_score"), found.get("features")
    return Outputs(found["logits"].astype(np.float64), scores, features)


def _batches(prepared: Iterable[Prepared], total: int | None, title: str) -> Iterator[tuple[Prepared, ...]]:
    with tqdm(total=total, desc=title, unit="picture") as bar:
        rest = iter(prepared)
        while batch := tuple(islice(rest, BATCH_SIZE)):
            yield batch
            bar.update(len(batch))


def _ahead(function: Callable, items: Iterable) -> Iterator:
    """`function` of every item, in order, by threads that are at most two batches ahead."""
    waiting: deque = deque()
    with ThreadPoolExecutor() as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= 2 * BATCH_SIZE:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
