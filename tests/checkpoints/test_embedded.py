"""The checkpoints that travel with the package."""

import pytest

import hfskin
from hfskin.checkpoints.layout import EMBEDDED

MEGABYTES = {"default": 15, "large": 45}


@pytest.mark.parametrize("name", EMBEDDED)
def test_each_answers_lesions_by_its_name(name, table):
    pipeline = hfskin.load(name, backend="onnx")
    assert pipeline.folder == EMBEDDED[name]
    answers = [pipeline(path) for path in table["path"]]
    statuses = [answer.status for answer in answers]
    assert statuses.count("answered") >= 26  # a few may be unusual, of which none is a refusal
    assert "refused" not in statuses
    right = sum(answer.label == dx for answer, dx in zip(answers, table["dx"], strict=True))
    assert right >= 0.7 * len(table)
    assert sum(file.stat().st_size for file in EMBEDDED[name].rglob("*")) < MEGABYTES[name] * 10**6


def test_each_has_a_revision_of_its_own():
    assert len({hfskin.load(name).revision for name in EMBEDDED}) == len(EMBEDDED)
