"""Compare ways to tell lesions from other pictures, all on the features or logits of one checkpoint.

    python -m scripts.gates --data ../shared/ham10000 [--model CHECKPOINT]

Each is fitted to the training part, its threshold to the validation part (the same share passes for all), and judged on
the test part and on the pictures of `evaluation/negatives.py`, to which nothing is fitted. Writes results/gates.json
and renders docs/gates.md from it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from scipy.special import logsumexp
from sklearn.covariance import LedoitWolf
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

import hfskin
from hfskin.calibration.calibrate import ACCEPTED, COMPONENTS, training_features
from hfskin.calibration.gate import fit_gate_threshold
from hfskin.calibration.negatives import negatives
from hfskin.data.ham10000 import load_ham10000
from hfskin.data.splits import make_split
from hfskin.evaluation.bootstrap import LesionBootstrap
from hfskin.evaluation.gate import summarise_gate
from hfskin.inference.batch.predictions import predict_pictures, predict_table
from hfskin.inference.decisions import softmax
from hfskin.model.gate import FeatureGate

from .runner import write_page, write_results

ROOT = Path(__file__).resolve().parents[1]
NEIGHBOURS = 10
COLUMNS = ("AUROC, all", "AUROC, photographs", "refused, all", "refused, photographs", "lesions accepted")


def main(
    data: Annotated[Path | None, typer.Option(help="HAM10000 folder; without it only the page is rendered.")] = None,
    model: Annotated[str | None, typer.Option(help="Checkpoint folder; default the embedded one.")] = None,
    output: Annotated[Path, typer.Option(help="JSON to write.")] = ROOT / "results" / "gates.json",
    page: Annotated[Path, typer.Option(help="Markdown to render.")] = ROOT / "docs" / "gates.md",
) -> None:
    """Measure, where there is data, and render the page."""
    if data is not None:
        output.parent.mkdir(exist_ok=True)
        write_results(output, compare(data, model))
    write_page(page, render(json.loads(output.read_text(encoding="utf-8"))), typer.echo)


def compare(data: Path, model: str | None) -> dict:
    """By gate, what `summarise_gate` measures."""
    pipeline = hfskin.load(model, backend="torch")
    table = make_split(load_ham10000(data), "lesion")
    rows = {part: table[table["split"] == part].reset_index(drop=True) for part in ("train", "val", "test")}
    train, sizes = training_features(pipeline, rows["train"]), pipeline.model.image_model.feature_sizes
    val, test = (predict_table(pipeline, rows[part]) for part in ("val", "test"))
    others = {kind: predict_pictures(pipeline, images) for kind, images in negatives().items()}
    bootstrap = LesionBootstrap(test.lesion_ids)
    gates = {}
    for name, fit in GATES.items():
        score = fit(train, sizes)
        threshold = fit_gate_threshold(score(val.logits, val.features), ACCEPTED)
        scores = {kind: score(outputs.logits, outputs.features) for kind, outputs in others.items()}
        gates[name] = summarise_gate(score(test.logits, test.features), test.labels, bootstrap, scores, threshold)
    return {"model": model or "embedded", "accepted_of_validation": ACCEPTED, "gates": gates}


# A gate is fitted to training features (N, F), whose parts have these sizes, and then scores logits (n, 7) and features
# (n, F): higher is more like a lesion.
Score = Callable[[np.ndarray, np.ndarray], np.ndarray]
Fit = Callable[[np.ndarray, list[int]], Score]


def _ours(train: np.ndarray, sizes: list[int]) -> Score:
    gate = FeatureGate(sizes, COMPONENTS)
    gate.fit(torch.from_numpy(train))
    return lambda logits, features: gate(torch.from_numpy(features)).numpy()


def _last_map_alone(train: np.ndarray, sizes: list[int]) -> Score:
    score = _ours(train[:, -sizes[-1] :], sizes[-1:])
    return lambda logits, features: score(logits, features[:, -sizes[-1] :])


def _mahalanobis(train: np.ndarray, sizes: list[int]) -> Score:
    """Of the features as they are; one covariance, shrunk."""
    fitted = LedoitWolf().fit(train)
    return lambda logits, features: -fitted.mahalanobis(features)


def _nearest(transform: Callable[[np.ndarray], np.ndarray]) -> Fit:
    """Distance to the k-th nearest training picture (Sun et al. 2022)."""

    def fit(train: np.ndarray, sizes: list[int]) -> Score:
        index = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(transform(train))
        return lambda logits, features: -index.kneighbors(transform(features))[0][:, -1]

    return fit


def _forest(train: np.ndarray, sizes: list[int]) -> Score:
    """The related work's [4] choice."""
    fitted = IsolationForest(random_state=0).fit(train)
    return lambda logits, features: fitted.score_samples(features)


def _energy(train: np.ndarray, sizes: list[int]) -> Score:
    """Liu et al. 2020; nothing is fitted."""
    return lambda logits, features: logsumexp(logits, axis=1)


def _greatest_probability(train: np.ndarray, sizes: list[int]) -> Score:
    return lambda logits, features: softmax(logits).max(axis=1)


GATES: dict[str, Fit] = {
    "ours (`model/gate.py`)": _ours,
    "ours, of the last map alone": _last_map_alone,
    "Mahalanobis": _mahalanobis,
    f"{NEIGHBOURS} nearest, unit length": _nearest(normalize),
    f"{NEIGHBOURS} nearest, unit length of roots": _nearest(lambda x: normalize(np.sign(x) * np.sqrt(np.abs(x)))),
    "Isolation Forest": _forest,
    "energy": _energy,
    "greatest probability": _greatest_probability,
}


def render(result: dict) -> str:
    """The page as Markdown."""
    n = next(iter(result["gates"].values()))
    lines = [
        "# Ways to refuse a picture that is no lesion",
        "",
        "Rendered by `python -m scripts.gates`; do not edit. Features of one checkpoint "
        f"({result['model']}); every threshold lets {result['accepted_of_validation']:.0%} of the validation pictures "
        f"pass. Judged on {n['lesions']['n']} test lesions and {n['negatives']['all']['n']} other pictures "
        f"({n['negatives']['photographs']['n']} of them photographs and the like that libraries ship, the rest "
        "synthetic: text, screenshots, noise, bare skin), to which nothing was fitted. But our gate's "
        "feature maps and the share that passes were chosen by "
        "looking at some of these lesions and at these other pictures, so its row is "
        "kinder than a fresh set would be.",
        "",
        "| gate | " + " | ".join(COLUMNS) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for name, gate in result["gates"].items():
        both = gate["negatives"]["all"], gate["negatives"]["photographs"]
        cells = [f"{g['auroc']:.3f}" for g in both] + [f"{g['refused']:.1%}" for g in both]
        lines.append(f"| {name} | " + " | ".join([*cells, f"{gate['lesions']['accepted']['value']:.1%}"]) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    typer.run(main)
