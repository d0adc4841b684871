"""How much a checkpoint loses on pictures that look as they may elsewhere."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from ..data.robustness import TRANSFORMS
from ..inference.base import LesionPipeline
from ..inference.batch.predictions import Predictions, predict_table
from ..inference.decisions import is_suspicious, malignant_columns, prediction_sets
from ..model.image_reading import read_image
from .bootstrap import LesionBootstrap, interval, interval_of_error
from .calibration import alarm_rates, calibration_errors
from .metrics import balanced_accuracies


def summarise_robustness(
    pipeline: LesionPipeline, table: pd.DataFrame, copies: Mapping[str, Path] | None = None
) -> dict:
    """BMA under each of `TRANSFORMS`, and its difference to that of the same pictures as they are.

    Args:
        table: the rows to predict, see `predict_table`; age, sex and site are used as known.
        copies: other files of some of the pictures, by image id: sharper ones, say. They are squeezed to the original
            aspect.

    Returns:
        unchanged: n, BMA and the share accepted by the gate (None without one); kinds: by name the same and the
        difference of the BMA; mean_difference over `TRANSFORMS`; calibration: what the answers promise, as they are and
        as the mean over `TRANSFORMS`, see [`_promises`]; mirrored: the same as kinds for answers averaged over mirror
        images (test-time augmentation); copies: the same for `copies`, None without. Differences are paired: the
        intervals come from the same resampled lesions.
    """
    plain = predict_table(pipeline, table, title="unchanged")
    bootstrap = LesionBootstrap(plain.lesion_ids)
    before = _bma(plain, bootstrap)
    kinds, differences, promises = {}, [], []
    for name, transform in TRANSFORMS.items():
        changed = predict_table(pipeline, table, transform=transform, title=name)
        kinds[name] = _compare(changed, before, pipeline.config.gate_threshold, bootstrap)
        differences.append(_bma(changed, bootstrap) - before)
        promises.append(_promises(changed, pipeline.config, bootstrap))
    averaged = predict_table(pipeline, table, tta=True, title="mirrored")
    unchanged = _compare(plain, before, pipeline.config.gate_threshold, bootstrap)
    del unchanged["difference"]
    return {
        "unchanged": unchanged,
        "kinds": kinds,
        "mean_difference": interval(np.mean(differences, axis=0)),
        "calibration": {
            "unchanged": _intervals(_promises(plain, pipeline.config, bootstrap)),
            "mean": _intervals({name: np.mean([p[name] for p in promises], axis=0) for name in promises[0]}),
        },
        "mirrored": _compare(averaged, before, pipeline.config.gate_threshold, bootstrap),
        "copies": _summarise_copies(pipeline, table, copies) if copies else None,
    }


def _compare(changed: Predictions, before: np.ndarray, threshold: float | None, bootstrap: LesionBootstrap) -> dict:
    """n, BMA, its difference to `before` (R + 1,), and the share of the pictures that the gate accepts."""
    after, accepted = _bma(changed, bootstrap), None
    if changed.gate_scores is not None and threshold is not None:
        accepted = interval(bootstrap.means((changed.gate_scores >= threshold).astype(float)))
    n = len(changed.labels)
    return {"n": n, "bma": interval(after), "difference": interval(after - before), "accepted": accepted}


def _promises(predictions: Predictions, config, bootstrap: LesionBootstrap) -> dict[str, np.ndarray]:
    """What the calibration promises, each (R + 1,): "ece", "coverage" of the prediction sets, "sensitivity" and
    "specificity" of the alarm; what the checkpoint has no threshold for is left out."""
    labels, probabilities = predictions.labels, predictions.probabilities
    kept = {"ece": calibration_errors(labels, probabilities, bootstrap)}
    if config.conformal_threshold is not None:
        covered = prediction_sets(probabilities, config.conformal_threshold)[np.arange(len(labels)), labels]
        kept["coverage"] = bootstrap.means(covered.astype(float))
    if config.malignant_threshold is not None:
        columns = malignant_columns(config)
        suspicious = is_suspicious(probabilities, config.malignant_threshold, columns)
        kept["sensitivity"], kept["specificity"] = alarm_rates(labels, suspicious, bootstrap, columns)
    return kept


def _intervals(promises: dict[str, np.ndarray]) -> dict[str, dict]:
    return {name: (interval_of_error if name == "ece" else interval)(values) for name, values in promises.items()}


def _summarise_copies(pipeline: LesionPipeline, table: pd.DataFrame, copies: Mapping[str, Path]) -> dict | None:
    rows = table[table["image_id"].isin(copies)].reset_index(drop=True)
    if rows.empty:
        return None
    plain, copied = predict_table(pipeline, rows), predict_copies(pipeline, rows, copies)
    bootstrap = LesionBootstrap(plain.lesion_ids)
    before = _bma(plain, bootstrap)
    return {**_compare(copied, before, pipeline.config.gate_threshold, bootstrap), "unchanged": interval(before)}


def predict_copies(
    pipeline: LesionPipeline,
    rows: pd.DataFrame,
    copies: Mapping[str, Path],
    use_metadata: bool = True,
    cautious: bool = True,
) -> Predictions:
    """What a checkpoint says to other files of the rows' pictures, squeezed to the aspect of the first row's own file.

    Args:
        copies: a file for the image id of every row.
        use_metadata, cautious: see `predict_table`.
    """
    size = read_image(rows["path"].iloc[0]).image.size
    files = rows.assign(path=[copies[image_id] for image_id in rows["image_id"]])

    def squeezed(image: Image.Image) -> Image.Image:
        return image.resize(size, Image.Resampling.BICUBIC)

    return predict_table(pipeline, files, use_metadata=use_metadata, cautious=cautious, transform=squeezed)


def _bma(predictions: Predictions, bootstrap: LesionBootstrap) -> np.ndarray:
    """(R + 1,)"""
    probabilities = predictions.probabilities
    return balanced_accuracies(predictions.labels, probabilities.argmax(axis=1), bootstrap, probabilities.shape[1])
