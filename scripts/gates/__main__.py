"""How well a checkpoint's gate tells lesions from other things, at home and elsewhere, and other ways to do it.

    python -m scripts.gates --data ../shared/ham10000 --lesions-elsewhere ../shared/isic2020 \
        --negatives ../shared/negatives/photos [--copies ../shared/ham10000_224] [--model CHECKPOINT]

The checkpoint's gate is measured as it is. The others are fitted here to the same features, their thresholds to the
validation part, of which the same share passes for all. What judges was fitted to by none: the test part, and the
judging halves of the two folders and of what libraries ship. Writes results/gates.json and renders docs/gates.md.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

import hfskin
from hfskin.calibration.calibrate import gate_features
from hfskin.calibration.exposure import Exposure, fitting_half, read_exposure
from hfskin.data.ham10000 import load_ham10000
from hfskin.data.robustness import TRANSFORMS
from hfskin.data.splits import make_split
from hfskin.evaluation.gate import measure_gate, other_things, summarise_unusual
from hfskin.evaluation.metrics import weighted_auc
from hfskin.inference.batch.predictions import Outputs, predict_pictures, predict_table
from hfskin.inference.decisions import is_suspicious

from ..runner import write_page, write_results
from .page import render
from .ways import OF_LESIONS, Score, regression

ROOT = Path(__file__).resolve().parents[2]
EVERY = 3  # test picture is transformed
PASS = 0.99  # share of the validation pictures, for every gate that is compared


def main(
    data: Annotated[Path | None, typer.Option(help="HAM10000 folder; without it only the page is rendered.")] = None,
    lesions_elsewhere: Annotated[Path | None, typer.Option(help="See `hfskin calibrate`.")] = None,
    negatives: Annotated[Path | None, typer.Option(help="See `hfskin calibrate`.")] = None,
    copies: Annotated[Path | None, typer.Option(help="See `hfskin calibrate`.")] = None,
    model: Annotated[str | None, typer.Option(help="Checkpoint folder; default the embedded one.")] = None,
    output: Annotated[Path, typer.Option(help="JSON to write.")] = ROOT / "results" / "gates.json",
    page: Annotated[Path, typer.Option(help="Markdown to render.")] = ROOT / "docs" / "gates.md",
) -> None:
    """Measure, where there is data, and render the page."""
    if data is not None:
        if lesions_elsewhere is None or negatives is None:
            raise typer.BadParameter("--data needs --lesions-elsewhere and --negatives")
        write_results(output, measure(data, read_exposure(lesions_elsewhere, negatives, copies), model))
    write_page(page, render(json.loads(output.read_text(encoding="utf-8"))), typer.echo)


def measure(data: Path, exposure: Exposure, model: str | None) -> dict:
    """The checkpoint's gate by source, class and kind; what its "unusual" is worth; other ways to do it."""
    pipeline = hfskin.load(model, backend="torch")
    table = make_split(load_ham10000(data), "lesion")
    rows = {part: table[table["split"] == part].reset_index(drop=True) for part in ("train", "val", "test")}
    val, test = (predict_table(pipeline, rows[part]) for part in ("val", "test"))
    judging = exposure.lesions[~fitting_half(exposure.lesions["patient"])]
    judged: dict[str, Outputs] = {"home": test, "elsewhere": predict_pictures(pipeline, list(judging["path"]))}
    judged |= {kind: predict_pictures(pipeline, images) for kind, images in other_things(exposure).items()}
    at_home, shipped = gate_features(pipeline, rows["train"], Exposure())
    fitted: dict[str, Score] = {
        "ours: lesions against other things": regression(*gate_features(pipeline, rows["train"], exposure)),
        "the same, without the two folders": regression(at_home, shipped),
        **{name: fit(at_home) for name, fit in OF_LESIONS.items()},
    }
    return {
        "model": model or "embedded",
        "pass": PASS,
        "gate": measure_gate(pipeline, test, exposure),
        "unusual": _unusual(pipeline, rows["test"], judged["elsewhere"], judging["dx"] == "mel"),
        "compared": {name: _compare(score, val, judged) for name, score in fitted.items()},
    }


def _unusual(pipeline, test: pd.DataFrame, elsewhere: Outputs, melanoma: pd.Series) -> dict | None:
    """How often unusual answers and the others are wrong: under the transforms, and elsewhere (there the alarm, since
    little more is known than which are melanomas)."""
    config = pipeline.config
    limits = config.gate_threshold, config.unusual_threshold
    changed = [predict_table(pipeline, test[::EVERY], transform=transform) for transform in TRANSFORMS.values()]
    wrong = np.concatenate([p.logits.argmax(axis=1) != p.labels for p in changed])
    alarm = is_suspicious(elsewhere.probabilities, config.malignant_threshold) != melanoma.to_numpy()
    return {
        "transforms": summarise_unusual(np.concatenate([p.gate_scores for p in changed]), wrong, *limits),
        "elsewhere": summarise_unusual(elsewhere.gate_scores, alarm, *limits),
    }


def _compare(score: Score, val: Outputs, judged: Mapping[str, Outputs]) -> dict:
    """At the threshold that lets `PASS` of the validation pictures through: what passes, and AUROCs."""
    threshold = float(np.quantile(score(val), 1 - PASS))
    scores = {name: score(outputs) for name, outputs in judged.items()}
    home, elsewhere = scores.pop("home"), scores.pop("elsewhere")
    photographs = scores["photographs"]
    return {
        "home": float((home >= threshold).mean()),
        "elsewhere": float((elsewhere >= threshold).mean()),
        "photographs": float((photographs < threshold).mean()),
        "others": float((np.concatenate(list(scores.values())) < threshold).mean()),
        "auroc_home": _auroc(home, photographs),
        "auroc_elsewhere": _auroc(elsewhere, photographs),
    }


def _auroc(lesions: np.ndarray, others: np.ndarray) -> float:
    scores = np.concatenate([lesions, others])
    return float(weighted_auc(np.arange(len(scores)) < len(lesions), scores, np.ones((1, len(scores))))[0])


if __name__ == "__main__":
    typer.run(main)
