"""The metrics of the paper (section 2.4), the balanced multiclass accuracy, and areas under the ROC curve."""

from collections.abc import Sequence

import numpy as np

from ..model.labels import CLASSES
from .bootstrap import LesionBootstrap, interval

CHUNK = 2_000_000  # weights in memory at once, for the areas under the curve
RATES = ("sensitivity", "specificity", "precision", "f1", "accuracy", "class_balanced_accuracy")


def summarise(
    labels: np.ndarray, probabilities: np.ndarray, bootstrap: LesionBootstrap, classes: Sequence[str] = CLASSES
) -> dict:
    """Every metric with its 95 % interval, in plain numbers.

    A class without pictures has None, and the averages are over the others.

    Args:
        labels: (N,) indices of the classes.
        probabilities: (N, C).
        bootstrap: made from the N lesion ids.
        classes: their names.

    Returns:
        accuracy: share of pictures whose most probable class is right.
        bma: balanced multiclass accuracy, the mean of the recalls (the ISIC challenge's metric).
        auc_macro, auc_micro: one class against the rest; mean over classes, and over all picture-class pairs pooled.
        macro: the mean over the classes of each rate of [`class_rates`].
        per_class: n, each rate and auc, by class.
        confusion_matrix: (C, C), rows are the truth, columns what was predicted.
    """
    confusions = confusion_matrices(labels, probabilities.argmax(axis=1), bootstrap, len(classes))
    rates = class_rates(confusions)
    aucs, micro = roc_aucs(labels, probabilities, bootstrap)
    per_class: dict[str, dict] = {}
    for c, name in enumerate(classes):
        per_class[name] = {"n": int(confusions[0, c].sum())}
        per_class[name] |= {rate: interval(values[:, c]) for rate, values in rates.items()}
        per_class[name]["auc"] = interval(aucs[:, c])
    return {
        "accuracy": interval(np.trace(confusions, axis1=1, axis2=2) / confusions.sum(axis=(1, 2))),
        "bma": interval(mean_over_classes(rates["sensitivity"])),
        "auc_macro": interval(mean_over_classes(aucs)),
        "auc_micro": interval(micro),
        "macro": {rate: interval(mean_over_classes(values)) for rate, values in rates.items()},
        "per_class": per_class,
        "confusion_matrix": confusions[0].astype(int).tolist(),
    }


def balanced_accuracies(
    labels: np.ndarray, predicted: np.ndarray, bootstrap: LesionBootstrap, classes: int = len(CLASSES)
) -> np.ndarray:
    """The balanced multiclass accuracy of every resample, (R + 1,), for differences that are paired."""
    return mean_over_classes(class_rates(confusion_matrices(labels, predicted, bootstrap, classes))["sensitivity"])


def confusion_matrices(
    labels: np.ndarray, predicted: np.ndarray, bootstrap: LesionBootstrap, classes: int = len(CLASSES)
) -> np.ndarray:
    """(R + 1, C, C) counts; rows are the truth, columns what was predicted."""
    cells = np.zeros((len(labels), classes**2))
    cells[np.arange(len(labels)), labels * classes + predicted] = 1
    return bootstrap.totals(cells).reshape(-1, classes, classes)


def class_rates(confusions: np.ndarray) -> dict[str, np.ndarray]:
    """The paper's metrics (section 2.4), each class against the rest: confusion matrices (..., C, C) -> name: (..., C).

    F1 is 2 TP / (2 TP + FP + FN). The paper prints + TN in its denominator, which is not the F1 score and not what its
    tables hold. "class_balanced_accuracy" is the paper's "balanced accuracy", (sensitivity + specificity) / 2.

    NaN for a class that has no pictures. The precision of a class that is never predicted is 0, as in scikit-learn.
    """
    tp = np.diagonal(confusions, axis1=-2, axis2=-1)
    fn, fp = confusions.sum(axis=-1) - tp, confusions.sum(axis=-2) - tp
    tn = confusions.sum(axis=(-2, -1))[..., None] - tp - fn - fp
    with np.errstate(invalid="ignore"):
        sensitivity, specificity = tp / (tp + fn), tn / (tn + fp)
    rates = (
        sensitivity,
        specificity,
        tp / np.maximum(tp + fp, 1),
        2 * tp / np.maximum(2 * tp + fp + fn, 1),
        (tp + tn) / np.maximum(tp + fp + fn + tn, 1),
        (sensitivity + specificity) / 2,
    )
    return {name: np.where(tp + fn > 0, values, np.nan) for name, values in zip(RATES, rates, strict=True)}


def mean_over_classes(values: np.ndarray) -> np.ndarray:
    """(R, C) -> (R,): the mean over the classes that have a value, NaN where none has."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(axis=-1) / known.sum(axis=-1)


def roc_aucs(
    labels: np.ndarray, probabilities: np.ndarray, bootstrap: LesionBootstrap
) -> tuple[np.ndarray, np.ndarray]:
    """One-vs-rest areas under the curve by class (R + 1, C), and the micro average (R + 1,)."""
    positive = labels[:, None] == np.arange(probabilities.shape[1])
    aucs, micro = [], []
    step = max(1, CHUNK // positive.size)
    for start in range(0, len(bootstrap.counts), step):
        weights = bootstrap.weights(slice(start, start + step))
        by_class = [weighted_auc(p, s, weights) for p, s in zip(positive.T, probabilities.T, strict=True)]
        aucs.append(np.stack(by_class, axis=1))
        pooled = np.repeat(weights, probabilities.shape[1], axis=1)
        micro.append(weighted_auc(positive.ravel(), probabilities.ravel(), pooled))
    return np.concatenate(aucs), np.concatenate(micro)


def weighted_auc(positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve for many weightings of the same N scores; a tie counts one half.

    Args:
        positive: (N,) bool.
        scores: (N,), higher for positives.
        weights: (R, N).

    Returns:
        (R,); NaN where positives or negatives have no weight.
    """
    order = np.argsort(scores, kind="stable")
    first_of_ties = np.flatnonzero(np.diff(scores[order], prepend=-np.inf) > 0)
    weights, positive = weights[:, order], positive[order]
    positives = np.add.reduceat(weights * positive, first_of_ties, axis=1)
    negatives = np.add.reduceat(weights * ~positive, first_of_ties, axis=1)
    below = negatives.cumsum(axis=1) - negatives / 2
    with np.errstate(invalid="ignore"):
        return (positives * below).sum(axis=1) / (positives.sum(axis=1) * negatives.sum(axis=1))


def roc_curves(
    labels: np.ndarray, probabilities: np.ndarray, points: int = 101, classes: Sequence[str] = CLASSES
) -> dict[str, dict[str, list[float]]]:
    """One-vs-rest ROC curves at `points` false positive rates, for plots; classes without pictures are left out."""
    curves = {}
    grid = np.linspace(0, 1, points)
    for c, name in enumerate(classes):
        positive = labels == c
        if positive.any() and not positive.all():
            thresholds = np.unique(probabilities[:, c])[::-1]
            tpr = [0.0, *_share_at_least(probabilities[positive, c], thresholds)]
            fpr = [0.0, *_share_at_least(probabilities[~positive, c], thresholds)]
            # Where the curve rises straight up, its top counts.
            heights = np.maximum.accumulate(tpr)[np.searchsorted(fpr, grid, side="right") - 1]
            curves[name] = {"fpr": grid.round(4).tolist(), "tpr": heights.round(4).tolist()}
    return curves


def _share_at_least(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    return 1 - np.searchsorted(np.sort(values), thresholds, side="left") / len(values)
