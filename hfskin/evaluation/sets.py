"""How often prediction sets hold the true class, and how large they are for it."""

from collections.abc import Sequence

import numpy as np

from ..inference.decisions import prediction_sets
from ..model.labels import CLASSES
from .bootstrap import LesionBootstrap, interval


def summarise_sets(
    labels: np.ndarray,
    probabilities: np.ndarray,
    threshold: float,
    bootstrap: LesionBootstrap,
    classes: Sequence[str] = CLASSES,
) -> dict:
    """Coverage and mean size of the sets with intervals, how many sets have each size, and n and coverage by class."""
    sets = prediction_sets(probabilities, threshold)
    covered, size = sets[np.arange(len(labels)), labels].astype(float), sets.sum(axis=1)
    of_class = (labels[:, None] == np.arange(len(classes))).astype(float)
    n = bootstrap.totals(of_class)
    with np.errstate(invalid="ignore"):
        by_class = bootstrap.totals(of_class * covered[:, None]) / n
    return {
        "threshold": threshold,
        "coverage": interval(bootstrap.means(covered)),
        "mean_size": interval(bootstrap.means(size.astype(float))),
        "sizes": {str(s): int((size == s).sum()) for s in range(1, len(classes) + 1)},
        "per_class": {c: {"n": int(n[0, i]), "coverage": interval(by_class[:, i])} for i, c in enumerate(classes)},
    }
