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
import torch
import typer
from scipy.special import logsumexp
from sklearn.covariance import LedoitWolf
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

import hfskin
from hfskin.calibration.calibrate import gate_features
from hfskin.calibration.exposure import Exposure, fitting_half, read_exposure
from hfskin.calibration.gate import fit_gate
from hfskin.data.ham10000 import load_ham10000
from hfskin.data.splits import make_split
from hfskin.evaluation.gate import measure_gate, other_things
from hfskin.evaluation.metrics import weighted_auc
from hfskin.evaluation.report import write_metrics
from hfskin.inference.base import softmax
from hfskin.inference.batch.predictions import Predictions, predict_pictures, predict_table
from hfskin.model.gate import roots
from hfskin.model.labels import CLASSES

ROOT = Path(__file__).resolve().parents[1]
NEIGHBOURS = 10
COMPONENTS = 64
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
        write_metrics(measure(data, read_exposure(lesions_elsewhere, negatives, copies), model), output)
    page.write_text(render(json.loads(output.read_text())), encoding="utf-8")
    typer.echo(f"wrote {page}")


def measure(data: Path, exposure: Exposure, model: str | None) -> dict:
    """The checkpoint's gate by source, class and kind, and by way of refusing what passes it."""
    pipeline = hfskin.load(model)
    network, processor = pipeline.model, pipeline.image_processor
    table = make_split(load_ham10000(data), "lesion")
    rows = {part: table[table["split"] == part].reset_index(drop=True) for part in ("train", "val", "test")}
    test = predict_table(network, processor, rows["test"])
    report = measure_gate(network, processor, test, exposure)
    judged = {"home": test, "elsewhere": _elsewhere(network, processor, exposure)}
    for kind, images in other_things(exposure).items():
        logits, features, _ = predict_pictures(network, processor, images)
        judged[kind] = Predictions(logits, features, None, np.empty(0), np.empty(0))
    val = predict_table(network, processor, rows["val"])
    lesions, others = gate_features(network, processor, rows["train"], exposure)
    at_home, shipped = gate_features(network, processor, rows["train"], Exposure())
    fitted: dict[str, Score] = {
        "ours: lesions against other things": _regression(network, lesions, others),
        "the same, without the two folders": _regression(network, at_home, shipped),
        **{name: fit(predict_table(network, processor, rows["train"]).features) for name, fit in OF_LESIONS.items()},
    }
    compared = {name: _compare(score, val, judged) for name, score in fitted.items()}
    return {"model": model or "embedded", "pass": PASS, "gate": report, "compared": compared}


def _elsewhere(network, processor, exposure: Exposure) -> Predictions:
    paths = exposure.lesions["path"][~fitting_half(exposure.lesions["patient"])]
    logits, features, scores = predict_pictures(network, processor, paths)
    return Predictions(logits, features, scores, np.empty(0), np.empty(0))


def _compare(score: "Score", val: Predictions, judged: Mapping[str, Predictions]) -> dict:
    """At the threshold that lets `PASS` of the validation pictures through: what passes, and AUROCs."""
    threshold = float(np.quantile(score(val), 1 - PASS))
    scores = {name: score(predictions) for name, predictions in judged.items()}
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


# Higher is more like a lesion: (N,) of N predictions.
Score = Callable[[Predictions], np.ndarray]


def _regression(network, lesions: np.ndarray, others: np.ndarray) -> Score:
    before, told = network.gate, network.config.gate
    fit_gate(network, lesions, others)
    gate, network.gate, network.config.gate = network.gate.cpu(), before, told
    return lambda predictions: gate(torch.from_numpy(predictions.features)).numpy()


def _mahalanobis(train: np.ndarray) -> Score:
    """Lee et al. 2018, of the roots of the features; one covariance, shrunk."""
    fitted = LedoitWolf().fit(_roots(train))
    return lambda predictions: -fitted.mahalanobis(_roots(predictions.features))


def _subspace(train: np.ndarray) -> Score:
    """Mahalanobis distance in the leading subspace and what lies outside it, as in ViM (Wang et al. 2022): much like
    hfskin's gate before this one."""
    values = _roots(train)
    mean = values.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.cov(values.T))
    basis, kept, rest = vectors[:, -COMPONENTS:], variances[-COMPONENTS:], variances[:-COMPONENTS].sum()

    def score(predictions: Predictions) -> np.ndarray:
        centred = _roots(predictions.features) - mean
        inside = centred @ basis
        outside = (centred**2).sum(axis=1) - (inside**2).sum(axis=1)
        return -((inside**2 / kept).mean(axis=1) + outside / rest)

    return score


def _nearest(train: np.ndarray) -> Score:
    """Distance to the k-th nearest training picture (Sun et al. 2022)."""
    index = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(normalize(_roots(train)))
    return lambda predictions: -index.kneighbors(normalize(_roots(predictions.features)))[0][:, -1]


def _energy(train: np.ndarray) -> Score:
    """Liu et al. 2020; nothing is fitted."""
    return lambda predictions: logsumexp(predictions.logits, axis=1)


def _greatest_probability(train: np.ndarray) -> Score:
    return lambda predictions: softmax(predictions.logits).max(axis=1)


def _roots(features: np.ndarray) -> np.ndarray:
    return roots(torch.from_numpy(features)).numpy()


# Fitted to the features (N, F) of the training part alone: unlike them is refused.
OF_LESIONS: dict[str, Callable[[np.ndarray], Score]] = {
    "Mahalanobis": _mahalanobis,
    "subspace and residual": _subspace,
    f"{NEIGHBOURS} nearest": _nearest,
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
        "refused. Intervals are 95 %: over lesions at home, over patients elsewhere, Wilson's for other things.",
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
        cells += [f"{row[k]:.3f}" for k in ("auroc_home", "auroc_elsewhere")]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _rows(name: str, source: dict) -> list[str]:
    order = [c for c in (*CLASSES, "unknown") if c in source["per_class"]]
    rows = [("all", source), *((c, source["per_class"][c]) for c in order)]
    return [f"| {name} | {c} | {row['n']} | {_share(row['accepted'])} |" for c, row in rows]


def _share(measured: dict) -> str:
    return f"{measured['value']:.1%} [{measured['low']:.1%}, {measured['high']:.1%}]"


if __name__ == "__main__":
    typer.run(main)
