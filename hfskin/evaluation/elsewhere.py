"""A checkpoint on labelled lesions from other clinics, of which nothing was trained on."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from PIL import Image

from ..calibration.exposure import unsquashed
from ..inference.base import LesionPipeline
from ..inference.batch.predictions import predict_pictures
from ..inference.decisions import MALIGNANT_COLUMNS, is_suspicious, malignant_columns
from ..model.image_reading import read_image
from ..model.labels import CLASSES, shown_classes
from .bootstrap import LesionBootstrap, interval
from .metrics import weighted_auc

MELANOMA = "mel"


def measure_elsewhere(pipeline: LesionPipeline, lesions: pd.DataFrame) -> dict | None:
    """How well melanoma is told from other lesions elsewhere, from the picture alone; None where none is known,
    or melanoma is no class of the checkpoint.

    The collection says of most lesions only that they are benign, so classes are not compared. What is not labelled at
    all may be anything, and is left out.

    Args:
        lesions: from `calibration.exposure.lesions_elsewhere`: path, patient, dx and is_labelled.

    Returns:
        n, patients, melanomas; melanoma_auc; malignant_suspicious and benign_not, the shares that the alarm tells
        rightly (None without a threshold). Intervals are over patients.
    """
    lesions = lesions[lesions["is_labelled"].to_numpy(dtype=bool)]
    is_melanoma = (lesions["dx"] == MELANOMA).to_numpy()
    config = pipeline.config
    classes = shown_classes(config)
    if not is_melanoma.any() or is_melanoma.all() or MELANOMA not in classes:
        return None
    probabilities = predict_pictures(pipeline, map(at_camera_aspect, lesions["path"]), "elsewhere").probabilities
    return summarise_elsewhere(
        probabilities,
        is_melanoma,
        lesions["patient"],
        config.malignant_threshold,
        classes.index(MELANOMA),
        malignant_columns(config),
    )


def summarise_elsewhere(
    probabilities: np.ndarray,
    is_melanoma: np.ndarray,
    patients: pd.Series,
    threshold: float | None,
    melanoma: int = CLASSES.index(MELANOMA),
    malignant: Sequence[int] = MALIGNANT_COLUMNS,
) -> dict:
    """See [`measure_elsewhere`]; probabilities (N, C), is_melanoma (N,) bool, and which of the C columns are melanoma's
    and malignant."""
    bootstrap = LesionBootstrap(patients.to_numpy(dtype=str))
    scores = probabilities[:, melanoma]
    found = {
        "n": len(scores),
        "patients": int(bootstrap.n_lesions),
        "melanomas": int(is_melanoma.sum()),
        "melanoma_auc": interval(weighted_auc(is_melanoma, scores, bootstrap.weights(slice(None)))),
        "malignant_suspicious": None,
        "benign_not": None,
    }
    if threshold is not None:
        right = is_suspicious(probabilities, threshold, malignant) == is_melanoma
        for name, rows in (("malignant_suspicious", is_melanoma), ("benign_not", ~is_melanoma)):
            of_rows = bootstrap.totals(np.stack([right & rows, rows], axis=1).astype(float))
            with np.errstate(invalid="ignore"):
                found[name] = interval(of_rows[:, 0] / of_rows[:, 1])
    return found


def at_camera_aspect(path: str) -> Image.Image:
    """A picture, stretched to 4:3 where it is square: collections squash pictures."""
    image = read_image(path).image
    return next(iter(unsquashed(image)), image)
