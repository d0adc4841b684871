"""How well a checkpoint's gate tells lesions from other things, at home and elsewhere, and other ways to do it.

    python -m scripts.gates --data ../shared/ham10000 --lesions-elsewhere ../shared/isic2020 \
        --negatives ../shared/negatives/photos [--copies ../shared/ham10000_224] [--model CHECKPOINT]

The checkpoint's gate is measured as it is. The others are fitted here to the same features, their thresholds to the
validation part, of which the same share passes for all. What judges was fitted to by none: the test part, and the
judging halves of the two folders and of what libraries ship. Writes results/gates.json and renders docs/gates.md.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
import typer
from scipy.special import logsumexp
from sklearn.covariance import LedoitWolf
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

import hfskin
from hfskin.calibration.calibrate import gate_features
from hfskin.calibration.exposure import Exposure, fitting_half, read_exposure
from hfskin.calibration.gate import fitted_gate
from hfskin.data.ham10000 import load_ham10000
from hfskin.data.robustness import TRANSFORMS
from hfskin.data.splits import make_split
from hfskin.evaluation.gate import measure_gate, other_things, summarise_unusual
from hfskin.evaluation.metrics import weighted_auc
from hfskin.inference.batch.predictions import Outputs, predict_pictures, predict_table
from hfskin.inference.decisions import is_suspicious, softmax
from hfskin.model.gate import roots
from hfskin.model.labels import CLASSES

from .runner import write_page, write_results

ROOT = Path(__file__).resolve().parents[1]
NEIGHBOURS = 10
COMPONENTS = 64
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
        output.parent.mkdir(exist_ok=True)
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
        "ours: lesions against other things": _regression(*gate_features(pipeline, rows["train"], exposure)),
        "the same, without the two folders": _regression(at_home, shipped),
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


def _compare(score: "Score", val: Outputs, judged: Mapping[str, Outputs]) -> dict:
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


# Higher is more like a lesion: (N,) of N pictures.
Score = Callable[[Outputs], np.ndarray]


def _regression(lesions: np.ndarray, others: np.ndarray) -> Score:
    gate = fitted_gate(lesions, others)
    return lambda outputs: gate(torch.from_numpy(outputs.features)).numpy()


def _mahalanobis(train: np.ndarray) -> Score:
    """Lee et al. 2018, of the roots of the features; one covariance, shrunk."""
    fitted = LedoitWolf().fit(_roots(train))
    return lambda outputs: -fitted.mahalanobis(_roots(outputs.features))


def _subspace(train: np.ndarray) -> Score:
    """Mahalanobis distance in the leading subspace and what lies outside it, as in ViM (Wang et al. 2022): much like
    hfskin's gate before this one."""
    values = _roots(train)
    mean = values.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.cov(values.T))
    basis, kept, rest = vectors[:, -COMPONENTS:], variances[-COMPONENTS:], variances[:-COMPONENTS].sum()

    def score(outputs: Outputs) -> np.ndarray:
        centred = _roots(outputs.features) - mean
        inside = centred @ basis
        outside = (centred**2).sum(axis=1) - (inside**2).sum(axis=1)
        return -((inside**2 / kept).mean(axis=1) + outside / rest)

    return score


def _nearest(train: np.ndarray) -> Score:
    """Distance to the k-th nearest training picture (Sun et al. 2022)."""
    index = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(normalize(_roots(train)))
    return lambda outputs: -index.kneighbors(normalize(_roots(outputs.features)))[0][:, -1]


def _isolation_forest(train: np.ndarray) -> Score:
    """Li et al. 2020, on the features before the classifier; from the paper's related work."""
    fitted = IsolationForest(random_state=0).fit(_roots(train))
    return lambda outputs: fitted.score_samples(_roots(outputs.features))


def _energy(train: np.ndarray) -> Score:
    """Liu et al. 2020; nothing is fitted."""
    return lambda outputs: logsumexp(outputs.logits, axis=1)


def _greatest_probability(train: np.ndarray) -> Score:
    return lambda outputs: softmax(outputs.logits).max(axis=1)


def _roots(features: np.ndarray) -> np.ndarray:
    return roots(torch.from_numpy(features)).numpy()


