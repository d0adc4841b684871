"""Conformal prediction sets on simulated data, where the coverage is known."""

import numpy as np
import pytest

from hfskin.calibration.conformal import fit_conformal_threshold
from hfskin.evaluation.bootstrap import LesionBootstrap
from hfskin.evaluation.sets import summarise_sets
from hfskin.inference.decisions import prediction_sets, softmax


def simulate(rng, n):
    """Overconfident probabilities and labels: coverage must not need calibration."""
    logits = rng.normal(scale=1.5, size=(n, 7))
    labels = (softmax(logits).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return labels, softmax(logits * 2)


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_coverage_on_new_data_is_at_least_as_wanted(coverage):
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(300):
        threshold = fit_conformal_threshold(*simulate(rng, 49), coverage)
        labels, probabilities = simulate(rng, 400)
        covered.append((probabilities[np.arange(400), labels] >= threshold).mean())
    # With 49 pictures the expectation is exactly the wanted coverage; without the + 1 it would be 2 % (1 %) less.
    assert np.mean(covered) == pytest.approx(coverage, abs=0.008)


def test_threshold_by_hand():
    labels = np.zeros(9, dtype=int)
    probabilities = np.zeros((9, 7))
    probabilities[:, 0] = np.linspace(0.1, 0.9, 9)
    assert fit_conformal_threshold(labels, probabilities, 0.9) == pytest.approx(0.1)
    assert fit_conformal_threshold(labels, probabilities, 0.8) == pytest.approx(0.2)
    assert fit_conformal_threshold(labels, probabilities, 0.95) == 0.0  # nine pictures cannot promise that


@pytest.mark.parametrize("coverage", [0.0, 1.0, 90])
def test_coverage_must_be_a_share(coverage):
    with pytest.raises(ValueError, match="not between 0 and 1"):
        fit_conformal_threshold(np.zeros(9, dtype=int), np.full((9, 7), 1 / 7), coverage)


def test_no_set_is_empty():
    sets = prediction_sets(np.array([[0.4, 0.35, 0.05, 0.05, 0.05, 0.05, 0.05]]), 0.5)
    assert sets.tolist() == [[True] + 6 * [False]]


def test_each_answer_may_have_its_own_threshold():
    probabilities = np.array([[0.4, 0.35, 0.05, 0.05, 0.05, 0.05, 0.05]]).repeat(3, axis=0)
    sets = prediction_sets(probabilities, np.array([0.5, 0.3, 0.0]))
    assert sets.sum(axis=1).tolist() == [1, 2, 7]
    assert prediction_sets(probabilities, None).all()


def test_summary_counts_sizes_and_classes():
    labels = np.array([0, 0, 1, 5])
    probabilities = np.full((4, 7), 0.05)
    probabilities[[0, 1, 2, 3], [0, 1, 1, 5]] = 0.4
    probabilities[:, 6] = 0.35
    summary = summarise_sets(labels, probabilities, 0.3, LesionBootstrap(np.arange(4)))
    assert summary["coverage"]["value"] == 0.75
    assert summary["mean_size"]["value"] == 2
    assert summary["sizes"] == {"1": 0, "2": 4, "3": 0, "4": 0, "5": 0, "6": 0, "7": 0}
    assert summary["per_class"]["akiec"] == {"n": 2, "coverage": summary["per_class"]["akiec"]["coverage"]}
    assert summary["per_class"]["akiec"]["coverage"]["value"] == 0.5
    assert summary["per_class"]["vasc"]["coverage"]["value"] is None
