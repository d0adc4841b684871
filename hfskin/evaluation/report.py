"""metrics.json: everything that is measured of a checkpoint on one part of one data set."""

import json
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import timm
import torch
import transformers

from .. import __version__
from ..calibration.exposure import Exposure
from ..calibration.thresholds import is_suspicious
from ..checkpoints.history import refuse_trained_on
from ..checkpoints.save import write_whole
from ..data.splits import check_leaks
from ..inference.base import softmax
from ..inference.batch.predictions import Predictions, predict_table
from ..inference.explain import has_grad_cam
from ..inference.pipeline import load
from ..model.labels import CLASSES
from .bootstrap import LesionBootstrap
from .calibration import summarise_calibration, summarise_malignancy
from .gate import measure_gate
from .localisation import summarise_localisation
from .metrics import roc_curves, summarise
from .robustness import summarise_shifts
from .sets import summarise_sets
from .subgroups import summarise_subgroups

SCHEMA_VERSION = 1


def evaluate(
    model: str | Path | None,
    table: pd.DataFrame,
    split: str,
    part: str = "test",
    data: str = "HAM10000",
    flips: bool = False,
    shifts: bool = False,
    copies: Mapping[str, Path] | None = None,
    masks: Path | None = None,
    exposure: Exposure | None = None,
) -> dict:
    """Measure a checkpoint on the rows of `table` whose split is `part`.

    Args:
        model: a checkpoint folder, a repository of the Hub, or None for the embedded checkpoint.
        table: from `make_split`.
        split: the name of that split.
        part: "test", or "val" (the `paper` split has no other).
        data: the name of the data set.
        flips: test-time augmentation with mirror images.
        shifts: measure under `shifts.SHIFTS` too; that takes about 20 times as long.
        copies: other files of some of the pictures, by image id, for the shifts.
        masks: folder of segmentation masks, to measure the explanations by.
        exposure: lesions and other things from elsewhere, whose judging half the gate is measured on as well.

    Returns:
        Plain values for JSON. A measured number is {"value", "low", "high"} with its 95 % interval over lesions, None
        where the data cannot give it. Keys: schema_version; model; data; results with "with_metadata" (what the table
        knows of the patients) and "without_metadata" (nothing known), each with metrics, calibration, conformal,
        malignancy and roc; gate (None without one); subgroups (with metadata); shifts and localisation (with metadata;
        None where they were not asked for); environment. `hfskin evaluate --fold-report` adds cross_validation.

    Raises:
        ValueError: the part has no rows, or masks are given without what Grad-CAM needs.
        DataError: a mask is missing, or the checkpoint was trained on some of the pictures.
        OSError: the checkpoint cannot be loaded.
    """
    started = time.perf_counter()
    rows = table[table["split"] == part].reset_index(drop=True)
    if rows.empty:
        raise ValueError(f"the split {split!r} has no part {part!r}, only {', '.join(sorted(table['split'].unique()))}")
    if masks and not has_grad_cam():  # the last to be measured: it would cost all that was measured before
        raise ValueError("with masks, Grad-CAM is measured, which needs captum: pip install 'hfskin[explain]'")
    pipeline = load(model)
    network, processor = pipeline.model, pipeline.image_processor
    config = network.config
    refuse_trained_on(Path(config.name_or_path), rows["image_id"])
    known = unknown = predict_table(network, processor, rows, flips=flips)
    if config.metadata_hidden:
        unknown = predict_table(network, processor, rows, use_metadata=False, flips=flips)
    bootstrap = LesionBootstrap(known.lesion_ids)
    gate = None
    if network.gate is not None and config.gate_threshold is not None:
        gate = measure_gate(network, processor, known, exposure or Exposure())
    return {
        "schema_version": SCHEMA_VERSION,
        "model": _model_facts(network, flips),
        "data": _data_facts(table, rows, split, part, data),
        "results": {
            "with_metadata": _results(known, config, bootstrap),
            "without_metadata": _results(unknown, config, bootstrap),
        },
        "gate": gate,
        "subgroups": summarise_subgroups(rows, known.labels, known.probabilities, config.malignant_threshold),
        "shifts": summarise_shifts(network, processor, rows, copies) if shifts else None,
        "localisation": summarise_localisation(pipeline, rows, masks) if masks else None,
        "environment": {
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "transformers": transformers.__version__,
            "timm": timm.__version__,
            "device": torch.cuda.get_device_name() if network.device.type == "cuda" else f"CPU, {os.cpu_count()} cores",
            "seconds": round(time.perf_counter() - started, 1),
        },
    }


def write_metrics(report: dict, path: str | Path) -> None:
    """Write a report as JSON, under a temporary name first: a crash leaves what was there before."""
    write_whole(Path(path), json.dumps(report, indent=1, allow_nan=False) + "\n")


def _results(predictions: Predictions, config, bootstrap: LesionBootstrap) -> dict:
    labels, probabilities = predictions.labels, predictions.probabilities
    uncalibrated = softmax(predictions.logits * config.temperature)
    conformal = malignancy = None
    if config.conformal_threshold is not None:
        sets = summarise_sets(labels, probabilities, config.conformal_threshold, bootstrap)
        conformal = {"wanted_coverage": config.conformal_coverage, **sets}
    if config.malignant_threshold is not None:
        found = summarise_malignancy(labels, is_suspicious(probabilities, config.malignant_threshold), bootstrap)
        wanted = {"threshold": config.malignant_threshold, "wanted_sensitivity": config.malignant_sensitivity}
        malignancy = {**wanted, **found}
    return {
        "metrics": summarise(labels, probabilities, bootstrap),
        "calibration": {
            "temperature": config.temperature,
            "before": summarise_calibration(labels, uncalibrated, bootstrap),
            "after": summarise_calibration(labels, probabilities, bootstrap),
        },
        "conformal": conformal,
        "malignancy": malignancy,
        "roc": roc_curves(labels, probabilities),
    }


def _model_facts(network, flips: bool) -> dict:
    config = network.config
    return {
        "backbone": config.backbone,
        "backbone_cut": config.backbone_cut,
        "image_size": list(config.image_size),
        "attention_maps": config.attention_maps,
        "metadata_hidden": config.metadata_hidden,
        "parameters": network.num_parameters(),
        "test_time_augmentation": flips,
        "hfskin": __version__,
    }


def _data_facts(table: pd.DataFrame, rows: pd.DataFrame, split: str, part: str, data: str) -> dict:
    leaking = check_leaks(table)
    counts = rows["dx"].value_counts()
    lesions = rows.groupby("dx")["lesion_id"].nunique()
    return {
        "name": data,
        "split": split,
        "part": part,
        "leaks": leaking > 0,
        "leaking_lesions": leaking,
        "images": len(rows),
        "lesions": int(rows["lesion_id"].nunique()),
        "images_per_class": {c: int(counts.get(c, 0)) for c in CLASSES},
        "lesions_per_class": {c: int(lesions.get(c, 0)) for c in CLASSES},
    }