# Fitted to the features (N, F) of training pictures alone, as they are and changed: unlike them is refused.
OF_LESIONS: dict[str, Callable[[np.ndarray], Score]] = {
    "Mahalanobis": _mahalanobis,
    "subspace and residual": _subspace,
    f"{NEIGHBOURS} nearest": _nearest,
    "Isolation Forest": _isolation_forest,
    "energy": _energy,
    "greatest probability": _greatest_probability,
}


def render(result: dict) -> str:
    """The page as Markdown."""
    gate = result["gate"]
    kinds = gate["negatives"]["kinds"]
    lines = [
        "# The gate: is this a dermatoscopic picture of a lesion?",
        "",
        "Rendered by `python -m scripts.gates`; do not edit. The gate is a logistic regression on the network's own "
        "features, fitted to lesions (HAM10000's training part as it is and changed, the fitting half of ISIC 2020) "
        "against photographs of other things, pictures that libraries ship, and synthetic ones. What judges it here "
        "are pictures that were not fitted to: the test part, the other half of the patients of ISIC 2020, the "
        f"other half of the photographs. Model: {result['model']}; a score below {gate['threshold']:.2f} (log-odds) is "
        "refused. Intervals are 95 %: over lesions at home, over patients elsewhere, Wilson's for other things and "
        "where all or none passed.",
        "",
        "## Lesions accepted",
        "",
        "| source | class | pictures | accepted |",
        "|---|---|---|---|",
    ]
    names = {"home": "home (HAM10000, test)"} | {name: name for name in gate["elsewhere"]}
    for name, source in {"home": gate["lesions"], **gate["elsewhere"]}.items():
        lines += _rows(names[name], source)
    lines += ["", "## Other things refused", "", "| kind | pictures | refused |", "|---|---|---|"]
    lines += [f"| {kind} | {row['n']} | {_share(row['refused'])} |" for kind, row in kinds.items()]
    lines += [
        "",
        "Packages' pictures count whole and as their four quarters; among scikit-image's are a retina and stained "
        "tissue, which come closest to a lesion.",
        "",
        *_unusual_lines({"home": gate["unusual"], **result["unusual"]}),
        "## Other ways",
        "",
        f"Each lets {result['pass']:.0%} of the validation pictures pass; those below the first two know HAM10000's "
        "training pictures alone and refuse what is unlike them. That is why they refuse lesions from other clinics.",
        "",
        "| gate | home accepted | elsewhere accepted | photographs refused | all other things refused | AUROC, home "
        "against photographs | AUROC, elsewhere against photographs |",
        "|---" * 7 + "|",
    ]
    for name, row in result["compared"].items():
        cells = [f"{row[k]:.1%}" for k in ("home", "elsewhere", "photographs", "others")]
        cells += [f"{row[k]:.4f}" for k in ("auroc_home", "auroc_elsewhere")]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _unusual_lines(measured: dict[str, dict | None]) -> list[str]:
    """The section on "unusual" answers; none where the checkpoint marks none."""
    if measured["home"] is None:
        return []
    lines = [
        "## Unusual answers",
        "",
        f"A lesion that passes with a score below {measured['home']['threshold']:.2f} is answered, and called unusual. "
        "Elsewhere little more is known than whether a lesion is a melanoma, so there an error is a false alarm or "
        "a missed melanoma.",
        "",
        "| pictures | unusual | of them wrong | of the others wrong |",
        "|---|---|---|---|",
    ]
    names = {
        "home": "home (HAM10000, test)",
        "transforms": "the same, transformed",
        "elsewhere": "elsewhere: the alarm",
    }
    for name, row in measured.items():
        unusual, others = row["unusual"], row["others"]
        share = unusual["n"] / (unusual["n"] + others["n"])
        lines.append(f"| {names[name]} | {unusual['n']} ({share:.1%}) | {_share(unusual)} | {_share(others)} |")
    return [*lines, ""]


def _rows(name: str, source: dict) -> list[str]:
    order = [c for c in (*CLASSES, "unknown") if c in source["per_class"]]
    rows = [("all", source), *((c, source["per_class"][c]) for c in order)]
    return [f"| {name} | {c} | {row['n']} | {_share(row['accepted'])} |" for c, row in rows]


def _share(measured: dict) -> str:
    return f"{measured['value']:.1%} [{measured['low']:.1%}, {measured['high']:.1%}]"


if __name__ == "__main__":
    typer.run(main)
