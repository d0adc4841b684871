"""Five folds: every picture answered by a model that saw neither it nor another picture of its lesion."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hfskin.checkpoints.history import runs_in_order
from hfskin.data.splits import N_FOLDS, lesion_split
from hfskin.evaluation.bootstrap import LesionBootstrap, interval
from hfskin.evaluation.calibration import summarise_calibration, summarise_malignancy
from hfskin.evaluation.metrics import balanced_accuracies, summarise
from hfskin.evaluation.report import write_metrics
from hfskin.evaluation.robustness import predict_copies
from hfskin.evaluation.subgroups import summarise_subgroups
from hfskin.inference.backend import load
from hfskin.inference.batch.predictions import predict_table
from hfskin.inference.decisions import is_suspicious, prediction_sets
from hfskin.model.labels import CLASSES

FOLDS = 5
TENTHS = N_FOLDS // FOLDS  # of the lesions that a fold tests on
DIGITS = 5  # of a stored probability
KEPT = {"freeze_early": "early layers kept", "freeze_backbone": "backbone kept"}  # of a recipe, in words
KNOWN, UNKNOWN, TTA = "with_metadata", "without_metadata", "mirrored"
# The end of the names of the stored columns, and how the answers in them are made.
VIEWS: dict[str, tuple[str, dict]] = {
    KNOWN: ("", {}),
    UNKNOWN: ("_alone", {"use_metadata": False}),
    TTA: ("_mirrored", {"tta": True}),
}
COPY = "_copy"
SETS, ALARM = "conformal_threshold", "malignant_threshold"


def fold_split(table: pd.DataFrame, fold: int, seed: int = 0) -> pd.DataFrame:
    """The "lesion" split of one fold, 0 to 4, which tests on two tenths of the lesions and chooses by the next one."""
    first = fold * TENTHS
    return lesion_split(table, range(first, first + TENTHS), [(first + TENTHS) % N_FOLDS], seed)


def predict_fold(
    checkpoint: Path, split: pd.DataFrame, fold: int, copies: Mapping[str, Path] | None = None
) -> pd.DataFrame:
    """A calibrated checkpoint's answers to the test part of its fold.

    Args:
        copies: other files of some of the pictures, by image id.

    Returns:
        a row a picture: image_id, fold, the probabilities of the classes with what is known of the patient ("nv"), with
        nothing known ("nv_alone"), averaged over the picture and its mirror images ("nv_mirrored") and, where there is
        one, from its copy ("nv_copy"), and the thresholds of the fold's prediction sets and of its alarm.
    """
    pipeline = load(checkpoint, backend="torch")
    rows = split[split["split"] == "test"].reset_index(drop=True)
    answers = {"image_id": rows["image_id"], "fold": fold}
    for suffix, how in VIEWS.values():
        answers |= _columns(predict_table(pipeline, rows, **how).probabilities, suffix)
    if copies and (copied := rows["image_id"].isin(copies).to_numpy()).any():
        found = np.full((len(rows), len(CLASSES)), np.nan)
        found[copied] = predict_copies(pipeline, rows[copied].reset_index(drop=True), copies).probabilities
        answers |= _columns(found, COPY)
    return pd.DataFrame(answers | {name: getattr(pipeline.config, name) for name in (SETS, ALARM)})


def summarise_folds(table: pd.DataFrame, answers: pd.DataFrame) -> dict:
    """The out-of-fold figures of all pictures in `answers`, and each fold's own.

    Args:
        table: with image_id, lesion_id, dx, age, sex, localization.
        answers: from [`predict_fold`], of one or more folds.

    Returns:
        images, lesions, folds; results "with_metadata", "without_metadata" and "mirrored", each with metrics,
        calibration, coverage and mean_size of the prediction sets, malignancy (how often the alarm is right), and
        by_fold (bma, auc_macro, melanoma_sensitivity: a list each, with their mean and standard deviation); copies: n,
        their BMA, that of the same pictures as they are ("unchanged") and the difference, None without copies;
        subgroups "with_metadata" and "without_metadata".
    """
    rows = table.merge(answers, on="image_id", validate="one_to_one")
    labels = np.array([CLASSES.index(dx) for dx in rows["dx"]])
    bootstrap = LesionBootstrap(rows["lesion_id"].to_numpy(str))
    results = {}
    for name, (suffix, _) in VIEWS.items():
        probabilities = _probabilities(rows, suffix)
        sets = prediction_sets(probabilities, rows[SETS].to_numpy())
        results[name] = {
            "metrics": summarise(labels, probabilities, bootstrap),
            "calibration": summarise_calibration(labels, probabilities, bootstrap),
            "coverage": interval(bootstrap.means(sets[np.arange(len(rows)), labels].astype(float))),
            "mean_size": interval(bootstrap.means(sets.sum(axis=1).astype(float))),
            "malignancy": summarise_malignancy(labels, is_suspicious(probabilities, rows[ALARM].to_numpy()), bootstrap),
            "by_fold": _by_fold(rows, labels, probabilities),
        }
    return {
        "images": len(rows),
        "lesions": bootstrap.n_lesions,
        "folds": sorted(rows["fold"].unique().tolist()),
        "results": results,
        "copies": _summarise_copies(rows, labels) if f"nv{COPY}" in rows else None,
        "subgroups": {
            name: summarise_subgroups(rows, labels, _probabilities(rows, VIEWS[name][0]), rows[ALARM].to_numpy())
            for name in (KNOWN, UNKNOWN)
        },
    }


def _summarise_copies(rows: pd.DataFrame, labels: np.ndarray) -> dict:
    copied = rows[f"nv{COPY}"].notna().to_numpy()
    bootstrap = LesionBootstrap(rows["lesion_id"].to_numpy(str)[copied])
    after, before = (
        balanced_accuracies(labels[copied], _probabilities(rows[copied], suffix).argmax(axis=1), bootstrap)
        for suffix in (COPY, "")
    )
    figures = {"bma": after, "unchanged": before, "difference": after - before}
    return {"n": int(copied.sum()), **{name: interval(values) for name, values in figures.items()}}


def describe_training(runs: Sequence[Mapping]) -> str:
    """How the folds were trained, in words, from their training.json.

    Raises:
        ValueError: not all in the same way.
    """
    run, *others = runs
    if any(_setting(other) != _setting(run) for other in others):
        raise ValueError("the folds were trained in different ways; remove the answers of those that are out of date")
    height, width = run["image_size"]
    first, *later = runs_in_order(run)
    words = f"{_origin(first)}, {width}x{height}, {first['device']}: {_told(first)} on seven tenths of the lesions"
    beside = [f"beside it, {_origin(member)}: {_told(member)}" for member in run.get("partners", ())]
    if beside:
        beside.append("together they answer with the mean of their logits")
    return "; ".join([words, *(f"then {_told(more)}" for more in later), *beside])


def for_card(report: Mapping) -> dict:
    """What a model card says of a report of [`summarise_folds`] with its "training".

    Raises:
        ValueError: it is not such a report, or the folds were trained in different ways.
    """
    try:
        return {
            **{key: report[key] for key in ("images", "lesions", "folds", "copies")},
            "training": describe_training(report["training"]),
            "results": {name: headlines(report["results"][name]) for name in VIEWS},
            "by_age": {
                name: {
                    band: {key: row[key] for key in ("images", "alarm_sensitivity")}
                    for band, row in groups["age"].items()
                }
                for name, groups in report["subgroups"].items()
            },
        }
    except KeyError as error:
        raise ValueError(f"not a report of scripts/folds: it lacks {error}") from error


def put_into(metrics: Path, report: Path) -> None:
    """Let a checkpoint's metrics.json, and so its card, tell of the folds beside its own figures.

    Args:
        report: the metrics.json of `python -m scripts.folds`.

    Raises:
        ValueError: see [`for_card`].
    """
    own = json.loads(metrics.read_text(encoding="utf-8"))
    own["cross_validation"] = for_card(json.loads(report.read_text(encoding="utf-8")))
    write_metrics(own, metrics)


def headlines(result: Mapping) -> dict:
    """The figures that are told of one of the "results", by name; those of single folds under "by_fold"."""
    figures = {key: result["metrics"][key] for key in ("bma", "auc_macro", "accuracy")}
    return figures | {
        "melanoma_sensitivity": result["metrics"]["per_class"]["mel"]["sensitivity"],
        "ece": result["calibration"]["ece"],
        "coverage": result["coverage"],
        "mean_size": result["mean_size"],
        "alarm_sensitivity": result["malignancy"]["sensitivity"],
        "alarm_specificity": result["malignancy"]["specificity"],
        "by_fold": result["by_fold"],
    }


def _origin(run: Mapping) -> str:
    return f"{run['backbone']} from {run['backbone_weights']}"


def _told(run: Mapping) -> str:
    """One run in words: how long, what it learnt from, what it shows and weighs more than it occurs, what it keeps.

    Runs of older versions lack some fields.
    """
    recipe = run["recipe"]
    words = ["rare classes sampled more often" if recipe.get("sampling_power") else "classes sampled as they occur"]
    if (weight := recipe.get("melanoma_weight", 1)) != 1:
        words.append(f"melanoma weighing {weight:g} times as much")
    if (strength := float(recipe.get("augment", 1))) != 1:  # it was a switch once
        words.append(f"augmentation at {strength:g} of its strength" if strength else "no augmentation")
    words += [kept for field, kept in KEPT.items() if recipe.get(field)]
    if teachers := run.get("teachers"):
        words.append("a teacher" if len(teachers) == 1 else f"{len(teachers)} teachers")
    if run.get("n_masks"):
        words.append("Soft-Attention supervised by masks")
    told = f"{recipe['epochs']} epochs ({', '.join(words)})"
    if others := len(run.get("averaged", ())):  # the last of them is what it went on from
        told += f"{', twice,' if others == 2 else ''} and the mean with what it went on from"
    return told


def _setting(run: Mapping) -> list[tuple]:
    """The same for folds that were trained in the same way."""
    return [
        (one["backbone"], one["image_size"], one["recipe"], one.get("teachers"), len(one.get("averaged", ())))
        for one in (*runs_in_order(run), *run.get("partners", ()))
    ]


def _probabilities(rows: pd.DataFrame, suffix: str) -> np.ndarray:
    """(N, 7); the rows sum to 1, which rounding had changed."""
    values = rows[[c + suffix for c in CLASSES]].to_numpy()
    return values / values.sum(axis=1, keepdims=True)


def _columns(probabilities: np.ndarray, suffix: str) -> dict[str, np.ndarray]:
    return {c + suffix: probabilities[:, i].round(DIGITS) for i, c in enumerate(CLASSES)}


def _by_fold(rows: pd.DataFrame, labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Mapping]:
    values: dict[str, list[float]] = {"bma": [], "auc_macro": [], "melanoma_sensitivity": []}
    for fold in sorted(rows["fold"].unique()):
        mine = (rows["fold"] == fold).to_numpy()
        ids = rows["lesion_id"].to_numpy(str)[mine]
        found = summarise(labels[mine], probabilities[mine], LesionBootstrap(ids, resamples=1))
        values["bma"].append(found["bma"]["value"])
        values["auc_macro"].append(found["auc_macro"]["value"])
        values["melanoma_sensitivity"].append(found["per_class"]["mel"]["sensitivity"]["value"])
    return {
        name: {"values": v, "mean": float(np.mean(v)), "sd": float(np.std(v, ddof=1)) if len(v) > 1 else None}
        for name, v in values.items()
    }
