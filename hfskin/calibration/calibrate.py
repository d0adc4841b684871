"""What a checkpoint needs besides its weights, fitted and stored: temperature, thresholds, gate."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file

from ..checkpoints.history import refuse_trained_on
from ..checkpoints.layout import WEIGHTS_FILE
from ..checkpoints.save import save_checkpoint
from ..data.robustness import TRANSFORMS
from ..inference.backend import load
from ..inference.batch.predictions import Predictions, predict_pictures, predict_table
from ..inference.decisions import malignant_columns, softmax
from ..inference.machine import keep_freed_memory
from ..inference.pipeline import SkinLesionPipeline
from ..model.configuration_hfskin import HfskinConfig
from ..model.modeling_hfskin import HfskinForImageClassification
from .conformal import fit_conformal_threshold
from .exposure import Exposure, lesion_views, other_views
from .gate import fit_gate, fit_gate_threshold, fit_unusual_threshold
from .thresholds import fit_malignant_threshold, fit_temperature

COVERAGE = 0.90  # of the prediction sets
# Of the malignancy threshold on validation pictures. A validation part holds some 200 malignant pictures, so elsewhere
# it may be .04 less by chance (two standard errors), and .93 is what is wanted.
SENSITIVITY = 0.97
TRANSFORMS_EACH = 2  # of a validation picture, besides the picture as it is


def calibrate_checkpoint(folder: str | Path, table: pd.DataFrame, exposure: Exposure | None = None) -> HfskinConfig:
    """Fit temperature, prediction sets, malignancy threshold and gate, and store them in the checkpoint `folder`.

    The gate is fitted to the pictures whose split is "train", as they are and changed, so that another lamp or crop is
    no reason to refuse a lesion, and to `exposure`; everything else to those whose split is "val", as they are and as
    they might look elsewhere (`data/robustness.py`), so that what is promised holds there too. The test part is not
    looked at. Each file is replaced as a whole; the weights keep their type.

    Args:
        folder: a checkpoint folder with its processor.
        table: from `make_split`: the split that the checkpoint was trained with.
        exposure: lesions and other things from elsewhere, for the gate; without them, it knows of other things what
            installed libraries ship and what can be drawn.

    Returns:
        The config as stored.

    Raises:
        ValueError: a part is empty, or the checkpoint was trained on validation pictures.
        OSError: the folder lacks the model or the processor.
    """
    folder = Path(folder)
    parts = {part: table[table["split"] == part].reset_index(drop=True) for part in ("train", "val")}
    if empty := [part for part, rows in parts.items() if rows.empty]:
        raise ValueError(
            f"no rows of split {empty[0]!r}; calibration needs the train and val parts of the training run"
        )
    refuse_trained_on(folder, parts["val"]["image_id"])
    keep_freed_memory()
    pipeline = load(folder, backend="torch")
    stored_dtype = load_file(folder / WEIGHTS_FILE)["classifier.weight"].dtype  # config.json may say another
    model = pipeline.model
    config = model.config
    config.temperature, model.gate = 1.0, None

    fit_gate(model, *gate_features(pipeline, parts["train"], exposure or Exposure()))
    model.gate.to(stored_dtype).float()  # the threshold is for the numbers that are stored
    val = predict_as_elsewhere(pipeline, parts["val"])
    assert val.gate_scores is not None  # the gate was just fitted
    config.gate_threshold = fit_gate_threshold(val.gate_scores)
    config.unusual_threshold = fit_unusual_threshold(val.gate_scores, val.logits.argmax(axis=1) != val.labels)
    config.temperature = fit_temperature(val.logits, val.labels)
    probabilities = softmax(val.logits / config.temperature)
    config.conformal_threshold = fit_conformal_threshold(val.labels, probabilities, COVERAGE)
    config.conformal_coverage = COVERAGE
    if malignant := malignant_columns(config):
        config.malignant_threshold = fit_malignant_threshold(val.labels, probabilities, SENSITIVITY, malignant)
        config.malignant_sensitivity = SENSITIVITY
    save_checkpoint(folder, model, stored=stored_dtype)
    return config


def predict_as_elsewhere(pipeline: SkinLesionPipeline, table: pd.DataFrame) -> Predictions:
    """The answers to the N pictures as they are, and to each under `TRANSFORMS_EACH` of the `TRANSFORMS` in turn:
    N (1 + `TRANSFORMS_EACH`) in all."""
    parts = [predict_table(pipeline, table, title="validation")]
    turn = np.arange(len(table))
    step = len(TRANSFORMS) // TRANSFORMS_EACH
    for number, (name, transform) in enumerate(TRANSFORMS.items()):
        rows = table[[(at - number) % len(TRANSFORMS) in range(0, step * TRANSFORMS_EACH, step) for at in turn]]
        if len(rows):
            parts.append(predict_table(pipeline, rows, transform=transform, title=f"validation, {name}"))
    joined = {name: [getattr(part, name) for part in parts] for name in vars(parts[0])}
    return Predictions(**{name: None if v[0] is None else np.concatenate(v) for name, v in joined.items()})  # type: ignore[arg-type]


def gate_features(
    pipeline: SkinLesionPipeline, table: pd.DataFrame, exposure: Exposure
) -> tuple[np.ndarray, np.ndarray]:
    """What a gate is fitted to: the features of lesions (N, F) and of other things (M, F)."""
    with torch.random.fork_rng(devices=[]), _alone(pipeline.model):
        torch.manual_seed(0)  # the same gate each time
        lesions = predict_pictures(pipeline, lesion_views(table, exposure), "gate: lesions").features
        others = predict_pictures(pipeline, other_views(exposure), "gate: other things").features
    assert lesions is not None  # torch gives features
    assert others is not None
    return lesions, others


@contextmanager
def _alone(model: HfskinForImageClassification) -> Iterator[None]:
    """Inside, the model answers without the other members of its ensemble: the features are its own."""
    others, model.partners = model.partners, torch.nn.ModuleList()
    try:
        yield
    finally:
        model.partners = others
