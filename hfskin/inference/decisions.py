"""From the network's logits to what is said, in one place: of one picture, or of N at once."""

import numpy as np

from ..model.labels import CLASSES, MALIGNANT

_MALIGNANT = [CLASSES.index(c) for c in MALIGNANT]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, float64."""
    logits = logits.astype(np.float64)
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def malignant_probability(probabilities: np.ndarray) -> np.ndarray:
    """(..., 7) -> (...): the sum over melanoma, basal cell carcinoma and actinic keratosis / Bowen's disease."""
    return probabilities[..., _MALIGNANT].sum(axis=-1)


def is_malignant(labels: np.ndarray) -> np.ndarray:
    """(N,) indices of `CLASSES` -> (N,) bool."""
    return np.isin(labels, _MALIGNANT)


def is_suspicious(probabilities: np.ndarray, threshold: float | np.ndarray) -> np.ndarray:
    """(..., 7) and a threshold, or one for each -> (...) bool: the malignant probability reaches it."""
    return malignant_probability(probabilities) >= threshold


def prediction_sets(probabilities: np.ndarray, threshold: float | None) -> np.ndarray:
    """(..., 7) bool: the classes whose probability reaches the threshold, every class without one. The most probable
    class is always in the set: none is empty."""
    best = probabilities.argmax(axis=-1)[..., None] == np.arange(len(CLASSES))
    return (probabilities >= (threshold or 0.0)) | best
