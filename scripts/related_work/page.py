"""docs/related_work.md from the rows that were measured."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ..markdown import markdown_table
from .explained import PICTURES
from .methods import BASELINE

MIRRORED = "mirrored alone"
STRETCHED = "whole picture, stretched"


@dataclass(frozen=True)
class Work:
    """A paper of the related work.

    Args:
        who: its authors, and its number in the paper's references.
        claim: what it reports, and on which data.
        source: where that stands.
        compared: its methods, names of the catalogue, each with what it is compared with.
    """

    who: str
    claim: str
    source: str
    compared: dict[str, str]


def _arxiv(number: str) -> str:
    return f"https://arxiv.org/abs/{number}"


WORKS = (
    Work("Nguyen et al., the paper", "metadata and weighted loss: accuracy .81 of MobileNetV2, 90/10 by picture",
         "https://doi.org/10.3390/s22197530", {BASELINE: "no metadata"}),
    Work("Garg et al. (3)", "ResNet by transfer learning 90.5 % accuracy, their own CNN F1 .77; HAM10000; "
         "the abstract is silent on forests and vectors", _arxiv("1912.03798"),
         dict.fromkeys(("Random Forest", "support vectors", "XGBoost"), BASELINE)),
    Work("Gessert et al. (10)", "first of ISIC 2019: BMA 63.6 % on its test set without metadata, 63.4 % with it; 74.2 "
         "% in five folds of 25,000 pictures", _arxiv("1910.03910"),
         {"two-layer metadata network": BASELINE, "three resolutions": "three heads of one resolution"}),
    Work("the usual comparison", "Lin et al. 2017; object detection", _arxiv("1708.02002"), {"focal loss": BASELINE}),
    Work("Yao et al. (12)", "all together: one network as good as ensembles or better; Derm7PT, ISIC 2017 to 2019",
         _arxiv("2102.01284"),
         {"multi-weighted new loss": BASELINE, "multi-weighted new loss, cumulative": "multi-weighted new loss",
          "RandAugment": MIRRORED, "DropBlock": MIRRORED}),
    Work("Nadipineni (9)", "accuracy .886, with other augmentation, segmentation and ten folds; dermoscopic pictures",
         _arxiv("2008.09418"), {"CutOut": MIRRORED}),
    Work("Xing et al. (2)", "superior to the methods before it; HAM10000 and APTOS", _arxiv("2107.03225"),
         {"relation-preserving contrastive": "hidden layer"}),
    Work("Mahbod et al. (15)", "cropping helps seborrheic keratosis, not melanoma; without the background all is worse"
         "; ISIC 2017", _arxiv("2008.12602"),
         {"lesion cut out": STRETCHED, "surroundings masked": STRETCHED}),
    Work("Lee et al. (16)", "score .899 on validation and .785 on test data, padded, as an ensemble; ISIC 2018",
         _arxiv("1808.03426"), {"whole picture, padded": STRETCHED}),
    Work("Alberti et al. (8)", "accuracy +2.2 % on average over their data sets, HAM10000 too; a spectral start "
         "converges faster than a random one", _arxiv("1911.05045"),
         {"matrix transformation, spectral": "flattened map", "matrix transformation, identity": "flattened map"}),
    Work("Poduval et al. (11)", "better calibrated than Bayesian networks at less cost; skin lesions",
         _arxiv("2005.11797"),
         {"functional variational inference": "Gaussian logits", "deep ensemble of five": "hidden layer"}),
)  # fmt: skip

INTRODUCTION = """\
# What the paper's related work proposes, measured

Rendered by `python -m scripts.related_work` from results/related_work.json; do not edit. Not a medical device.

Every method stands beside its own absence, all else alike: short runs on purpose, which say whether a method helps here
and not what it does in a large network that is trained for days. Seed s fits the temperature on tenth 1 + s of the
lesions and judges by tenth 5 + s; tenth 0, the test part of the published models, is in none. A difference, in
brackets, is the mean over the seeds of the difference to the run it is compared with, ± half the width of its 95 %
interval by Student's t: one that is smaller says nothing, and one seed has no interval. NLL is in nats, lower is
better, ECE too; "strange" is the AUROC at which the greatest probability tells lesions from photographs of other things
(0.5 is chance, below it the network is surer of the photographs).

