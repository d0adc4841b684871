"""How much a number differs between pictures of one lesion."""

import numpy as np
import pytest

from scripts.repeatability import repeatability


def test_every_lesion_counts_once_however_many_pictures_there_are_of_it():
    lesions = np.array(["a", "b", "b", "b", "b", "a", "c", "c"])
    malignant = np.array([0.1, 0.5, 0.5, 0.5, 0.5, 0.3, 0.9, 0.4])
    found = repeatability(lesions, malignant, threshold=0.45)
    assert (found["lesions"], found["pairs"]) == (3, 8)
    assert found["difference"]["half"]["value"] == pytest.approx(0.2), "not 0, though most pairs are b's"
    assert found["difference"]["nine_in_ten"]["value"] == pytest.approx(0.5)
    assert found["changes"]["value"] == pytest.approx(1 / 3)
    assert found["changes"]["low"] < 1 / 3 < found["changes"]["high"]
