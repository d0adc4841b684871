import shutil

import numpy as np
import pytest
from paths import MASKS
from PIL import Image

from hfskin.data.ham10000 import DataError
from hfskin.evaluation.localisation import centred_blob, read_mask, score_map, summarise_localisation

pytestmark = pytest.mark.slow


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
    size = grey.shape[::-1]
    inside = read_mask(MASKS / f"{row['image_id']}_segmentation.png", size, (0, 0, *size), grey.shape)
    assert 0.02 < inside.mean() < 0.9
    assert grey[inside].mean() < grey[~inside].mean() - 10


def test_a_mask_of_another_size_is_cropped_as_its_picture(tmp_path):
    """The lesion fills the right lower quarter of the picture, and so of the crop around it."""
    for name, scale in (("same", 1), ("larger", 3), ("smaller", 0.5)):
        width, height = round(200 * scale), round(150 * scale)
        mask = Image.new("L", (width, height))
        mask.paste(255, (width // 2, height // 2, width, height))
        mask.save(tmp_path / f"{name}.png")
        inside = read_mask(tmp_path / f"{name}.png", (200, 150), (50, 25, 150, 125), (40, 40))
        expected = np.zeros((40, 40), dtype=bool)
        expected[20:, 20:] = True
        assert (inside == expected).mean() > 0.95, name


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
