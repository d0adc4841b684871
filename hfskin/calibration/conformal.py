"""The threshold of sets of classes that hold the true one with a wanted probability (split conformal prediction)."""

import math

import numpy as np


def fit_conformal_threshold(labels: np.ndarray, probabilities: np.ndarray, coverage: float) -> float:
    """The threshold of the "least ambiguous set" classifier (Sadinle et al. 2019; Vovk et al. 2005).

    A class is in the set if its probability is at least the threshold. With k = floor((n + 1) (1 - coverage)), the
    threshold is the k-th smallest probability of a true class, so a new picture's true class falls below it with a
    probability of at most 1 - coverage: exactly so where pictures are exchangeable. Several pictures of one lesion make
    that an approximation here. With too few pictures for the coverage (k = 0) it is 0 and the set holds every class.

    Args:
        labels: (N,) of a part that the model was not trained on.
        probabilities: (N, C), after calibration.
        coverage: between 0 and 1; marginal, that is over all pictures and not for every class.

    Raises:
        ValueError: a coverage outside 0 to 1.
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage {coverage} is not between 0 and 1")
    true = np.sort(probabilities[np.arange(len(labels)), labels])
    k = math.floor((len(true) + 1) * (1 - coverage) + 1e-9)
    return float(true[k - 1]) if k else 0.0
