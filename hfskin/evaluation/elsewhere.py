"""A checkpoint on labelled lesions from other clinics, of which nothing was trained on."""

import numpy as np
import pandas as pd
from PIL import Image

from ..calibration.exposure import unsquashed
from ..inference.base import LesionPipeline
from ..inference.batch.predictions import predict_pictures
from ..inference.decisions import is_suspicious
from ..model.image_reading import read_image
from ..model.labels import CLASSES
from .bootstrap import LesionBootstrap, interval
from .metrics import weighted_auc

MELANOMA = "mel"


def measure_elsewhere(pipeline: LesionPipeline, lesions: pd.DataFrame) -> dict | None:
    """How well melanoma is told from other lesions elsewhere, from the picture alone; None where none is known.

    The collection says of most lesions only that they are benign, so classes are not compared.

    Args:
        lesions: from `calibration.exposure.lesions_elsewhere`: path, patient and dx, "" where it is unknown.

    Returns:
        n, patients, melanomas; melanoma_auc; malignant_suspicious and benign_not, the shares that the alarm tells
        rightly (None without a threshold). Intervals are over patients.
    """
    is_melanoma = (lesions["dx"] == MELANOMA).to_numpy()
    if not is_melanoma.any() or is_melanoma.all():
        return None
    probabilities = predict_pictures(pipeline, map(at_camera_aspect, lesions["path"])).probabilities
    return summarise_elsewhere(probabilities, is_melanoma, lesions["patient"], pipeline.config.malignant_threshold)


def summarise_elsewhere(
    probabilities: np.ndarray, is_melanoma: np.ndarray, patients: pd.Series, threshold: float | None
) -> dict:
    """See [`measure_elsewhere`]; probabilities (N, 7), is_melanoma (N,) bool."""
    bootstrap = LesionBootstrap(patients.to_numpy(dtype=str))
    scores = probabilities[:, CLASSES.index(MELANOMA)]
    found = {
        "n": len(scores),
        "patients": int(bootstrap.n_lesions),
        "melanomas": int(is_melanoma.sum()),
        "melanoma_auc": interval(weighted_auc(is_melanoma, scores, bootstrap.weights(slice(None)))),
        "malignant_suspicious": None,
        "benign_not": None,
    }
    if threshold is not None:
        right = is_suspicious(probabilities, threshold) == is_melanoma
        for name, rows in (("malignant_suspicious", is_melanoma), ("benign_not", ~is_melanoma)):
            of_rows = bootstrap.totals(np.stack([right & rows, rows], axis=1).astype(float))
            with np.errstate(invalid="ignore"):
                found[name] = interval(of_rows[:, 0] / of_rows[:, 1])
    return found


def at_camera_aspect(path: str) -> Image.Image:
    """A picture, stretched to 4:3 where it is square: collections squash pictures."""
    image = read_image(path).image
    return next(iter(unsquashed(image)), image)
