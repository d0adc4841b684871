"""Confusion matrix, ROC and reliability, drawn from a report of `evaluate` alone."""

from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from .calibration import BINS

# Okabe & Ito (2008), told apart by every kind of colour vision; without its yellow, which is faint on white.
COLOURS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#D55E00", "#0072B2", "#CC79A7")
SIZE = (5.0, 4.6)  # inches
DPI = 110


def write_plots(report: dict, folder: str | Path) -> list[Path]:
    """Write confusion_matrix.png, roc.png and reliability.png (with metadata) into `folder`, and return their paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    results, title = report["results"]["with_metadata"], title_of(report["data"])
    figures = {
        "confusion_matrix": draw_confusion_matrix(results["metrics"], title),
        "roc": draw_roc(results["roc"], results["metrics"], title),
        "reliability": draw_reliability(results["calibration"], title),
    }
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1], dpi=DPI)
    return paths


def title_of(data: dict) -> str:
    """What was measured on; a leaky split is marked."""
    title = f"{data['name']}, {data['split']} split, {data['part']}: {data['images']:,} pictures"
    return title + "\nLEAKS: pictures of one lesion stand on both sides" if data["leaks"] else title


def draw_confusion_matrix(metrics: dict, title: str) -> Figure:
    """Counts, coloured by their share of the row: the diagonal shows the recalls."""
    counts, classes = np.array(metrics["confusion_matrix"]), list(metrics["per_class"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = _figure(title)
    image = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(counts):
        axes.text(j, i, count, ha="center", va="center", color="black" if shares[i, j] > 0.5 else "white")
    axes.set(xticks=range(len(classes)), xticklabels=classes, yticks=range(len(classes)), yticklabels=classes)
    axes.set(xlabel="predicted", ylabel="truth")
    figure.colorbar(image, label="share of the row", shrink=0.8)
    return figure


def draw_roc(curves: dict[str, dict[str, list[float]]], metrics: dict, title: str) -> Figure:
    """One curve a class against the rest, with its area."""
    figure, axes = _figure(title)
    for name, colour in zip(metrics["per_class"], cycle(COLOURS), strict=False):
        if name in curves:
            area = metrics["per_class"][name]["auc"]["value"]
            axes.plot(curves[name]["fpr"], curves[name]["tpr"], color=colour, label=f"{name}  {area:.3f}")
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", linewidth=1)
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.01))
    if curves:
        axes.legend(title="area under the curve", loc="lower right", frameon=False)
    return figure


def draw_reliability(calibration: dict, title: str) -> Figure:
    """Accuracy by confidence before and after the temperature, and how many pictures each bin holds after it."""
    figure, axes = _figure(title)
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", linewidth=1)
    for state, colour, marker in (("before", COLOURS[4], "s"), ("after", COLOURS[5], "o")):
        curve, ece = calibration[state]["reliability"], calibration[state]["ece"]["value"]
        points = [(x, y) for x, y in zip(curve["confidence"], curve["accuracy"], strict=True) if x is not None]
        axes.plot(*zip(*points, strict=True), color=colour, marker=marker, label=f"{state} calibration, ECE {ece:.3f}")
    count = np.array(calibration["after"]["reliability"]["count"])
    axes.bar((np.arange(BINS) + 0.5) / BINS, count / count.sum(), 0.9 / BINS, color="lightgrey", zorder=0,
             label="share of pictures")  # fmt: skip
    axes.set(xlabel="probability of the predicted class", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1.01))
    # Below: inside it would cover the curves.
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, frameon=False)
    return figure


def _figure(title: str):
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=9)
    return figure, axes
