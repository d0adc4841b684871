"""Does it work equally well for everyone: by sex, age band and site."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from ..inference.decisions import MALIGNANT_COLUMNS, is_malignant, is_suspicious
from ..model.labels import CLASSES, SEXES, SITES, UNKNOWN
from .bootstrap import LesionBootstrap, interval, interval_of_error
from .calibration import calibration_errors, summarise_malignancy
from .metrics import class_rates, confusion_matrices, mean_over_classes

AGE_BANDS = {"<30": (0, 30), "30-44": (30, 45), "45-59": (45, 60), "60-74": (60, 75), ">=75": (75, np.inf)}  # years

# Below these a number says more about chance than about the model, and None is given in its place.
MIN_LESIONS_OF_A_CLASS = 5
MIN_CLASSES = 3
MIN_MELANOMAS = 10  # lesions; of malignant and of benign ones too
MIN_PICTURES_FOR_ECE = 200
NOTHING = np.full(1, np.nan)


def summarise_subgroups(
    table: pd.DataFrame,
    labels: np.ndarray,
    probabilities: np.ndarray,
    threshold: float | np.ndarray | None,
    classes: Sequence[str] = CLASSES,
    malignant: Sequence[int] = MALIGNANT_COLUMNS,
) -> dict:
    """BMA, melanoma sensitivity, ECE and how often the alarm is right, with intervals, by "sex", "age" and
    "localization", then by group.

    Groups differ in the classes they hold, so each says over which of them its BMA is the mean: those with at least
    `MIN_LESIONS_OF_A_CLASS` lesions. Groups without pictures are left out.

    Args:
        table: the N rows that were predicted, with lesion_id, sex, age, localization.
        labels: (N,).
        probabilities: (N, C).
        threshold: a malignant probability of as much is called suspicious; one for all, (N,), or None without one.
        classes: the names of the C classes; without "mel" among them there are no melanomas.
        malignant: which of them are.
    """
    suspicious = None if threshold is None else is_suspicious(probabilities, threshold, malignant)
    result: dict[str, dict] = {"sex": {}, "age": {}, "localization": {}}
    for field, group, rows in _groups(table):
        if rows.any():
            ids = table["lesion_id"].to_numpy(str)[rows]
            called = None if suspicious is None else suspicious[rows]
            result[field][group] = _summarise(ids, labels[rows], probabilities[rows], called, classes, malignant)
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


def _summarise(
    lesion_ids: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    suspicious: np.ndarray | None,
    classes: Sequence[str],
    columns: Sequence[int],
) -> dict:
    bootstrap = LesionBootstrap(lesion_ids)
    lesions = [_count(lesion_ids[labels == c]) for c in range(len(classes))]
    recalls = class_rates(confusion_matrices(labels, probabilities.argmax(axis=1), bootstrap, len(classes)))[
        "sensitivity"
    ]
    kept = [c for c, n in enumerate(lesions) if n >= MIN_LESIONS_OF_A_CLASS]
    mel = classes.index("mel") if "mel" in classes else None
    melanomas = 0 if mel is None else lesions[mel]
    ece = calibration_errors(labels, probabilities, bootstrap)
    alarm = {} if suspicious is None else summarise_malignancy(labels, suspicious, bootstrap, columns)
    malignant = is_malignant(labels, columns)
    judged = {"sensitivity": malignant, "specificity": ~malignant}
    enough = {rate: alarm and _count(lesion_ids[rows]) >= MIN_MELANOMAS for rate, rows in judged.items()}
    return {
        "images": len(labels),
        "lesions": bootstrap.n_lesions,
        "melanomas": melanomas,
        "bma": interval(
            mean_over_classes(recalls[:, kept]) if len(kept) >= min(MIN_CLASSES, len(classes)) else NOTHING
        ),
        "bma_classes": [classes[c] for c in kept],
        "melanoma_sensitivity": interval(recalls[:, mel] if melanomas >= MIN_MELANOMAS else NOTHING),
        "ece": interval_of_error(ece if len(labels) >= MIN_PICTURES_FOR_ECE else NOTHING),
        **{f"alarm_{rate}": alarm[rate] if enough[rate] else interval(NOTHING) for rate in judged},
    }


def _count(lesion_ids: np.ndarray) -> int:
    return len(np.unique(lesion_ids))
