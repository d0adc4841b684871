import numpy as np
import pytest

import hfskin
from hfskin.inference.batch.predictions import predict_table
from hfskin.model.labels import CLASSES
from scripts import candidates

pytestmark = pytest.mark.slow


def test_together_they_answer_by_the_mean_of_their_logits(table, tmp_path):
    lesions = table.assign(patient=table["lesion_id"])[["path", "patient", "dx"]]
    copies = dict(zip(table["image_id"], table["path"], strict=True))
    pictures = candidates.Pictures(table, table, copies, lesions)
    found = candidates.measure(["default", "default+default", "large", "default+large"], pictures)
    assert list(found) == ["default", "default + default", "large", "default + large"]
    assert found["default"] == found["default + default"]
    assert found["large"]["macro AUC, alone"] == found["large"]["macro AUC, copies"]  # the same files
    pipelines = [hfskin.load(name) for name in ("default", "large")]
    logits = [p.config.temperature * predict_table(p, table, cautious=False).logits for p in pipelines]
    right = np.sum(logits, axis=0).argmax(axis=1) == table["dx"].map(CLASSES.index)
    together = found["default + large"]["BMA, with metadata"]
    assert together["value"]["value"] == pytest.approx(right.mean())  # four of each class
    first = found["default"]["BMA, with metadata"]["value"]["value"]
    assert together["difference"]["value"] == pytest.approx(right.mean() - first)
