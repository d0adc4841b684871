"""Gates compared: each way tells pictures that are unlike the training's, and the page is the results'."""

import json

import numpy as np
import pytest
from paths import ROOT
from rendered import figures

from hfskin.inference.batch.predictions import Outputs
from scripts.gates.__main__ import PASS, _compare
from scripts.gates.page import render
from scripts.gates.ways import COMPONENTS, OF_LESIONS, regression


def outputs(rng: np.random.Generator, n: int, centre: np.ndarray, sureness: float) -> Outputs:
    """Features about `centre`, as averages of activations are, and logits of one class among seven."""
    logits = np.zeros((n, 7))
    logits[:, 0] = sureness + rng.normal(0, 0.1, n)
    return Outputs(logits, None, (centre + rng.normal(0, 0.1, (n, 2 * COMPONENTS)).astype(np.float32)) ** 2)


@pytest.mark.parametrize("way", [*OF_LESIONS, "regression"])
def test_each_way_lets_lesions_pass_and_refuses_other_things(way):
    rng = np.random.default_rng(0)
    centre = rng.uniform(1, 2, 2 * COMPONENTS)
    train, val, test = (outputs(rng, 300, centre, 5) for _ in range(3))
    other = outputs(rng, 300, centre[::-1], 1)
    score = regression(train.features, other.features) if way == "regression" else OF_LESIONS[way](train.features)
    found = _compare(score, val, {"home": test, "elsewhere": test, "photographs": other, "synthetic": other})
    assert found["home"] == found["elsewhere"] == pytest.approx(PASS, abs=0.03)
    assert found["photographs"] == found["others"] == found["auroc_home"] == 1


def test_the_committed_page_is_the_rendering_of_the_committed_results():
    page = (ROOT / "docs" / "gates.md").read_text(encoding="utf-8")
    results = json.loads((ROOT / "results" / "gates.json").read_text(encoding="utf-8"))
    assert figures(page) == figures(render(results)), "run: python -m scripts.gates"
