"""Does it work equally well for everyone: by sex, age band and site."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ..model.labels import CLASSES, SEXES, SITES, UNKNOWN
from .bootstrap import LesionBootstrap, interval
from .calibration import calibration_errors
from .metrics import class_rates, confusion_matrices, mean_over_classes

AGE_BANDS = {"<30": (0, 30), "30-44": (30, 45), "45-59": (45, 60), "60-74": (60, 75), ">=75": (75, np.inf)}  # years

# Below these a number says more about chance than about the model, and None is given in its place.
MIN_LESIONS_OF_A_CLASS = 5
MIN_CLASSES = 3
MIN_MELANOMAS = 10  # lesions
MIN_PICTURES_FOR_ECE = 100


def summarise_subgroups(table: pd.DataFrame, labels: np.ndarray, probabilities: np.ndarray) -> dict:
    """BMA, melanoma sensitivity and ECE with intervals, by "sex", "age" and "localization", then by group.

    Groups differ in the classes they hold, so each says over which of them its BMA is the mean: those with at least
    `MIN_LESIONS_OF_A_CLASS` lesions. Groups without pictures are left out.

    Args:
        table: the N rows that were predicted, with lesion_id, sex, age, localization.
        labels: (N,).
        probabilities: (N, 7).
    """
    result: dict[str, dict] = {"sex": {}, "age": {}, "localization": {}}
    for field, group, rows in _groups(table):
        if rows.any():
            result[field][group] = _summarise(table["lesion_id"].to_numpy(str)[rows], labels[rows], probabilities[rows])
    return result


def age_band(age: float) -> str:
    """The name of the band of `AGE_BANDS` that holds `age` (years), "unknown" for NaN."""
    return next((name for name, (low, high) in AGE_BANDS.items() if low <= age < high), UNKNOWN)


def _groups(table: pd.DataFrame) -> Iterator[tuple[str, str, np.ndarray]]:
    bands = table["age"].map(age_band)
    for field, column, names in (
        ("sex", table["sex"], SEXES),
        ("age", bands, (*AGE_BANDS, UNKNOWN)),
        ("localization", table["localization"], SITES),
    ):
        for name in names:
            yield field, name, (column == name).to_numpy()


def _summarise(lesion_ids: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> dict:
    bootstrap = LesionBootstrap(lesion_ids)
    lesions = [len(np.unique(lesion_ids[labels == c])) for c in range(len(CLASSES))]
    recalls = class_rates(confusion_matrices(labels, probabilities.argmax(axis=1), bootstrap))["sensitivity"]
    kept = [c for c, n in enumerate(lesions) if n >= MIN_LESIONS_OF_A_CLASS]
    mel = CLASSES.index("mel")
    ece = calibration_errors(labels, probabilities, bootstrap)
    nothing = np.full(1, np.nan)
    return {
        "images": len(labels),
        "lesions": bootstrap.n_lesions,
        "melanomas": lesions[mel],
        "bma": interval(mean_over_classes(recalls[:, kept]) if len(kept) >= MIN_CLASSES else nothing),
        "bma_classes": [CLASSES[c] for c in kept],
        "melanoma_sensitivity": interval(recalls[:, mel] if lesions[mel] >= MIN_MELANOMAS else nothing),
        "ece": interval(ece if len(labels) >= MIN_PICTURES_FOR_ECE else nothing),
    }
