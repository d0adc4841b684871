import pandas as pd
import pytest

import hfskin
from scripts import elsewhere

pytestmark = pytest.mark.slow


def test_the_way_as_published_differs_by_nothing_and_another_by_something(table):
    embedded = hfskin.load(backend="onnx")
    parts = pd.concat([table.assign(split=part) for part in ("val", "test")], ignore_index=True)
    lesions = table.assign(patient=table["lesion_id"])[["path", "patient", "dx"]]
    ways = elsewhere.measure(embedded, parts, lesions)
    assert list(ways) == list(elsewhere.WAYS)
    published = next(
        name
        for name, way in elsewhere.WAYS.items()
        if way.colour_strength == embedded.preprocessing.colour_strength and not way.tta
    )
    for cell in ways[published].values():
        assert set(cell["difference"].values()) == {0}
        assert 0 <= cell["value"]["low"] <= cell["value"]["value"] <= cell["value"]["high"] <= 1
    others = [cell["difference"]["value"] for name in ways if name != published for cell in ways[name].values()]
    assert any(others)
    page = elsewhere.render({"default": ways})
    assert f"| {published} | {ways[published]['BMA, val']['value']['value']:.3f} [" in page
