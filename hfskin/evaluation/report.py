"""metrics.json: everything that is measured of a checkpoint on one part of one data set."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from .. import __version__
from ..calibration.exposure import Exposure
from ..checkpoints.history import refuse_trained_on
from ..checkpoints.layout import digests, file_digest
from ..checkpoints.save import write_json
from ..data.splits import check_leaks
from ..inference.backend import load
from ..inference.base import LesionPipeline
from ..inference.batch.predictions import Predictions, predict_table
from ..inference.decisions import is_suspicious, malignant_columns, softmax
from ..inference.explain import has_grad_cam
from ..inference.onnx import OnnxPipeline
from ..model.labels import shown_classes
from .bootstrap import LesionBootstrap
from .calibration import summarise_calibration, summarise_malignancy
from .elsewhere import measure_elsewhere
from .gate import measure_gate
from .localisation import masks_of, summarise_localisation
from .metrics import roc_curves, summarise
from .robustness import summarise_robustness
from .sets import summarise_sets
from .subgroups import summarise_subgroups

SCHEMA_VERSION = 1


def evaluate(
    model: str | Path | None,
    table: pd.DataFrame,
    split: str,
    part: str = "test",
    data: str = "HAM10000",
    tta: bool = False,
    cautious: bool = True,
    robustness: bool = False,
    backend: str = "auto",
    copies: Mapping[str, Path] | None = None,
    masks: Path | None = None,
    exposure: Exposure | None = None,
    pipeline: LesionPipeline | None = None,
) -> dict:
    """Measure a checkpoint on the rows of `table` whose split is `part`.

    Args:
        model: a checkpoint folder, a repository of the Hub, an ONNX file, or None for the embedded checkpoint.
        table: from `make_split`.
        split: the name of that split.
        part: "test", or "val" (the `paper` split has no other).
        data: the name of the data set.
        tta: test-time augmentation with mirror images.
        cautious: False measures what the network says of the young too, see [`LesionPipeline`].
        robustness: measure under `robustness.TRANSFORMS` too; that takes about 20 times as long.
        copies: with `robustness`: other files of some of the pictures, by image id.
        masks: folder of segmentation masks, to measure the explanations by; that needs torch.
        backend: see [`load`]: what is measured is what answers.
        exposure: lesions and other things from elsewhere, whose judging half the gate is measured on as well.
        pipeline: what [`load`] made of `model`, where it is at hand.

    Returns:
        Plain values for JSON. A measured number is {"value", "low", "high"} with its 95 % interval over lesions, None
        where the data cannot give it. Keys: schema_version; measured, the digests of weights and
        calibration; model; data; results with "with_metadata" (what the table
        knows of the patients) and "without_metadata" (nothing known), each with metrics, calibration, conformal,
        malignancy and roc; gate (None without one); elsewhere (None without lesions whose diagnoses are known);
        subgroups (with metadata); shifts and localisation (with metadata; None where they were not asked for);
        environment.

    Raises:
        ValueError: the part has no rows, masks are given without what Grad-CAM needs, or copies without `robustness`.
        DataError: a mask is missing.
        LearntError: the checkpoint was trained on some of the pictures.
        OSError: the checkpoint cannot be loaded.
    """
    started = time.perf_counter()
    rows = table[table["split"] == part].reset_index(drop=True)
    if rows.empty:
        raise ValueError(f"the split {split!r} has no part {part!r}, only {', '.join(sorted(table['split'].unique()))}")
    if masks:  # the last to be measured: a slip would cost all that was measured before
        grad_cam = "with masks, Grad-CAM is measured, which"
        if not has_grad_cam():
            raise ValueError(f"{grad_cam} needs captum: pip install 'hfskin[explain]'")
        if str(model).endswith(".onnx"):
            raise ValueError(f"{grad_cam} an ONNX file cannot do; give its checkpoint folder")
        masks_of(rows["image_id"], masks)
    if copies is not None and not robustness:
        raise ValueError("copies are measured with --robustness; give both or neither")
    pipeline = pipeline or load(model, backend)
    refuse_trained_on(pipeline.folder, rows["image_id"])
    config = pipeline.config
    known = unknown = predict_table(pipeline, rows, tta=tta, cautious=cautious, title=part)
    if config.metadata_hidden:
        unknown = predict_table(pipeline, rows, use_metadata=False, tta=tta, title=f"{part}, picture alone")
    bootstrap = LesionBootstrap(known.lesion_ids)
    return {
        "schema_version": SCHEMA_VERSION,
        "measured": _measured(pipeline, model),
        "model": _model_facts(pipeline, tta),
        "data": _data_facts(table, rows, split, part, data, shown_classes(config)),
        "results": {
            "with_metadata": _results(known, config, bootstrap),
            "without_metadata": _results(unknown, config, bootstrap),
        },
        "gate": measure_gate(pipeline, known, exposure or Exposure()),
        "elsewhere": measure_elsewhere(pipeline, (exposure or Exposure()).lesions),
        "subgroups": summarise_subgroups(
            rows,
            known.labels,
            known.probabilities,
            config.malignant_threshold,
            shown_classes(config),
            malignant_columns(config),
        ),
        "shifts": summarise_robustness(pipeline, rows, copies) if robustness else None,
        "localisation": summarise_localisation(load(pipeline.folder, backend="torch"), rows, masks) if masks else None,
        "environment": {
            "python": platform.python_version(),
            **{package: version(package) for package in ("torch", "transformers", "timm", "onnxruntime")},
            "backend": "onnx" if isinstance(pipeline, OnnxPipeline) else "torch",
            "device": _device(pipeline),
            "seconds": round(time.perf_counter() - started, 1),
        },
    }


def write_metrics(report: dict, path: str | Path) -> None:
    """Write a report as JSON, under a temporary name first: a crash leaves what was there before."""
    write_json(Path(path), report, allow_nan=False)


def _results(predictions: Predictions, config, bootstrap: LesionBootstrap) -> dict:
    labels, probabilities, classes = predictions.labels, predictions.probabilities, shown_classes(config)
    uncalibrated = softmax(predictions.logits * config.temperature)
    conformal = malignancy = None
    if config.conformal_threshold is not None:
        sets = summarise_sets(labels, probabilities, config.conformal_threshold, bootstrap, classes)
        conformal = {"wanted_coverage": config.conformal_coverage, **sets}
    if config.malignant_threshold is not None:
        columns = malignant_columns(config)
        suspicious = is_suspicious(probabilities, config.malignant_threshold, columns)
        found = summarise_malignancy(labels, suspicious, bootstrap, columns)
        wanted = {"threshold": config.malignant_threshold, "wanted_sensitivity": config.malignant_sensitivity}
        malignancy = {**wanted, **found}
    return {
        "metrics": summarise(labels, probabilities, bootstrap, classes),
        "calibration": {
            "temperature": config.temperature,
            "before": summarise_calibration(labels, uncalibrated, bootstrap, classes),
            "after": summarise_calibration(labels, probabilities, bootstrap, classes),
        },
        "conformal": conformal,
        "malignancy": malignancy,
        "roc": roc_curves(labels, probabilities, classes=classes),
    }


def _measured(pipeline: LesionPipeline, model: str | Path | None) -> dict:
    """Of what these are the metrics: the checkpoint's digests, or the ONNX file's."""
    if isinstance(pipeline, OnnxPipeline) and str(model).endswith(".onnx"):
        return {"file": pipeline.path.name, "sha256": file_digest(pipeline.path)}
    return digests(pipeline.folder)


def _device(pipeline: LesionPipeline) -> str:
    device = getattr(pipeline, "device", None)
    if device is not None and device.type == "cuda":
        import torch

        return torch.cuda.get_device_name(device)
    return f"CPU, {os.cpu_count()} cores"


def _model_facts(pipeline: LesionPipeline, tta: bool) -> dict:
    config, preprocessing = pipeline.config, pipeline.preprocessing
    return {
        "backbone": config.backbone,
        "backbone_cut": config.backbone_cut,
        "image_size": list(config.image_size),
        "attention_maps": config.attention_maps,
        "metadata_hidden": config.metadata_hidden,
        "parameters": pipeline.parameters,
        "colour_strength": preprocessing.colour_strength if preprocessing.colour_reference else 0.0,
        "max_stretch": preprocessing.max_stretch,
        "test_time_augmentation": tta,
        "hfskin": __version__,
    }


def _data_facts(
    table: pd.DataFrame, rows: pd.DataFrame, split: str, part: str, data: str, classes: Sequence[str]
) -> dict:
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
        "images_per_class": {c: int(counts.get(c, 0)) for c in classes},
        "lesions_per_class": {c: int(lesions.get(c, 0)) for c in classes},
    }
