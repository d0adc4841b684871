"""Subgroups: the right rows, and no number where there are too few."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, recall_score

from hfskin.evaluation.subgroups import age_band, summarise_subgroups
from hfskin.model.labels import CLASSES, MALIGNANT


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    n = 700
    table = pd.DataFrame(
        {
            "lesion_id": [f"L{i}" for i in range(n)],
            "sex": rng.choice(["female", "male"], n),
            "age": rng.choice([20.0, 50.0, np.nan], n, p=[0.5, 0.48, 0.02]),
            "localization": ["back"] * (n - 3) + ["ear"] * 3,
        }
    )
    labels = rng.integers(0, 7, n)
    logits = rng.normal(size=(n, 7)) + 2 * (labels[:, None] == np.arange(7))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return table, labels, probabilities, 0.5


def test_numbers_are_those_of_the_rows(data):
    table, labels, probabilities, threshold = data
    group = summarise_subgroups(*data)["sex"]["female"]
    rows = (table["sex"] == "female").to_numpy()
    predicted = probabilities.argmax(axis=1)
    mel = CLASSES.index("mel")
    assert group["images"] == group["lesions"] == rows.sum()
    assert group["bma_classes"] == list(CLASSES)
    assert group["bma"]["value"] == pytest.approx(balanced_accuracy_score(labels[rows], predicted[rows]))
    expected = recall_score(labels[rows] == mel, predicted[rows] == mel)
    assert group["melanoma_sensitivity"]["value"] == pytest.approx(expected)
    assert group["bma"]["low"] < group["bma"]["value"] < group["bma"]["high"]
    assert 0 < group["ece"]["value"] < 1
    malignant = [CLASSES.index(c) for c in MALIGNANT]
    bad = np.isin(labels, malignant)
    called = probabilities[:, malignant].sum(axis=1) >= threshold
    assert group["alarm_sensitivity"]["value"] == pytest.approx(called[rows & bad].mean())
    assert group["alarm_specificity"]["value"] == pytest.approx(1 - called[rows & ~bad].mean())
    by_row = summarise_subgroups(*data[:3], np.where(rows, threshold, 0.0))["sex"]
    assert by_row["female"] == group
    assert by_row["male"]["alarm_sensitivity"]["value"] == 1


def test_small_groups_say_n_and_nothing_else(data):
    groups = summarise_subgroups(*data)
    ear = groups["localization"]["ear"]
    assert ear["images"] == 3
    nothing = {"value": None, "low": None, "high": None}
    assert ear["bma"] == ear["melanoma_sensitivity"] == ear["ece"] == nothing
    assert ear["alarm_sensitivity"] == ear["alarm_specificity"] == nothing
    assert summarise_subgroups(*data[:3], None)["sex"]["female"]["alarm_sensitivity"] == nothing
    assert set(groups["sex"]) == {"female", "male"}
    assert set(groups["age"]) == {"<30", "45-59", "unknown"}
    assert groups["age"]["unknown"]["images"] == data[0]["age"].isna().sum()


def test_bma_is_over_the_classes_that_have_enough_lesions(data):
    table, labels, probabilities, _ = data
    few = labels.copy()
    few[(few == 3).nonzero()[0][:-4]] = 5  # leaves four lesions of df
    rows = np.isin(np.arange(len(few)), np.flatnonzero(table["localization"] == "back"))
    group = summarise_subgroups(table, few, probabilities, None)["localization"]["back"]
    assert "df" not in group["bma_classes"]
    predicted = probabilities.argmax(axis=1)
    recalls = [np.mean(predicted[rows & (few == c)] == c) for c in range(7) if c != 3]
    assert group["bma"]["value"] == pytest.approx(np.mean(recalls))


@pytest.mark.parametrize(
    ("age", "band"),
    [(0, "<30"), (29.9, "<30"), (30, "30-44"), (45, "45-59"), (60, "60-74"), (75, ">=75"), (120, ">=75")],
)
def test_age_bands(age, band):
    assert age_band(age) == band


def test_a_missing_age_is_unknown():
    assert age_band(float("nan")) == "unknown"
