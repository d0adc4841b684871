"""Do probabilities mean what they say: calibration error, Brier score, and how often the alarm is right."""

from collections.abc import Sequence

import numpy as np

from ..inference.decisions import MALIGNANT_COLUMNS, is_malignant
from ..model.labels import CLASSES
from .bootstrap import LesionBootstrap, interval, interval_of_error

BINS = 15
DRAWS = 1000  # of labels, for the error that chance alone makes


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


def chance_calibration_error(probabilities: np.ndarray) -> dict[str, float]:
    """The expected calibration error of as many pictures, were every probability exactly right.

    It is not 0, since a bin of few pictures is seldom right as often as it should be. Consistency resampling (Bröcker
    and Smith 2007): whether an answer is right is drawn anew with its own probability, `DRAWS` times.

    Args:
        probabilities: (N, classes).

    Returns:
        "value", the mean over the draws, and "high", their 95 % quantile: above it, the model is not calibrated.
    """
    confidence = probabilities.max(axis=1)
    bins = _bin_of(confidence)[:, None] == np.arange(BINS)
    random = np.random.default_rng(0)
    drawn = (confidence - (random.random(len(bins)) < confidence) for _ in range(DRAWS))
    errors = np.array([np.abs(gaps @ bins).sum() for gaps in drawn]) / len(bins)
    return {"value": float(errors.mean()), "high": float(np.quantile(errors, 0.95))}


def brier_scores(labels: np.ndarray, probabilities: np.ndarray, bootstrap: LesionBootstrap) -> np.ndarray:
    """Brier score, the mean over the pictures of the squared error summed over the classes (0 to 2): (R + 1,)."""
    truth = labels[:, None] == np.arange(probabilities.shape[1])
    return bootstrap.means(((probabilities - truth) ** 2).sum(axis=1))


def summarise_calibration(
    labels: np.ndarray, probabilities: np.ndarray, bootstrap: LesionBootstrap, classes: Sequence[str] = CLASSES
) -> dict:
    """ECE, also [`chance_calibration_error`], and Brier score with intervals, negative log-likelihood, the reliability
    curve, and [`class_shares`]."""
    return {
        "ece": interval_of_error(calibration_errors(labels, probabilities, bootstrap)),
        "ece_by_chance": chance_calibration_error(probabilities),
        "brier": interval(brier_scores(labels, probabilities, bootstrap)),
        "nll": negative_log_likelihood(probabilities, labels),
        "reliability": reliability(labels, probabilities),
        "class_shares": class_shares(labels, probabilities, classes),
    }


def class_shares(
    labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str] = CLASSES
) -> dict[str, dict[str, float]]:
    """By class, the mean predicted probability ("said") and the prevalence ("found").

    A loss that weighs rare or dangerous classes more makes the model say them more often than they are, which ECE, of
    the most probable class alone, does not show.
    """
    prevalence = np.bincount(labels, minlength=len(classes)) / len(labels)
    mean_predicted = probabilities.mean(axis=0)
    return {c: {"said": float(mean_predicted[i]), "found": float(prevalence[i])} for i, c in enumerate(classes)}


def summarise_malignancy(
    labels: np.ndarray,
    suspicious: np.ndarray,
    bootstrap: LesionBootstrap,
    columns: Sequence[int] = MALIGNANT_COLUMNS,
) -> dict:
    """Sensitivity and specificity of [`is_suspicious`] for the malignant classes together, with n and intervals."""
    sensitivity, specificity = alarm_rates(labels, suspicious, bootstrap, columns)
    malignant = is_malignant(labels, columns)
    return {
        "n_malignant": int(malignant.sum()),
        "n_benign": int((~malignant).sum()),
        "sensitivity": interval(sensitivity),
        "specificity": interval(specificity),
    }


def alarm_rates(
    labels: np.ndarray,
    suspicious: np.ndarray,
    bootstrap: LesionBootstrap,
    columns: Sequence[int] = MALIGNANT_COLUMNS,
) -> tuple[np.ndarray, np.ndarray]:
    """Sensitivity and specificity of [`is_suspicious`] for the malignant classes together: (R + 1,) each."""
    malignant = is_malignant(labels, columns)
    cells = np.stack([malignant & suspicious, malignant, ~malignant & ~suspicious, ~malignant], axis=1)
    found, positives, cleared, negatives = bootstrap.totals(cells.astype(float)).T
    with np.errstate(invalid="ignore"):
        return found / positives, cleared / negatives


def _bins(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The bin, the probability of the most probable class, and whether that is right: (N,) each."""
    confidence = probabilities.max(axis=1)
    return _bin_of(confidence), confidence, (probabilities.argmax(axis=1) == labels).astype(float)


def _bin_of(confidence: np.ndarray) -> np.ndarray:
    return np.minimum((confidence * BINS).astype(int), BINS - 1)
