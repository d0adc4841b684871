import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hfskin.data.ham10000 import DataError
from hfskin.evaluation.localisation import centred_blob, read_mask, score_map, summarise_localisation

MASKS = Path(__file__).parent / "masks"


@pytest.fixture(scope="module")
def with_masks(table):
    names = {path.name.removesuffix("_segmentation.png") for path in MASKS.glob("*.png")}
    return table[table["image_id"].isin(names)].reset_index(drop=True)


def test_a_score_is_the_share_of_heat_inside():
    inside = np.zeros((4, 4), dtype=bool)
    inside[:2] = True
    heat = np.zeros((4, 4))
    heat[0, 0], heat[3, 3] = 3, 1
    assert score_map(heat, inside) == (0.75, 1.0)
    assert score_map(heat, ~inside) == (0.25, 0.0)
    assert score_map(np.zeros((4, 4)), inside) == (0.0, 0.0)


def test_the_blob_is_hottest_in_the_middle():
    blob = centred_blob((145, 193))
    assert np.unravel_index(blob.argmax(), blob.shape) == (72, 96)
    assert blob[0, 0] < 0.001


def test_a_real_mask_lies_over_the_dark_lesion(with_masks):
    row = with_masks.iloc[0]
    with Image.open(row["path"]) as file:
        grey = np.asarray(file.convert("L"))
    inside = read_mask(MASKS / f"{row['image_id']}_segmentation.png", (0, 0, *grey.shape[::-1]), grey.shape)
    assert 0.02 < inside.mean() < 0.9
    assert grey[inside].mean() < grey[~inside].mean() - 10


def test_maps_are_scored_against_masks_and_baselines(embedded, with_masks):
    summary = summarise_localisation(embedded, with_masks, MASKS)
    assert summary["n"] == len(with_masks)
    assert set(summary) == {"n", "soft_attention", "grad_cam", "centred_blob", "uniform"}
    assert summary["centred_blob"]["mass"]["value"] > summary["uniform"]["mass"]["value"]
    assert 0 < summary["grad_cam"]["mass"]["value"] < 1


def test_a_missing_mask_is_named(embedded, with_masks, tmp_path):
    first, *others = with_masks["image_id"]
    for image_id in others:
        shutil.copy(MASKS / f"{image_id}_segmentation.png", tmp_path)
    with pytest.raises(DataError, match=f"no mask of {first}; masks are named <image_id>_segmentation"):
        summarise_localisation(embedded, with_masks, tmp_path)
