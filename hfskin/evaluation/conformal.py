"""Sets of classes that hold the true one with a wanted probability (split conformal prediction)."""

import math

import numpy as np

from ..model.labels import CLASSES
from .bootstrap import LesionBootstrap, interval


def fit_conformal_threshold(labels: np.ndarray, probabilities: np.ndarray, coverage: float) -> float:
    """The threshold of the "least ambiguous set" classifier (Sadinle et al. 2019; Vovk et al. 2005).

    A class is in the set if its probability is at least the threshold. With k = floor((n + 1) (1 - coverage)), the
    threshold is the k-th smallest probability of a true class, so a new picture's true class falls below it with a
    probability of at most 1 - coverage: exactly so where pictures are exchangeable. Several pictures of one lesion make
    that an approximation here. With too few pictures for the coverage (k = 0) it is 0 and the set holds every class.

    Args:
        labels: (N,) of a part that the model was not trained on.
        probabilities: (N, 7), after calibration.
        coverage: between 0 and 1; marginal, that is over all pictures and not for every class.

    Raises:
        ValueError: a coverage outside 0 to 1.
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage {coverage} is not between 0 and 1")
    true = np.sort(probabilities[np.arange(len(labels)), labels])
    k = math.floor((len(true) + 1) * (1 - coverage) + 1e-9)
    return float(true[k - 1]) if k else 0.0


def prediction_sets(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """(N, 7) bool. The most probable class is always in the set, as in the pipeline: no set is empty."""
    best = probabilities.argmax(axis=1)[:, None] == np.arange(len(CLASSES))
    return (probabilities >= threshold) | best


def summarise_sets(labels: np.ndarray, probabilities: np.ndarray, threshold: float, bootstrap: LesionBootstrap) -> dict:
    """Coverage and mean size of the sets with intervals, how many sets have each size, and n and coverage by class."""
    sets = prediction_sets(probabilities, threshold)
    covered, size = sets[np.arange(len(labels)), labels].astype(float), sets.sum(axis=1)
    of_class = (labels[:, None] == np.arange(len(CLASSES))).astype(float)
    n = bootstrap.totals(of_class)
    with np.errstate(invalid="ignore"):
        by_class = bootstrap.totals(of_class * covered[:, None]) / n
    return {
        "threshold": threshold,
        "coverage": interval(bootstrap.means(covered)),
        "mean_size": interval(bootstrap.means(size.astype(float))),
        "sizes": {str(s): int((size == s).sum()) for s in range(1, len(CLASSES) + 1)},
        "per_class": {c: {"n": int(n[0, i]), "coverage": interval(by_class[:, i])} for i, c in enumerate(CLASSES)},
    }
