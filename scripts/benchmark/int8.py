"""What 8-bit integers gain in time and cost in accuracy, for the embedded checkpoint."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from hfskin.evaluation.bootstrap import LesionBootstrap, interval
from hfskin.evaluation.metrics import balanced_accuracies
from hfskin.inference.batch.predictions import Predictions, predict_table
from hfskin.inference.onnx import OnnxPipeline

from ..paper.timing import alternate
from .networks import embedded


def measure_int8(
    file: Path, split: pd.DataFrame, batches: tuple[int, ...], rounds: int, threads: int, turn: float
) -> dict:
    """The embedded checkpoint on ONNX Runtime, in float32 and in 8 bits.

    Args:
        file: from `export_int8`, by the training part of `split`.
        split: from `make_split`; answers are compared on the other parts.
        turn: see `alternate`, at batch 1.

    Returns:
        seconds by batch, of "onnx" and "int8"; bytes of the file; parts: for "val", "test" and "both" n, the BMA of
        float32 and its difference in 8 bits (paired: over the same resampled lesions); agreement: the share of pictures
        whose most probable class is the same; probability: the mean absolute difference of a class's; accepted: the
        share that the gate lets through, by contender.
    """
    unseen = split[split["split"] != "train"].reset_index(drop=True)
    pipelines = {"onnx": embedded().onnx(threads), "int8": OnnxPipeline(file, threads)}
    seconds = {}
    for batch in batches:
        inputs = [values.numpy() for values in embedded().inputs(batch)]
        runs = {name: partial(pipeline.run, *inputs) for name, pipeline in pipelines.items()}
        seconds[str(batch)] = alternate(runs, rounds, turn=turn if batch == 1 else 0.0)
    answers = {name: predict_table(pipeline, unseen) for name, pipeline in pipelines.items()}
    return {"seconds": seconds, "bytes": file.stat().st_size, **_compare(answers, unseen, pipelines["onnx"].config)}


def _compare(answers: dict[str, Predictions], rows: pd.DataFrame, config) -> dict:
    labels = answers["onnx"].labels
    before, after = (answers[name].probabilities for name in ("onnx", "int8"))
    named_before, named_after = before.argmax(axis=1), after.argmax(axis=1)
    parts = {}
    for part in ("val", "test", "both"):
        mine = np.ones(len(rows), bool) if part == "both" else (rows["split"] == part).to_numpy()
        bootstrap = LesionBootstrap(rows["lesion_id"].to_numpy(str)[mine])
        bma, changed = (
            balanced_accuracies(labels[mine], named[mine], bootstrap) for named in (named_before, named_after)
        )
        parts[part] = {"n": int(mine.sum()), "bma": interval(bma), "difference": interval(changed - bma)}
    return {
        "parts": parts,
        "agreement": float((named_before == named_after).mean()),
        "probability": float(np.abs(before - after).mean()),
        "accepted": {name: float((a.gate_scores >= config.gate_threshold).mean()) for name, a in answers.items()},
    }
