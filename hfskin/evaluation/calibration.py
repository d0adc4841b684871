"""Do probabilities mean what they say: temperature, calibration error, and the malignancy threshold."""

import math
import warnings

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from ..model.labels import CLASSES, MALIGNANT
from .bootstrap import LesionBootstrap, interval, interval_of_error
from .predictions import softmax

BINS = 15
TEMPERATURES = (0.05, 20.0)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature T > 0 by which the probability of the most probable class says best how often that is right.

    The likelihood is that of "right or not" with the greatest of softmax(logits / T) as its probability, not that of
    all classes (Guo et al. 2017): a weighted loss makes rare classes probable beyond their share, which a single
    number cannot mend, and must not pay for with its confidence.

    A model that is never wrong would be made ever surer: where the least temperature fits best, T is 1, with a warning.

    Args:
        logits: (N, 7), not yet divided by any temperature.
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
    return math.exp(fit.x)


def negative_log_likelihood(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean of -ln p of the true class (nats)."""
    true = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(true.clip(np.finfo(float).tiny)).mean())


def reliability(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, list]:
    """The reliability curve of the most probable class over `BINS` equal bins of its probability.

    Returns:
        count, confidence (mean probability) and accuracy of every bin; the latter two are None where a bin is empty.
    """
    bins, confidence, right = _bins(labels, probabilities)
    count = np.bincount(bins, minlength=BINS)
    sums = (np.bincount(bins, weights=values, minlength=BINS) for values in (confidence, right))
    means = ([float(s / n) if n else None for s, n in zip(total, count, strict=True)] for total in sums)
    return {"count": count.tolist(), **dict(zip(("confidence", "accuracy"), means, strict=True))}


def calibration_errors(labels: np.ndarray, probabilities: np.ndarray, bootstrap: LesionBootstrap) -> np.ndarray:
    """Expected calibration error over `BINS` equal bins (Naeini et al. 2015): (R + 1,)."""
    bins, confidence, right = _bins(labels, probabilities)
    gaps = np.zeros((len(labels), BINS))
    gaps[np.arange(len(labels)), bins] = confidence - right
    return np.abs(bootstrap.means(gaps)).sum(axis=1)


def brier_scores(labels: np.ndarray, probabilities: np.ndarray, bootstrap: LesionBootstrap) -> np.ndarray:
    """Brier score, the mean over the pictures of the squared error summed over the classes (0 to 2): (R + 1,)."""
    truth = labels[:, None] == np.arange(len(CLASSES))
    return bootstrap.means(((probabilities - truth) ** 2).sum(axis=1))


def summarise_calibration(labels: np.ndarray, probabilities: np.ndarray, bootstrap: LesionBootstrap) -> dict:
    """ECE and Brier score with intervals, negative log-likelihood, the reliability curve, and [`class_shares`]."""
    return {
        "ece": interval_of_error(calibration_errors(labels, probabilities, bootstrap)),
        "brier": interval(brier_scores(labels, probabilities, bootstrap)),
        "nll": negative_log_likelihood(probabilities, labels),
        "reliability": reliability(labels, probabilities),
        "class_shares": class_shares(labels, probabilities),
    }


def class_shares(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, dict[str, float]]:
    """By class, its mean probability ("said") and its share of the pictures ("found").

    A loss that weighs rare or dangerous classes more makes the model say them more often than they are, which ECE, of
    the most probable class alone, does not show.
    """
    found = np.bincount(labels, minlength=len(CLASSES)) / len(labels)
    said = probabilities.mean(axis=0)
    return {c: {"said": float(said[i]), "found": float(found[i])} for i, c in enumerate(CLASSES)}


def malignant_probability(probabilities: np.ndarray) -> np.ndarray:
    """(N, 7) -> (N,): the sum over melanoma, basal cell carcinoma and actinic keratosis / Bowen's disease."""
    return probabilities[:, [CLASSES.index(c) for c in MALIGNANT]].sum(axis=1)


def is_malignant(labels: np.ndarray) -> np.ndarray:
    """(N,) indices of `CLASSES` -> (N,) bool."""
    return np.isin(labels, [CLASSES.index(c) for c in MALIGNANT])


def fit_malignant_threshold(labels: np.ndarray, probabilities: np.ndarray, sensitivity: float) -> float:
    """The highest threshold on the malignant probability that still finds `sensitivity` of the malignant pictures.

    Raises:
        ValueError: there is no malignant picture.
    """
    positives = np.sort(malignant_probability(probabilities)[is_malignant(labels)])
    if not len(positives):
        raise ValueError(f"no picture of {', '.join(MALIGNANT)}: the malignancy threshold cannot be chosen")
    missed = math.floor(len(positives) * (1 - sensitivity) + 1e-9)
    return float(positives[min(missed, len(positives) - 1)])


def is_suspicious(probabilities: np.ndarray, threshold: float | np.ndarray) -> np.ndarray:
    """(N, 7) and one threshold, or N -> (N,) bool: the malignant probability reaches it."""
    return malignant_probability(probabilities) >= threshold


def summarise_malignancy(labels: np.ndarray, suspicious: np.ndarray, bootstrap: LesionBootstrap) -> dict:
    """Sensitivity and specificity of [`is_suspicious`] for the malignant classes together, with n and intervals."""
    malignant = is_malignant(labels)
    cells = np.stack([malignant & suspicious, malignant, ~malignant & ~suspicious, ~malignant], axis=1)
    found, positives, cleared, negatives = bootstrap.totals(cells.astype(float)).T
    with np.errstate(invalid="ignore"):
        sensitivity, specificity = interval(found / positives), interval(cleared / negatives)
    return {
        "n_malignant": int(malignant.sum()),
        "n_benign": int((~malignant).sum()),
        "sensitivity": sensitivity,
        "specificity": specificity,
    }


def _bins(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The bin, the probability of the most probable class, and whether that is right: (N,) each."""
    confidence = probabilities.max(axis=1)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return bins, confidence, (probabilities.argmax(axis=1) == labels).astype(float)
