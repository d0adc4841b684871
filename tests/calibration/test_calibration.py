"""Temperature, calibration error and the malignancy threshold."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from hfskin.calibration.thresholds import fit_malignant_threshold, fit_temperature
from hfskin.evaluation.bootstrap import LesionBootstrap, interval, interval_of_error
from hfskin.evaluation.calibration import (
    brier_scores,
    calibration_errors,
    chance_calibration_error,
    class_shares,
    negative_log_likelihood,
    reliability,
    summarise_malignancy,
)
from hfskin.inference.decisions import is_suspicious, malignant_probability, softmax


@pytest.fixture(scope="module")
def calibrated():
    """Logits whose softmax is the true distribution of the labels."""
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2, size=(5000, 7))
    labels = (softmax(logits).cumsum(axis=1) < rng.random((5000, 1))).sum(axis=1)
    return logits, labels, LesionBootstrap(np.arange(5000), resamples=10)


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_temperature_recovers_a_known_scale(calibrated, scale):
    logits, labels, _ = calibrated
    assert fit_temperature(logits * scale, labels) == pytest.approx(scale, rel=0.05)


@pytest.mark.parametrize("margin", [0.5, 3, 30])
def test_a_model_that_is_always_right_is_not_made_surer(margin):
    labels = np.arange(20) % 7
    logits = margin * np.eye(7)[labels] + 0.01 * np.random.default_rng(0).normal(size=(20, 7))
    with pytest.warns(UserWarning, match="right on 20 of 20 validation pictures.*more pictures"):
        assert fit_temperature(logits, labels) == 1.0


def test_one_mistake_is_enough_to_tell():
    logits, labels = 3 * np.eye(7)[np.arange(20) % 7], np.arange(20) % 7
    labels[0] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        temperature = fit_temperature(logits, labels)
    assert softmax(logits / temperature).max(axis=1) == pytest.approx(19 / 20, abs=0.001)


def test_confidence_is_right_though_rare_classes_are_said_too_often(calibrated):
    logits, labels, _ = calibrated
    weighted = logits + np.linspace(-1, 1, 7)  # as a weighted loss leaves them
    probabilities = softmax(weighted / fit_temperature(weighted, labels))
    right = (probabilities.argmax(axis=1) == labels).mean()
    assert probabilities.max(axis=1).mean() == pytest.approx(right, abs=0.005)


def test_ece_is_small_when_calibrated_and_large_when_not(calibrated):
    logits, labels, bootstrap = calibrated
    good = calibration_errors(labels, softmax(logits), bootstrap)
    bad = calibration_errors(labels, softmax(logits * 3), bootstrap)
    assert good.shape == (11,)
    assert good[0] < 0.02
    assert bad[0] > 0.1


def test_a_calibrated_model_is_within_what_chance_makes_and_another_one_is_not(calibrated):
    logits, labels, bootstrap = calibrated
    chance = chance_calibration_error(softmax(logits))
    assert calibration_errors(labels, softmax(logits), bootstrap)[0] < chance["high"] < 0.03
    assert calibration_errors(labels, softmax(logits * 1.2), bootstrap)[0] > chance["high"]


def test_the_error_that_chance_makes_by_hand():
    chance = chance_calibration_error(np.array([[0.8, 0.2]]))  # off by 0.2 in 8 of 10 draws, else by 0.8
    assert chance["value"] == pytest.approx(0.8 * 0.2 + 0.2 * 0.8, abs=0.03)
    assert chance["high"] == pytest.approx(0.8)


def test_ece_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.5, 0.5], [0.9, 0.1]]) @ np.eye(2, 7)
    labels = np.array([0, 1, 0, 0])
    bootstrap = LesionBootstrap(np.arange(4), resamples=2)
    expected = (3 * abs(0.9 - 2 / 3) + abs(0.5 - 1)) / 4
    assert calibration_errors(labels, probabilities, bootstrap)[0] == pytest.approx(expected)
    curve = reliability(labels, probabilities)
    assert sum(curve["count"]) == 4
    assert curve["accuracy"][13] == pytest.approx(2 / 3)
    assert curve["confidence"][0] is None


def test_intervals_of_ece_hold_what_is_true():
    """Percentile intervals hold it in far fewer samples: chance alone makes the error greater, resampling once more."""
    rng, held, held_by_percentiles, n = np.random.default_rng(0), 0, 0, 400
    for seed in range(40):
        confidence = rng.uniform(0.3, 1, n)
        probabilities = np.column_stack([confidence, 1 - confidence, *np.zeros((5, n))])
        probabilities[:, 1:] = ((1 - confidence) / 6)[:, None]
        labels = (rng.random(n) > confidence - 0.05).astype(int)  # too sure by 0.05
        errors = calibration_errors(labels, probabilities, LesionBootstrap(np.arange(n), resamples=200, seed=seed))
        told = interval_of_error(errors)
        assert 0 <= told["low"] <= told["value"] <= told["high"]
        percentiles = interval(errors)
        assert told["value"] == percentiles["value"]
        held += told["low"] <= 0.05 <= told["high"]
        held_by_percentiles += percentiles["low"] <= 0.05 <= percentiles["high"]
    assert held >= 32 > 2 * held_by_percentiles


def test_nll_and_brier_agree_with_scikit_learn(calibrated):
    logits, labels, bootstrap = calibrated
    probabilities = softmax(logits)
    assert negative_log_likelihood(probabilities, labels) == pytest.approx(log_loss(labels, probabilities))
    expected = brier_score_loss(labels, probabilities, labels=range(7), scale_by_half=False)
    assert brier_scores(labels, probabilities, bootstrap)[0] == pytest.approx(expected)


def test_shares_agree_when_calibrated_and_show_what_is_said_too_often(calibrated):
    logits, labels, _ = calibrated
    for row in class_shares(labels, softmax(logits)).values():
        assert row["said"] == pytest.approx(row["found"], abs=0.015)
    louder = logits + np.eye(7)[4]
    shares = class_shares(labels, softmax(louder))
    assert shares["mel"]["said"] > shares["mel"]["found"] + 0.08
    assert all(row["said"] < row["found"] + 0.015 for dx, row in shares.items() if dx != "mel")


@pytest.mark.parametrize("sensitivity", [0.8, 0.95, 1.0])
def test_malignant_threshold_is_the_highest_that_keeps_the_sensitivity(calibrated, sensitivity):
    logits, labels, bootstrap = calibrated
    probabilities = softmax(logits)
    threshold = fit_malignant_threshold(labels, probabilities, sensitivity)

    def found(threshold: float) -> float:
        return summarise_malignancy(labels, is_suspicious(probabilities, threshold), bootstrap)["sensitivity"]["value"]

    assert found(threshold) >= sensitivity > found(np.nextafter(threshold, 1))


def test_malignancy_counts_akiec_bcc_and_mel():
    probabilities = np.eye(7) * 0.93 + 0.01
    assert (malignant_probability(probabilities) > 0.5).tolist() == [True, True, False, False, True, False, False]
    suspicious, labels = is_suspicious(probabilities, 0.5), np.array([0, 1, 2, 3, 5, 4, 6])
    summary = summarise_malignancy(labels, suspicious, LesionBootstrap(np.arange(7)))
    assert (summary["n_malignant"], summary["n_benign"]) == (3, 4)
    assert summary["sensitivity"]["value"] == pytest.approx(2 / 3)
    assert summary["specificity"]["value"] == pytest.approx(3 / 4)


def test_malignant_threshold_needs_a_malignant_picture():
    with pytest.raises(ValueError, match="no validation picture of a malignant class"):
        fit_malignant_threshold(np.array([5, 5]), np.full((2, 7), 1 / 7), 0.95)
