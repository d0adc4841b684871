"""Does an explanation point at the lesion? Heat maps against the segmentation masks of HAM10000."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm.auto import tqdm

from ..data.ham10000 import MASK_SUFFIX, DataError, find_masks
from ..inference.explain import grad_cam
from ..inference.pipeline import SkinLesionPipeline
from ..model.image_reading import read_image
from ..model.preprocessing import CropBox
from .bootstrap import LesionBootstrap, interval

BLOB_WIDTH = 1 / 6  # standard deviation of the centred blob, as a share of each side


def summarise_localisation(pipeline: SkinLesionPipeline, table: pd.DataFrame, masks: Path) -> dict:
    """How well the maps that a user is shown find the lesion.

    For every map two numbers: `mass`, the share of its heat that lies inside the mask, and `pointing`, how often its
    hottest place does (the pointing game, Zhang et al. 2018). A map without any heat counts as 0 in both. The lesion is
    often large and in the middle, so two baselines stand beside them: "centred blob", a Gaussian in the middle, and
    "uniform", whose mass is the lesion's share of the picture.

    Args:
        table: rows with image_id, path, lesion_id, age, sex, localization.
        masks: folder of <image_id>_segmentation.png, white inside the lesion.

    Returns:
        n and, by map ("soft_attention", where the checkpoint has it, "grad_cam", "centred_blob", "uniform"), mass and
        pointing with intervals over lesions.

    Raises:
        DataError: a mask is missing.
        ImageError: a picture cannot be read.
    """
    files = masks_of(table["image_id"], masks)
    scores: dict[str, list[tuple[float, float]]] = {}
    for row in tqdm(table.itertuples(), "localise", total=len(table)):
        picture = read_image(row.path)
        prepared = pipeline.prepare(picture, row.age, row.sex, row.localization)
        prediction = pipeline(prepared)
        maps = {"grad_cam": grad_cam(pipeline, prepared)}
        shape = maps["grad_cam"].shape
        if prediction.attention is not None:
            maps["soft_attention"] = prediction.attention
        maps |= {"centred_blob": centred_blob(shape), "uniform": np.ones(shape)}
        inside = read_mask(files[row.image_id], picture.image.size, prediction.crop, shape)
        for name, heat in maps.items():
            scores.setdefault(name, []).append(score_map(heat, inside))
    bootstrap = LesionBootstrap(table["lesion_id"].to_numpy(dtype=str))
    result: dict = {"n": len(table)}
    for name, values in scores.items():
        mass, pointing = bootstrap.means(np.array(values)).T
        result[name] = {"mass": interval(mass), "pointing": None if name == "uniform" else interval(pointing)}
    return result


def masks_of(image_ids: Iterable[str], folder: Path) -> dict[str, Path]:
    """The masks below a folder, by image id.

    Raises:
        DataError: one of these pictures has none.
    """
    files = find_masks(folder)
    if missing := set(image_ids) - set(files):
        raise DataError(f"{folder} has no mask of {min(missing)}; masks are named <image_id>{MASK_SUFFIX}.png")
    return files


def score_map(heat: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """A heat map >= 0 and a mask, both (H, W) -> the share of heat inside, and 1 if the hottest place is inside."""
    total = heat.sum()
    if total <= 0:
        return 0.0, 0.0
    return float(heat[inside].sum() / total), float(inside.flat[heat.argmax()])


def centred_blob(shape: tuple[int, int]) -> np.ndarray:
    """A Gaussian in the middle: (H, W)."""
    y, x = (np.linspace(-0.5, 0.5, side) / BLOB_WIDTH for side in shape)
    return np.exp(-(y[:, None] ** 2 + x[None] ** 2) / 2)


def read_mask(path: Path, size: tuple[int, int], crop: CropBox, shape: tuple[int, int]) -> np.ndarray:
    """The part of a mask that the model saw, at the map's size: bool (H, W).

    Args:
        path: of a mask of the whole picture, at any resolution.
        size: of the picture, width and height.
        crop: of the picture, in its pixels.
        shape: of the map, (H, W).
    """
    with Image.open(path) as file:
        mask = file.convert("L").resize(size, Image.Resampling.BILINEAR)  # the same again where it has that size
    return np.asarray(mask.resize(shape[::-1], Image.Resampling.BILINEAR, box=crop)) >= 128
