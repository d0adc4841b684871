"""Is it a lesion at all, by the frozen network's features of training lesions alone."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors

from .features import Features, pooled
from .heads import auroc

PASS = 0.99  # share of the calibration part that is let through


def isolation_forest(features: Features, seed: int) -> dict:
    """How a forest that knows training lesions alone tells photographs of other things (Li et al. 2020)."""
    return _gate(features, seed, IsolationForest(random_state=seed).fit)


def nearest(features: Features, seed: int) -> dict:
    """The same by the distance to the tenth nearest training lesion (Sun et al. 2022)."""

    def fitted(x: np.ndarray):
        index = NearestNeighbors(n_neighbors=10).fit(x)
        return SimpleNamespace(score_samples=lambda x: -index.kneighbors(x)[0][:, -1])

    return _gate(features, seed, fitted)


def _gate(features: Features, seed: int, fit: Callable) -> dict:
    """Figures of what has `score_samples`, higher for what is more like a lesion.

    Raises:
        ValueError: no photographs.
    """
    if features.strange is None:
        raise ValueError("a gate is judged by photographs of other things: give them with --strange")
    parts = features.parts(seed)
    x = {part: pooled(features.maps[rows]).numpy() for part, rows in parts.items()}
    fitted = fit(x["train"])
    calibrate, judged, strange = map(
        fitted.score_samples, (x["calibrate"], x["judge"], pooled(features.strange).numpy())
    )
    threshold = np.quantile(calibrate, 1 - PASS)
    return {
        "strange": auroc(judged, strange),
        "accepted": float((judged >= threshold).mean()),
        "refused": float((strange < threshold).mean()),
    }
