"""Temperature, so that probabilities mean what they say, and the malignancy threshold."""

import math
import warnings
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from ..inference.decisions import MALIGNANT_COLUMNS, is_malignant, malignant_probability, softmax

TEMPERATURES = (0.05, 20.0)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature T > 0 by which the probability of the most probable class says best how often that is right.

    The likelihood is that of "right or not" with the greatest of softmax(logits / T) as its probability, not that of
    all classes (Guo et al. 2017): a weighted loss makes rare classes probable beyond their share, which a single
    number cannot mend, and must not pay for with its confidence.

    A model that is never wrong would be made ever surer: where the least temperature fits best, T is 1, with a warning.
    One that knows nothing would be made ever less sure: the greatest temperature comes with a warning too.

    Args:
        logits: (N, C), not yet divided by any temperature.
        labels: (N,).
    """
    right = logits.argmax(axis=1) == labels

    def loss(log_temperature: float) -> float:
        confidence = softmax(logits / math.exp(log_temperature)).max(axis=1)
        return log_loss(right, confidence, labels=[False, True])

    least, greatest = (math.log(t) for t in TEMPERATURES)
    fit = minimize_scalar(loss, bounds=[least, greatest], method="bounded")
    if loss(least) <= fit.fun:
        warnings.warn(
            f"the model is right on {right.sum()} of {len(right)} validation pictures, which no temperature above "
            f"{TEMPERATURES[0]} fits: its probabilities are left as they are (temperature 1); calibrate it with more "
            "pictures",
            stacklevel=2,
        )
        return 1.0
    if loss(greatest) <= fit.fun:
        warnings.warn(
            f"the model is right on {right.sum()} of {len(right)} validation pictures, which no temperature up to "
            f"{TEMPERATURES[1]} fits: it is untrained, or calibrated on other pictures than it was trained for; do not "
            "trust its probabilities",
            stacklevel=2,
        )
        return TEMPERATURES[1]
    return math.exp(fit.x)


def fit_malignant_threshold(
    labels: np.ndarray, probabilities: np.ndarray, sensitivity: float, malignant: Sequence[int] = MALIGNANT_COLUMNS
) -> float:
    """The highest threshold on the malignant probability that still finds `sensitivity` of the malignant pictures.

    Raises:
        ValueError: there is no malignant picture.
    """
    positives = np.sort(malignant_probability(probabilities, malignant)[is_malignant(labels, malignant)])
    if not len(positives):
        raise ValueError("no validation picture of a malignant class, to choose the alarm by; add some, and split anew")
    missed = math.floor(len(positives) * (1 - sensitivity) + 1e-9)
    return float(positives[min(missed, len(positives) - 1)])
