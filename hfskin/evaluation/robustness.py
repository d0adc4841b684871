"""What a dermatoscopic picture from elsewhere may look like, and how much a checkpoint loses on it."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFilter

from ..inference.base import LesionPipeline
from ..inference.batch.predictions import Predictions, predict_table
from ..model.image_reading import read_image
from .bootstrap import LesionBootstrap, interval
from .metrics import balanced_accuracies

Transform = Callable[[Image.Image], Image.Image]


def _resized(horizontal: float, vertical: float) -> Transform:
    def transform(image: Image.Image) -> Image.Image:
        size = round(image.width * horizontal), round(image.height * vertical)
        return image.resize(size, Image.Resampling.BICUBIC)

    return transform


def _centre_crop(image: Image.Image, width: float, height: float) -> Image.Image:
    left, top = (image.width - width) / 2, (image.height - height) / 2
    return image.crop((round(left), round(top), round(left + width), round(top + height)))


def _square_crop(image: Image.Image) -> Image.Image:
    side = min(image.size)
    return _centre_crop(image, side, side)


def _jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=30)
    return Image.open(file)


def _light(red: float, green: float, blue: float) -> Transform:
    gains = np.array([red, green, blue])

    def transform(image: Image.Image) -> Image.Image:
        return Image.fromarray((np.asarray(image) * gains).clip(0, 255).round().astype(np.uint8))

    return transform


def _vignette(image: Image.Image) -> Image.Image:
    """The black surround of a dermatoscope's round view."""
    mask = Image.new("L", image.size, 0)
    radius = 0.48 * image.width
    x, y = image.width / 2, image.height / 2
    ImageDraw.Draw(mask).ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return Image.composite(image, Image.new("RGB", image.size), mask)


def _black_border(image: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", (round(1.25 * image.width), round(1.25 * image.height)))
    canvas.paste(image, ((canvas.width - image.width) // 2, (canvas.height - image.height) // 2))
    return canvas


# Each is done to an RGB picture of HAM10000's size and aspect (4:3).
TRANSFORMS: dict[str, Transform] = {
    "half the resolution": _resized(1 / 2, 1 / 2),
    "enlarged three times": _resized(3, 3),
    "squashed to a square": _resized(3 / 4, 1),
    "stretched to 16:9": _resized(4 / 3, 1),
    "cropped to a square": _square_crop,
    "cropped to the middle 80 %": lambda image: _centre_crop(image, 0.8 * image.width, 0.8 * image.height),
    "black border": _black_border,
    "black surround": _vignette,
    "JPEG quality 30": _jpeg,
    "warm light": _light(1.1, 1.0, 0.85),
    "cold light": _light(0.88, 1.0, 1.12),
    "darker": _light(0.75, 0.75, 0.75),
    "brighter": _light(1.2, 1.2, 1.2),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(image.width / 200)),
    "turned by a quarter": lambda image: image.transpose(Image.Transpose.ROTATE_90),
}


def summarise_robustness(
    pipeline: LesionPipeline, table: pd.DataFrame, copies: Mapping[str, Path] | None = None
) -> dict:
    """BMA under each of `TRANSFORMS`, and its difference to that of the same pictures as they are.

    Args:
        table: the rows to predict, see `predict_table`; age, sex and site are used as known.
        copies: other files of some of the pictures, by image id: sharper ones, say. They are squeezed to the original
            aspect.

    Returns:
        unchanged: n, BMA and the share accepted by the gate (None without one); kinds: by name the same and the
        difference of the BMA; mean_difference over `TRANSFORMS`; mirrored: the same for answers averaged over mirror
        images (test-time augmentation); copies: the same for `copies`, None without. Differences are paired: the
        intervals come from the same resampled lesions.
    """
    plain = predict_table(pipeline, table)
    bootstrap = LesionBootstrap(plain.lesion_ids)
    before = _bma(plain, bootstrap)
    kinds, differences = {}, []
    for name, transform in TRANSFORMS.items():
        changed = predict_table(pipeline, table, transform=transform)
        kinds[name] = _compare(changed, before, pipeline.config.gate_threshold, bootstrap)
        differences.append(_bma(changed, bootstrap) - before)
    mirrored = predict_table(pipeline, table, tta=True)
    unchanged = _compare(plain, before, pipeline.config.gate_threshold, bootstrap)
    del unchanged["difference"]
    return {
        "unchanged": unchanged,
        "kinds": kinds,
        "mean_difference": interval(np.mean(differences, axis=0)),
        "mirrored": _compare(mirrored, before, pipeline.config.gate_threshold, bootstrap),
        "copies": _summarise_copies(pipeline, table, copies) if copies else None,
    }


def _compare(changed: Predictions, before: np.ndarray, threshold: float | None, bootstrap: LesionBootstrap) -> dict:
    """n, BMA, its difference to `before` (R + 1,), and the share of the pictures that the gate accepts."""
    after, accepted = _bma(changed, bootstrap), None
    if changed.gate_scores is not None and threshold is not None:
        accepted = interval(bootstrap.means((changed.gate_scores >= threshold).astype(float)))
    n = len(changed.labels)
    return {"n": n, "bma": interval(after), "difference": interval(after - before), "accepted": accepted}


def _summarise_copies(pipeline: LesionPipeline, table: pd.DataFrame, copies: Mapping[str, Path]) -> dict | None:
    rows = table[table["image_id"].isin(copies)].reset_index(drop=True)
    if rows.empty:
        return None
    plain, copied = predict_table(pipeline, rows), predict_copies(pipeline, rows, copies)
    bootstrap = LesionBootstrap(plain.lesion_ids)
    before = _bma(plain, bootstrap)
    return {**_compare(copied, before, pipeline.config.gate_threshold, bootstrap), "unchanged": interval(before)}


def predict_copies(pipeline: LesionPipeline, rows: pd.DataFrame, copies: Mapping[str, Path]) -> Predictions:
    """What a checkpoint says to other files of the rows' pictures, squeezed to the aspect of the first row's own file.

    Args:
        copies: a file for the image id of every row.
    """
    size = read_image(rows["path"].iloc[0]).image.size
    files = rows.assign(path=[copies[image_id] for image_id in rows["image_id"]])
    return predict_table(pipeline, files, transform=lambda image: image.resize(size, Image.Resampling.BICUBIC))


def _bma(predictions: Predictions, bootstrap: LesionBootstrap) -> np.ndarray:
    """(R + 1,)"""
    return balanced_accuracies(predictions.labels, predictions.probabilities.argmax(axis=1), bootstrap)
