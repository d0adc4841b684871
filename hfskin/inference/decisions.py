"""From the network's logits to what is said, in one place: of one picture, or of N at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..model.labels import CLASSES, MALIGNANT, malignant_classes, shown_classes

MALIGNANT_COLUMNS = tuple(CLASSES.index(c) for c in MALIGNANT)  # of the seven


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, float64."""
    logits = logits.astype(np.float64)
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def malignant_columns(config: Any) -> list[int]:
    """Which of a checkpoint's `shown_classes` are malignant."""
    return [shown_classes(config).index(name) for name in malignant_classes(config)]


def malignant_probability(probabilities: np.ndarray, malignant: Sequence[int] = MALIGNANT_COLUMNS) -> np.ndarray:
    """(..., C) -> (...): the sum over the malignant classes, of the seven those of `MALIGNANT`."""
    return probabilities[..., list(malignant)].sum(axis=-1)


def more_cautious(logits: np.ndarray, logits_without_age: np.ndarray, malignant: Sequence[int]) -> np.ndarray:
    """(..., C) twice -> (...) bool: where the answer without the age has the higher malignant probability."""
    told, untold = (malignant_probability(softmax(values), malignant) for values in (logits, logits_without_age))
    return untold > told


def is_malignant(labels: np.ndarray, malignant: Sequence[int] = MALIGNANT_COLUMNS) -> np.ndarray:
    """(N,) indices of the classes -> (N,) bool."""
    return np.isin(labels, malignant)


def is_suspicious(
    probabilities: np.ndarray, threshold: float | np.ndarray, malignant: Sequence[int] = MALIGNANT_COLUMNS
) -> np.ndarray:
    """(..., C) and a threshold, or one for each -> (...) bool: the malignant probability reaches it."""
    return malignant_probability(probabilities, malignant) >= threshold


def prediction_sets(probabilities: np.ndarray, threshold: float | np.ndarray | None) -> np.ndarray:
    """(..., C) and a threshold, or one for each (...) -> (..., C) bool: the classes whose probability reaches it, every
    class without one. The most probable class is always in the set: none is empty."""
    best = probabilities.argmax(axis=-1)[..., None] == np.arange(probabilities.shape[-1])
    reached = probabilities >= np.asarray(0.0 if threshold is None else threshold)[..., None]
    return reached | best
