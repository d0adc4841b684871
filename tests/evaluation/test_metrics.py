"""Metrics against scikit-learn and against the ISIC challenge's own scorer."""

import numpy as np
import pandas as pd
import pytest
from isic_challenge_scoring.classification import ClassificationMetric, ClassificationScore
from sklearn import metrics as sk

from hfskin.evaluation.bootstrap import LesionBootstrap, interval
from hfskin.evaluation.metrics import class_rates, confusion_matrices, roc_curves, summarise, weighted_auc
from hfskin.model.labels import CLASSES


@pytest.fixture(scope="module")
def random_data():
    """600 pictures of 300 lesions, imbalanced, better than chance, rounded so that scores tie."""
    rng = np.random.default_rng(0)
    lesions = np.arange(600) // 2
    labels = rng.choice(7, 300, p=[0.05, 0.08, 0.12, 0.05, 0.15, 0.5, 0.05])[lesions]
    logits = rng.normal(size=(600, 7)) + 1.5 * (labels[:, None] == np.arange(7))
    probabilities = np.exp(logits).round(1) + 0.05
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True), lesions.astype(str)


@pytest.fixture(scope="module")
def summary(random_data):
    labels, probabilities, lesions = random_data
    return summarise(labels, probabilities, LesionBootstrap(lesions))


def test_rates_agree_with_scikit_learn(random_data, summary):
    labels, probabilities, _ = random_data
    predicted = probabilities.argmax(axis=1)
    report = sk.precision_recall_fscore_support(labels, predicted, labels=range(7), zero_division=0)
    for c, name in enumerate(CLASSES):
        mine = summary["per_class"][name]
        values = [mine[rate]["value"] for rate in ("precision", "sensitivity", "f1")]
        assert values == pytest.approx([column[c] for column in report[:3]])
        assert mine["n"] == report[3][c]
        is_class = labels == c, predicted == c
        assert mine["specificity"]["value"] == pytest.approx(sk.recall_score(*is_class, pos_label=False))
        assert mine["accuracy"]["value"] == pytest.approx(sk.accuracy_score(*is_class))
        assert mine["class_balanced_accuracy"]["value"] == pytest.approx(sk.balanced_accuracy_score(*is_class))
    assert summary["accuracy"]["value"] == pytest.approx(sk.accuracy_score(labels, predicted))
    assert summary["bma"]["value"] == pytest.approx(sk.balanced_accuracy_score(labels, predicted))
    assert summary["macro"]["f1"]["value"] == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    assert summary["confusion_matrix"] == sk.confusion_matrix(labels, predicted).tolist()


def test_aucs_agree_with_scikit_learn(random_data, summary):
    labels, probabilities, _ = random_data
    truth = np.eye(7)[labels]
    by_class = sk.roc_auc_score(truth, probabilities, average=None)
    assert [summary["per_class"][c]["auc"]["value"] for c in CLASSES] == pytest.approx(list(by_class))
    assert summary["auc_macro"]["value"] == pytest.approx(sk.roc_auc_score(truth, probabilities, average="macro"))
    assert summary["auc_micro"]["value"] == pytest.approx(sk.roc_auc_score(truth, probabilities, average="micro"))


def test_weighted_auc_agrees_with_scikit_learn(random_data):
    labels, probabilities, _ = random_data
    weights = np.random.default_rng(1).integers(0, 4, (3, len(labels))).astype(float)
    mine = weighted_auc(labels == 5, probabilities[:, 5], weights)
    theirs = [sk.roc_auc_score(labels == 5, probabilities[:, 5], sample_weight=w) for w in weights]
    assert mine == pytest.approx(theirs)


def test_roc_curve_lies_on_scikit_learns(random_data):
    labels, probabilities, _ = random_data
    curve = roc_curves(labels, probabilities)["mel"]
    fpr, tpr, _ = sk.roc_curve(labels == 4, probabilities[:, 4], drop_intermediate=False)
    for x, y in zip(curve["fpr"], curve["tpr"], strict=True):
        assert y == pytest.approx(tpr[fpr <= x + 1e-12].max(), abs=1e-4)


def test_bma_is_the_isic_challenges(random_data):
    labels, probabilities, _ = random_data
    # The challenge has no class for a tie, so it must not come to that.
    probabilities = probabilities + np.random.default_rng(2).uniform(0, 1e-6, probabilities.shape)
    frame = {"columns": list(CLASSES), "index": [f"ISIC_{i}" for i in range(len(labels))]}
    weights = pd.DataFrame({"score_weight": 1.0, "validation_weight": 1.0}, index=frame["index"])
    score = ClassificationScore(
        pd.DataFrame(np.eye(7)[labels], **frame),
        pd.DataFrame(probabilities, **frame),
        weights,
        ClassificationMetric.BALANCED_ACCURACY,
    )
    mine = summarise(labels, probabilities, LesionBootstrap(np.array(frame["index"]), resamples=2))
    assert mine["bma"]["value"] == pytest.approx(score.overall, abs=1e-12)
    assert mine["auc_macro"]["value"] == pytest.approx(score.macro_average["auc"], abs=1e-12)


def test_f1_is_not_the_papers_misprint():
    confusion = np.zeros((7, 7))
    confusion[0, :2], confusion[1, :2] = (3, 1), (2, 4)
    assert class_rates(confusion)["f1"][0] == pytest.approx(6 / 9)  # with + TN = 4 it would be 6 / 13


def test_class_without_pictures_is_none_and_left_out_of_the_averages():
    labels = np.array([0, 0, 1, 1])
    probabilities = np.eye(7)[[0, 2, 1, 1]] * 0.9 + 0.1 / 7
    summary = summarise(labels, probabilities, LesionBootstrap(np.array(list("abcd"))))
    assert summary["per_class"]["bkl"]["precision"] == {"value": None, "low": None, "high": None}
    assert summary["per_class"]["bkl"]["n"] == 0
    assert summary["bma"]["value"] == pytest.approx(0.75)
    assert summary["auc_macro"]["value"] is not None


def test_resamples_equal_a_plain_loop_over_lesions(random_data):
    labels, probabilities, lesions = random_data
    bootstrap = LesionBootstrap(lesions, resamples=5)
    predicted = probabilities.argmax(axis=1)
    confusions = confusion_matrices(labels, predicted, bootstrap)
    names = np.unique(lesions)
    for r, counts in enumerate(bootstrap.counts):
        drawn = np.repeat(names, counts.astype(int))
        rows = np.concatenate([np.flatnonzero(lesions == name) for name in drawn])
        assert confusions[r].tolist() == sk.confusion_matrix(labels[rows], predicted[rows], labels=range(7)).tolist()


def test_pictures_of_one_lesion_widen_the_interval():
    right = np.repeat(np.random.default_rng(0).random(200) < 0.7, 5).astype(float)
    lesions = np.repeat(np.arange(200), 5)
    by_lesion = interval(LesionBootstrap(lesions).means(right))
    by_picture = interval(LesionBootstrap(np.arange(1000)).means(right))
    assert by_lesion["value"] == by_picture["value"]
    width = by_lesion["high"] - by_lesion["low"]
    assert width == pytest.approx(2 * 1.96 * np.sqrt(0.7 * 0.3 / 200), rel=0.15)
    assert width > 1.8 * (by_picture["high"] - by_picture["low"])
