"""Measure how much the number differs between pictures of one lesion that did not change: what the page's tab “Over
time” sets a change against. A few minutes on two cores:

    python -m scripts.repeatability --data ../shared/ham10000

The pictures are those of HAM10000's lesions with several, in the val and test part of the lesion split: of what it was
trained on, a checkpoint is more certain. They were taken at one visit or at a few, so that some lesions did change.
Written to results/repeatability.json and, as "repeatability", into the checkpoint's metrics.json, which the page reads.
"""

import json
from itertools import combinations
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from hfskin.checkpoints.layout import EMBEDDED_CHECKPOINT, METRICS_FILE, digests
from hfskin.data.ham10000 import load_ham10000
from hfskin.data.splits import make_split
from hfskin.evaluation.bootstrap import LesionBootstrap, interval
from hfskin.evaluation.report import write_metrics
from hfskin.inference.backend import load
from hfskin.inference.batch.predictions import predict_table
from hfskin.inference.decisions import malignant_columns, malignant_probability

from .runner import write_results

RESULTS = Path(__file__).resolve().parents[1] / "results" / "repeatability.json"
PARTS = ("val", "test")
QUANTILES = {"half": 0.5, "nine_in_ten": 0.9}


def main(
    data: Annotated[Path, typer.Option(help="HAM10000 folder.")],
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint folder.")] = EMBEDDED_CHECKPOINT,
) -> None:
    """Measure a checkpoint."""
    found = measure(make_split(load_ham10000(data), "lesion"), checkpoint)
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    write_results(RESULTS, before | {checkpoint.name: found})
    metrics = checkpoint / METRICS_FILE
    write_metrics(json.loads(metrics.read_text(encoding="utf-8")) | {"repeatability": found}, metrics)
    print(f"{checkpoint}: {found['difference']['nine_in_ten']}; next: hfskin card {checkpoint} -o model_cards")


def measure(table: pd.DataFrame, checkpoint: Path) -> dict:
    """
    Args:
        table: from `make_split`.
        checkpoint: a folder.

    Returns:
        measured, the checkpoint's digests; split; parts; pictures, lesions, pairs; difference, the quantiles of the
        difference of the malignant probability, 0 to 1, of a lesion's pairs, over lesions; changes, the share of them
        of which one raises the alarm and the other does not. Each with its 95 % interval over lesions.
    """
    rows = table[table["split"].isin(PARTS)]
    rows = rows[rows.duplicated("lesion_id", keep=False)].reset_index(drop=True)
    pipeline = load(checkpoint)
    answers = predict_table(pipeline, rows)
    malignant = malignant_probability(answers.probabilities, malignant_columns(pipeline.config))
    return {
        "measured": digests(pipeline.folder),
        "split": "lesion",
        "parts": PARTS,
        "pictures": len(rows),
        **repeatability(answers.lesion_ids, malignant, pipeline.config.malignant_threshold),
    }


def repeatability(lesion_ids: np.ndarray, malignant: np.ndarray, threshold: float) -> dict:
    """See [`measure`]. Every lesion counts the same, however many pictures there are of it.

    Args:
        lesion_ids: (N,), each twice or more.
        malignant: (N,) in [0, 1].
    """
    pairs = [
        (lesion, first, second)
        for lesion in np.unique(lesion_ids)
        for first, second in combinations(malignant[lesion_ids == lesion], 2)
    ]
    lesions, first, second = map(np.array, zip(*pairs, strict=True))
    bootstrap = LesionBootstrap(lesions)
    weights = bootstrap.weights(slice(None)) / np.bincount(bootstrap.lesion_of)[bootstrap.lesion_of]
    difference, changes = np.abs(first - second), (first >= threshold) != (second >= threshold)
    return {
        "lesions": bootstrap.n_lesions,
        "pairs": len(pairs),
        "difference": {name: interval(_quantiles(difference, weights, q)) for name, q in QUANTILES.items()},
        "changes": interval((weights * changes).sum(axis=1) / weights.sum(axis=1)),
    }


def _quantiles(values: np.ndarray, weights: np.ndarray, share: float) -> np.ndarray:
    """The least of the values (N,) up to which lies this share of each row of the weights (R, N): (R,)."""
    order = np.argsort(values)
    sums = weights[:, order].cumsum(axis=1)
    return values[order][(sums < share * sums[:, -1:]).sum(axis=1)]


if __name__ == "__main__":
    typer.run(main)
