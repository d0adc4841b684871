"""Plots from a report alone."""

import json

import numpy as np
import pytest
from PIL import Image

from hfskin.evaluation.bootstrap import LesionBootstrap
from hfskin.evaluation.calibration import summarise_calibration
from hfskin.evaluation.metrics import roc_curves, summarise
from hfskin.evaluation.plots import draw_confusion_matrix, draw_reliability, draw_roc, title_of, write_plots
from hfskin.model.labels import CLASSES


@pytest.fixture(scope="module")
def report():
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(140) % 7)
    logits = rng.normal(size=(140, 7)) + 2 * (labels[:, None] == np.arange(7))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    bootstrap = LesionBootstrap(np.arange(140), resamples=10)
    flat = (probabilities + 0.2) / 2.4
    before, after = (summarise_calibration(labels, answers, bootstrap) for answers in (flat, probabilities))
    results = {
        "metrics": summarise(labels, probabilities, bootstrap),
        "calibration": {"before": before, "after": after},
        "roc": roc_curves(labels, probabilities),
    }
    data = {"name": "simulated", "split": "paper", "part": "val", "images": 140, "leaks": True}
    return json.loads(json.dumps({"results": {"with_metadata": results}, "data": data}))


def test_three_small_pictures_are_written(report, tmp_path):
    paths = write_plots(report, tmp_path / "plots")
    assert [path.name for path in paths] == ["confusion_matrix.png", "roc.png", "reliability.png"]
    for path in paths:
        assert path.stat().st_size < 100_000
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert len(image.convert("RGB").getcolors(100_000)) > 20


def test_confusion_matrix_shows_every_count(report):
    metrics = report["results"]["with_metadata"]["metrics"]
    matrix = metrics["confusion_matrix"]
    axes = draw_confusion_matrix(metrics, "title").axes[0]
    assert [int(text.get_text()) for text in axes.texts] == [count for row in matrix for count in row]


def test_roc_has_a_curve_a_class(report):
    results = report["results"]["with_metadata"]
    axes = draw_roc(results["roc"], results["metrics"], "title").axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [label.split()[0] for label in labels] == list(CLASSES)
    assert labels[0].endswith(f"{results['metrics']['per_class']['akiec']['auc']['value']:.3f}")
    assert len({line.get_color() for line in axes.lines}) == 8


def test_reliability_shows_before_and_after_with_ece(report):
    calibration = report["results"]["with_metadata"]["calibration"]
    axes = draw_reliability(calibration, "title").axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    before, after = (calibration[state]["ece"]["value"] for state in ("before", "after"))
    assert labels[:2] == [f"before calibration, ECE {before:.3f}", f"after calibration, ECE {after:.3f}"]
    for line, state in zip(axes.lines[1:], ("before", "after"), strict=True):
        told = [y for y in calibration[state]["reliability"]["accuracy"] if y is not None]
        assert line.get_ydata() == pytest.approx(told)


def test_a_leaky_split_is_marked_on_the_picture(report):
    leaky, sound = (title_of(report["data"] | {"leaks": leaks}) for leaks in (True, False))
    assert leaky == f"{sound}\nLEAKS: pictures of one lesion stand on both sides"
    assert draw_roc({}, {"per_class": {}}, leaky).axes[0].get_title() == leaky
