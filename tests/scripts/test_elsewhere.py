import pandas as pd
import pytest

import hfskin
from scripts import elsewhere

pytestmark = pytest.mark.slow


def test_the_way_as_published_differs_by_nothing_and_another_by_something(table):
    pipeline = hfskin.load(backend="onnx")
    parts = pd.concat([table.assign(split=part) for part in elsewhere.PARTS], ignore_index=True)
    copies = dict(zip(table["image_id"], table["path"], strict=True))
    lesions = table.assign(patient=table["lesion_id"])[["path", "patient", "dx"]]
    found = elsewhere.measure({"default": pipeline, "again": pipeline}, parts, copies, lesions)
    first, again = found["default, as published"], found["again, as published"]
    assert first == again
    assert first["BMA, val"] == first["BMA, test"]  # the same pictures
    assert first["BMA, their copies"]["value"]["value"] == first["BMA, both"]["value"]["value"]  # the same files
    for cell in first.values():
        assert set(cell["difference"].values()) == {0}
        assert 0 <= cell["value"]["low"] <= cell["value"]["value"] <= cell["value"]["high"] <= 1
    assert any(cell["difference"]["value"] for cell in found["default, colours as they are"].values())
    page = elsewhere.render(found)
    assert f"| again, as published | {first['BMA, val']['value']['value']:.3f} [" in page