Heads learn on the last map of a **frozen** MobileNetV3-Small (ImageNet, 128x128, HAM10000 at 200x150) with the
patient's metadata. CutOut, RandAugment and DropBlock need more, and a whole MobileNetV3-Small is trained for three
epochs at 96x72. What the authors claim is from their abstracts: other networks, other splits, whole systems.
"""


def render_page(rows: list[dict]) -> str:
    """The page as Markdown."""
    by_method: dict[str, dict[int, dict]] = {}
    for row in rows:
        by_method.setdefault(row["method"], {})[row["seed"]] = row
    lines, not_run = [], []
    for work in WORKS:
        for method, against in work.compared.items():
            mine, other = by_method.get(method, {}), by_method.get(against, {})
            seeds = sorted(mine.keys() & other.keys())
            if not seeds:
                not_run.append(method)
                continue
            figures = (_figure(mine, other, seeds, key) for key in ("bma", "auc", "nll", "ece", "strange"))
            said = "" if lines and lines[-1][0] == _whose(work) else work.claim
            lines.append([_whose(work), said, method, against, str(len(seeds)), *figures, _minutes(mine, seeds)])
    columns = ["whose", "their claim, their data", "method", "compared with", "seeds", "BMA", "AUC", "NLL", "ECE",
               "strange", "CPU minutes"]  # fmt: skip
    parts = [INTRODUCTION.strip(), markdown_table(columns, lines) if lines else "Nothing was run yet."]
    parts += [part for section in (_segmentation, _gates, _explanations) for part in section(by_method)]
    if not_run:
        parts += ["## Code and test, not yet run", ", ".join(not_run)]
    return "\n\n".join(parts) + "\n"


def _whose(work: Work) -> str:
    return f"[{work.who}]({work.source})"


def _segmentation(by_method: dict[str, dict[int, dict]]) -> list[str]:
    """Dice by fold; a fold is a seed's."""
    rows = by_method.get("segmentation by a U-Net", {})
    if not rows:
        return []
    text = (
        "The U-Net behind the two rows of Mahbod et al. (and Lee et al., whose network begins with segmentation): a "
        "MobileNetV3-Small encoder, two epochs at 128x96 on the masks of the seed's training part. Mean Dice of the "
        "judged tenth, beside an ellipse in the middle of the picture, as large as the mean lesion."
    )
    lines = [
        [str(5 + seed), f"{row['dice']:.3f}", f"{row['ellipse']:.3f}", _minutes(rows, [seed])]
        for seed, row in sorted(rows.items())
    ]
    return ["## Segmentation", text, markdown_table(["tenth", "U-Net", "ellipse", "CPU minutes"], lines)]


def _gates(by_method: dict[str, dict[int, dict]]) -> list[str]:
    """Lesions against photographs."""
    lines = []
    for method in ("Isolation Forest", "tenth nearest"):
        rows = by_method.get(method, {})
        if rows:
            shares = (_mean(rows, sorted(rows), key) for key in ("strange", "accepted", "refused"))
            lines.append([method, str(len(rows)), *shares, _minutes(rows, sorted(rows))])
    if not lines:
        return []
    text = (
        f"[Li et al. (4)]({_arxiv('2003.09365')}) claim better detection of unseen kinds of lesions than by four "
        "other methods, by isolation forests on a network's features; HAM10000 among the data. Here a forest on the "
        "frozen network's pooled features, fitted to training lesions alone, has to tell the judged lesions from "
        "photographs of other things; the threshold lets 99 % of the calibration part pass. "
        "[docs/gates.md](gates.md) compares gates on a trained network, and on lesions from other clinics."
    )
    columns = ["gate", "seeds", "AUROC", "lesions accepted", "photographs refused", "CPU minutes"]
    return ["## Is it a lesion at all", text, markdown_table(columns, lines)]


def _explanations(by_method: dict[str, dict[int, dict]]) -> list[str]:
    """The share of each map's heat that lies in the lesion."""
    rows = by_method.get("Kernel SHAP", {})
    if not rows:
        return []
    text = (
        f"[Young et al. (6)]({_arxiv('1908.06612')}) claim that Grad-CAM and Kernel SHAP, on 30 networks trained on "
        "HAM10000, at times mark what has nothing to do with the lesion, and differ between networks that are equally "
        f"good. Here the embedded checkpoint's own answers on {PICTURES * len(rows)} validation pictures against their "
        "masks: the share of a map's heat inside the lesion, and how often its hottest place is inside. Kernel SHAP "
        f"asks 128 coalitions of about 30 superpixels; {_minutes(rows, sorted(rows))} CPU minutes."
    )
    names = list(next(iter(rows.values()))["maps"])
    means = {name: np.mean([row["maps"][name] for row in rows.values()], axis=0) for name in names}
    lines = [[name, f"{mass:.2f}", "" if name == "uniform" else f"{hit:.2f}"] for name, (mass, hit) in means.items()]
    return ["## Explanations", text, markdown_table(["map", "heat inside", "hottest place inside"], lines)]


def _minutes(rows: dict[int, dict], seeds: list[int]) -> str:
    return f"{sum(rows[seed]['seconds'] for seed in seeds) / 60:.1f}"


def _figure(mine: dict[int, dict], other: dict[int, dict], seeds: list[int], key: str) -> str:
    if key not in mine[seeds[0]]:
        return ""
    return f"{_mean(mine, seeds, key)} ({_difference(mine, other, seeds, key)})"


def _mean(rows: dict[int, dict], seeds: list[int], key: str) -> str:
    return f"{np.mean([rows[seed][key] for seed in seeds]):.3f}"


def _difference(mine: dict[int, dict], other: dict[int, dict], seeds: list[int], key: str) -> str:
    pairs = [mine[seed][key] - other[seed][key] for seed in seeds]
    if len(pairs) == 1:
        return f"{pairs[0]:+.3f}"
    half_width = stats.t.ppf(0.975, len(pairs) - 1) * np.std(pairs, ddof=1) / len(pairs) ** 0.5
    return f"{np.mean(pairs):+.3f} ± {half_width:.3f}"
