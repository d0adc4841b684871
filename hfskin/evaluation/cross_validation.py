"""Five folds: every picture answered by a model that saw neither it nor another picture of its lesion."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ..data.splits import N_FOLDS, lesion_split
from ..inference.pipeline import load
from ..model.labels import CLASSES
from .bootstrap import LesionBootstrap, interval
from .calibration import summarise_calibration
from .conformal import prediction_sets
from .metrics import summarise
from .predictions import predict_table
from .subgroups import summarise_subgroups

FOLDS = 5
TENTHS = N_FOLDS // FOLDS  # of the lesions that a fold tests on
DIGITS = 5  # of a stored probability
KNOWN, UNKNOWN = "with_metadata", "without_metadata"


def fold_split(table: pd.DataFrame, fold: int, seed: int = 0) -> pd.DataFrame:
    """The "lesion" split of one fold, 0 to 4, which tests on two tenths of the lesions and chooses by the next one."""
    first = fold * TENTHS
    return lesion_split(table, range(first, first + TENTHS), [(first + TENTHS) % N_FOLDS], seed)


def predict_fold(checkpoint: Path, split: pd.DataFrame, fold: int) -> pd.DataFrame:
    """A calibrated checkpoint's answers to the test part of its fold.

    Returns:
        a row a picture: image_id, fold, the probabilities of the classes with what is known of the patient ("nv") and
        with nothing known ("nv_alone"), and the threshold of the fold's prediction sets.
    """
    pipeline = load(checkpoint)
    rows = split[split["split"] == "test"].reset_index(drop=True)
    answers = {"image_id": rows["image_id"], "fold": fold}
    for suffix, known in (("", True), ("_alone", False)):
        found = predict_table(pipeline.model, pipeline.image_processor, rows, use_metadata=known).probabilities
        answers |= {c + suffix: found[:, i].round(DIGITS) for i, c in enumerate(CLASSES)}
    return pd.DataFrame(answers | {"conformal_threshold": pipeline.config.conformal_threshold})


def summarise_folds(table: pd.DataFrame, answers: pd.DataFrame) -> dict:
    """The out-of-fold figures of all pictures in `answers`, and each fold's own.

    Args:
        table: with image_id, lesion_id, dx, age, sex, localization.
        answers: from [`predict_fold`], of one or more folds.

    Returns:
        images, lesions, folds; results "with_metadata" and "without_metadata", each with metrics, calibration,
        coverage and mean_size of the prediction sets, and by_fold (bma, auc_macro, melanoma_sensitivity: a list each,
        with their mean and standard deviation); subgroups.
    """
    rows = table.merge(answers, on="image_id", validate="one_to_one")
    labels = np.array([CLASSES.index(dx) for dx in rows["dx"]])
    bootstrap = LesionBootstrap(rows["lesion_id"].to_numpy(str))
    results = {}
    for name, suffix in ((KNOWN, ""), (UNKNOWN, "_alone")):
        probabilities = _probabilities(rows, suffix)
        sets = prediction_sets(probabilities, rows[["conformal_threshold"]].to_numpy())
        results[name] = {
            "metrics": summarise(labels, probabilities, bootstrap),
            "calibration": summarise_calibration(labels, probabilities, bootstrap),
            "coverage": interval(bootstrap.means(sets[np.arange(len(rows)), labels].astype(float))),
            "mean_size": interval(bootstrap.means(sets.sum(axis=1).astype(float))),
            "by_fold": _by_fold(rows, labels, probabilities),
        }
    return {
        "images": len(rows),
        "lesions": bootstrap.n_lesions,
        "folds": sorted(rows["fold"].unique().tolist()),
        "results": results,
        "subgroups": summarise_subgroups(rows, labels, _probabilities(rows, "")),
    }


def describe_training(runs: Sequence[Mapping]) -> str:
    """How the folds were trained, in words, from their training.json.

    Raises:
        ValueError: not all in the same way.
    """
    run, *others = runs
    if any(_setting(other) != _setting(run) for other in others):
        raise ValueError("the folds were trained in different ways; remove the answers of those that are out of date")
    height, width = run["image_size"]
    first = run.get("before") or run
    words = (
        f"{first['backbone']} from {first['backbone_weights']}, {width}x{height}, {first['recipe']['epochs']} epochs "
        f"on seven tenths of the lesions ({_in_words(first['recipe'])}), {first['device']}"
    )
    if "averaged" in run:
        again = len(run["averaged"])  # itself and all but the first one
        words += (
            f"; from there {again} runs of {run['recipe']['epochs']} epochs more ({_in_words(run['recipe'])}), and the "
            f"mean of the weights of all {again + 1}"
        )
    return f"{words}; Soft-Attention {'' if run.get('n_masks') else 'not '}taught by masks"


def for_card(report: Mapping) -> dict:
    """What a model card says of a report of [`summarise_folds`] with its "training".

    Raises:
        ValueError: it is not such a report, or the folds were trained in different ways.
    """
    try:
        return {
            **{key: report[key] for key in ("images", "lesions", "folds")},
            "training": describe_training(report["training"]),
            "results": {name: headlines(report["results"][name]) for name in (KNOWN, UNKNOWN)},
        }
    except KeyError as error:
        raise ValueError(f"not a report of scripts/cross_validate.py: it lacks {error}") from error


def headlines(result: Mapping) -> dict:
    """The figures that are told of one of the "results", by name; those of single folds under "by_fold"."""
    figures = {key: result["metrics"][key] for key in ("bma", "auc_macro", "accuracy")}
    return figures | {
        "melanoma_sensitivity": result["metrics"]["per_class"]["mel"]["sensitivity"],
        "ece": result["calibration"]["ece"],
        "coverage": result["coverage"],
        "mean_size": result["mean_size"],
        "by_fold": result["by_fold"],
    }


def _in_words(recipe: Mapping) -> str:
    """What a recipe shows and weighs more than it occurs, and what it leaves as it is; older ones lack the fields."""
    words = ["rare classes drawn more often" if recipe.get("sampling_power") else "classes drawn as they occur"]
    if (weight := recipe.get("melanoma_weight", 1)) != 1:
        words.append(f"melanoma weighing {weight:g} times as much")
    if recipe.get("freeze_early"):
        words.append("early layers kept")
    return ", ".join(words)


def _setting(run: Mapping) -> tuple:
    """The same for folds that were trained in the same way."""
    before = run.get("before") or {}
    return run["backbone"], run["image_size"], run["recipe"], before.get("recipe"), len(run.get("averaged", ()))


def _probabilities(rows: pd.DataFrame, suffix: str) -> np.ndarray:
    """(N, 7); the rows sum to 1, which rounding had changed."""
    values = rows[[c + suffix for c in CLASSES]].to_numpy()
    return values / values.sum(axis=1, keepdims=True)


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
