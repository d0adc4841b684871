"""docs/related_work.md from the rows that were measured."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ..markdown import markdown_table

BASELINE = "weighted cross-entropy, the paper's branch"


@dataclass(frozen=True)
class Work:
    """A method of the related work: who, what is compared, and with what."""

    who: str
    method: str  # a name of `methods.METHODS`
    against: str = BASELINE


WORKS = (
    Work("Garg et al. [3]", "Random Forest"),
    Work("Garg et al. [3]", "support vectors"),
    Work("Garg et al. [3]", "XGBoost"),
    Work("Gessert et al. [10]", "two-layer metadata network"),
    Work("Nguyen et al., the paper", BASELINE, "no metadata"),
    Work("the usual comparison", "focal loss"),
    Work("Yao et al. [12]", "multi-weighted new loss"),
    Work("Yao et al. [12]", "multi-weighted new loss, cumulative", "multi-weighted new loss"),
    Work("Xing et al. [2]", "relation-preserving contrastive", "hidden layer"),
    Work("Alberti et al. [8]", "matrix transformation, spectral", "flattened map"),
    Work("Alberti et al. [8]", "matrix transformation, spectral", "matrix transformation, identity"),
    Work("Poduval et al. [11]", "functional variational inference", "Gaussian logits"),
)

# What has code and a test, and no run behind it.
NOT_RUN = (
    ("Mahbod et al. [15], Lee et al. [16]", "segmentation first: U-Net, crop, mask, padding", "segmentation.py"),
    ("Li et al. [4]", "Isolation Forest among the gates; the next run of `scripts.gates` has it", "scripts/gates.py"),
    ("Young et al. [6]", "Kernel SHAP on superpixels", "kernel_shap.py"),
)

INTRODUCTION = """\
# What the paper's related work proposes, measured

Rendered by `python -m scripts.related_work` from results/related_work.json; do not edit.

Every method stands beside its own absence, all else alike. Heads learn on the last map of a **frozen**
MobileNetV3-Small (ImageNet, 128x128, HAM10000 at 200x150), with the patient's metadata: short runs on purpose, which
say whether a method helps here and not what it does in a network that is trained whole. Seed s fits the temperature on
tenth 1 + s of the lesions and judges by tenth 5 + s; tenth 0, the test part of the published models, is in none. A
difference, in brackets, is the mean over the seeds of the difference to the run it is compared with, ± half the width
of its 95 % interval by Student's t: one that is smaller says nothing. NLL is in nats, lower is better, ECE too. What
the original papers claim was measured on other networks and splits, and is not repeated here: their numbers could not
be looked up where this was written.
"""


def render_page(rows: list[dict]) -> str:
    """The page as Markdown."""
    by_method: dict[str, dict[int, dict]] = {}
    for row in rows:
        by_method.setdefault(row["method"], {})[row["seed"]] = row
    lines = []
    not_run = [list(entry) for entry in NOT_RUN]
    for work in WORKS:
        mine, other = by_method.get(work.method, {}), by_method.get(work.against, {})
        seeds = sorted(mine.keys() & other.keys())
        if not seeds:
            not_run.append([work.who, work.method, "methods.py"])
            continue
        cells = [
            f"{_mean(mine, seeds, key)} ({_difference(mine, other, seeds, key)})"
            for key in ("bma", "auc", "nll", "ece")
        ]
        minutes = sum(mine[seed]["seconds"] for seed in seeds) / 60
        lines.append([work.who, work.method, work.against, str(len(seeds)), *cells, f"{minutes:.1f}"])
    columns = ["whose", "method", "compared with", "seeds", "BMA", "AUC", "NLL", "ECE", "CPU minutes"]
    parts = [INTRODUCTION.strip(), markdown_table(columns, lines) if lines else "Nothing was run yet."]
    parts += ["## Code and test, not yet run", markdown_table(["whose", "method", "where"], not_run)]
    return "\n\n".join(parts) + "\n"


def _mean(rows: dict[int, dict], seeds: list[int], key: str) -> str:
    return f"{np.mean([rows[seed][key] for seed in seeds]):.3f}"


def _difference(mine: dict[int, dict], other: dict[int, dict], seeds: list[int], key: str) -> str:
    pairs = [mine[seed][key] - other[seed][key] for seed in seeds]
    if len(pairs) == 1:
        return f"{pairs[0]:+.3f}"
    half_width = stats.t.ppf(0.975, len(pairs) - 1) * np.std(pairs, ddof=1) / len(pairs) ** 0.5
    return f"{np.mean(pairs):+.3f} ± {half_width:.3f}"
