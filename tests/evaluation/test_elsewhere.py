import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import hfskin
from hfskin.evaluation.elsewhere import measure_elsewhere, summarise_elsewhere
from hfskin.model.labels import CLASSES


def test_auc_and_alarm_are_those_of_scikit_learn_and_of_counting():
    rng = np.random.default_rng(0)
    is_melanoma = rng.random(200) < 0.2
    probabilities = rng.dirichlet(np.ones(len(CLASSES)), 200)
    probabilities[is_melanoma, CLASSES.index("mel")] += 0.2
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    patients = pd.Series(rng.integers(40, size=200).astype(str))
    found = summarise_elsewhere(probabilities, is_melanoma, patients, threshold=0.5)
    auc = found["melanoma_auc"]
    assert auc["value"] == pytest.approx(roc_auc_score(is_melanoma, probabilities[:, CLASSES.index("mel")]))
    assert auc["low"] < auc["value"] < auc["high"]
    malignant = probabilities[:, [CLASSES.index(c) for c in ("akiec", "bcc", "mel")]].sum(axis=1)
    assert found["malignant_suspicious"]["value"] == pytest.approx((malignant[is_melanoma] >= 0.5).mean())
    assert found["benign_not"]["value"] == pytest.approx((malignant[~is_melanoma] < 0.5).mean())
    assert (found["n"], found["patients"], found["melanomas"]) == (200, patients.nunique(), is_melanoma.sum())
    assert summarise_elsewhere(probabilities, is_melanoma, patients, None)["benign_not"] is None


def test_what_is_not_labelled_counts_as_nothing(table):
    lesions = table.assign(patient=table["lesion_id"])[["path", "patient", "dx"]].iloc[::3]
    labelled = lesions.assign(is_labelled=True)
    unknown = lesions.assign(is_labelled=False, dx="", patient="nobody")
    pipeline = hfskin.load()
    found = measure_elsewhere(pipeline, labelled)
    assert found["n"] == len(lesions)
    assert measure_elsewhere(pipeline, pd.concat([labelled, unknown])) == found
    assert measure_elsewhere(pipeline, unknown) is None
