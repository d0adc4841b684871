"""What a checkpoint needs besides its weights, fitted and stored: temperature, thresholds, gate."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader

from ..checkpoints.history import refuse_trained_on
from ..checkpoints.save import save_checkpoint
from ..data.dataset import TrainingDataset
from ..data.transforms import training_transform
from ..inference.backend import load
from ..inference.batch.predictions import BATCH_SIZE, collect, predict_table
from ..inference.decisions import softmax
from ..inference.pipeline import SkinLesionPipeline
from ..model.configuration_hfskin import HfskinConfig
from .conformal import fit_conformal_threshold
from .gate import fit_gate, fit_gate_threshold
from .thresholds import fit_malignant_threshold, fit_temperature

COVERAGE = 0.90  # of the prediction sets
SENSITIVITY = 0.95  # of the malignancy threshold
ACCEPTED = 0.99  # share of validation pictures that pass the gate
COMPONENTS = 64  # of the gate


def calibrate_checkpoint(folder: str | Path, table: pd.DataFrame, components: int = COMPONENTS) -> HfskinConfig:
    """Fit temperature, prediction sets, malignancy threshold and gate, and store them in the checkpoint `folder`.

    The gate is fitted to the pictures whose split is "train", as they are and augmented, so that another lamp or crop
    is no reason to refuse a lesion; everything else, the gate's threshold included, to those whose split is "val". The
    test part is not looked at. Each file is replaced as a whole; the weights keep their type.

    Args:
        folder: a checkpoint folder with its processor.
        table: from `make_split`: the split that the checkpoint was trained with.
        components: of the gate, see [`FeatureGate`].

    Returns:
        The config as stored.

    Raises:
        ValueError: a part is empty, or too small for the gate, or the checkpoint was trained on validation pictures.
        OSError: the folder lacks the model or the processor.
    """
    folder = Path(folder)
    parts = {part: table[table["split"] == part].reset_index(drop=True) for part in ("train", "val")}
    if empty := [part for part, rows in parts.items() if rows.empty]:
        raise ValueError(
            f"no rows of split {empty[0]!r}; calibration needs the train and val parts of the training run"
        )
    refuse_trained_on(folder, parts["val"]["image_id"])
    stored_dtype = HfskinConfig.from_pretrained(folder).dtype or torch.float32
    pipeline = load(folder, backend="torch")
    model = pipeline.model
    config = model.config
    config.temperature, model.gate = 1.0, None

    fit_gate(model, training_features(pipeline, parts["train"]), components)
    model.gate.to(stored_dtype).float()  # the threshold is for the numbers that are stored
    val = predict_table(pipeline, parts["val"])
    config.gate_threshold = fit_gate_threshold(val.gate_scores, ACCEPTED)
    config.temperature = fit_temperature(val.logits, val.labels)
    probabilities = softmax(val.logits / config.temperature)
    config.conformal_threshold = fit_conformal_threshold(val.labels, probabilities, COVERAGE)
    config.conformal_coverage = COVERAGE
    config.malignant_threshold = fit_malignant_threshold(val.labels, probabilities, SENSITIVITY)
    config.malignant_sensitivity = SENSITIVITY
    save_checkpoint(folder, model.to(stored_dtype))
    return config


def training_features(pipeline: SkinLesionPipeline, table: pd.DataFrame) -> np.ndarray:
    """What a gate is fitted to: the features of the N pictures as they are and augmented once, (2 N, F)."""
    processor = pipeline.image_processor
    dataset = TrainingDataset(table, processor, training_transform((processor.size.height, processor.size.width)))
    plain = predict_table(pipeline, table)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the same gate each time
        batches = DataLoader(dataset, batch_size=BATCH_SIZE)
        augmented = collect(pipeline, ((b["pixel_values"].numpy(), b["metadata"].numpy()) for b in batches))
    return np.concatenate([plain.features, augmented.features])
