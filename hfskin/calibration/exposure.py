"""What a gate is fitted to: lesions as any clinic may photograph them, and pictures of other things.

The more kinds of both, the less the gate learns about one clinic's camera. Half of what is given besides the training
pictures fits; the other half judges (`evaluation/gate.py`).
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from ..data.folders import is_left
from ..data.ham10000 import DataError, find_images, pictures_below
from ..data.places import place
from ..data.tables import read_cells
from ..data.transforms import training_transform
from ..model.image_reading import read_image
from .negatives import SYNTHETIC, quarters, shipped_paths, synthetic_pictures

SAMPLED = 1500  # training pictures that are seen as they are, as many transformed, and at most as many copies
ALTERED = 2  # changed views of every picture of other things
SIZE = 192, 256  # pixels: height and width of changed views
ASPECT = 4 / 3  # a camera's
_FIT_SEED = 1  # of the synthetic pictures; those of seed 0 judge
_PATIENT, _LABEL, _BENIGN = "patient_id", "label", "benign_malignant"
_IMAGE = "image", "image_id", "isic_id", "image_name"
_COLUMNS = ["path", "patient", "dx", "is_labelled"]


@dataclass(frozen=True)
class Exposure:
    """Pictures besides the training data.

    Args:
        lesions: from [`lesions_elsewhere`].
        copies: other files of training pictures, by image id.
        others: files of pictures that show no lesion.
    """

    lesions: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=_COLUMNS))
    copies: Mapping[str, Path] = field(default_factory=dict)
    others: list[Path] = field(default_factory=list)


def read_exposure(lesions: Path | None, others: Path | None, copies: Path | None = None) -> Exposure:
    """From folders, each of which may be left out.

    Raises:
        DataError, MetadataTableError: a folder without pictures, or see [`lesions_elsewhere`].
    """
    elsewhere = Exposure().lesions if lesions is None else lesions_elsewhere(lesions)
    copied = {} if copies is None else find_images([copies])
    things = [] if others is None else sorted(pictures_below(others))
    for folder, found in ((lesions, len(elsewhere)), (others, len(things)), (copies, len(copied))):
        if folder is not None and not found:
            raise DataError(f"{folder}: no pictures in this folder")
    return Exposure(elsewhere, copied, [path for _, path in things])


def fitting_half(names: Iterable[str]) -> np.ndarray:
    """Which of the names fit (True) and which judge: (N,). It depends on the name alone."""
    return np.array([hashlib.blake2b(name.encode(), digest_size=1).digest()[0] % 2 == 0 for name in names], dtype=bool)


def lesions_elsewhere(folder: Path) -> pd.DataFrame:
    """The dermatoscopic pictures below a folder: path, patient, dx and is_labelled.

    A CSV in the folder with the column `patient_id` keeps the pictures of one patient in one half; without it, each
    picture counts as a patient of its own. Its column `label`, where there is one, gives dx ("" where it is unknown);
    labelled is what has one, or is benign by the column `benign_malignant`. Several files fill each other in.

    Raises:
        DataError: no such folder, or two pictures of one name.
        MetadataTableError: a CSV that is not readable.
    """
    files = find_images([folder])
    patients: dict[str, str] = {}
    labels: dict[str, str] = {}
    benign: set[str] = set()
    tables = (path for path in sorted(folder.glob("*.csv")) if not is_left(path.name))
    for row in chain.from_iterable(map(read_cells, tables)):
        if image := next((row[title] for title in _IMAGE if title in row), ""):
            name = place(image).stem
            patients[name] = row.get(_PATIENT) or patients.get(name, "")
            labels[name] = row.get(_LABEL) or labels.get(name, "")
            if row.get(_BENIGN) == "benign":
                benign.add(name)
    rows = [
        (path, patients.get(name) or name, labels.get(name, ""), bool(labels.get(name)) or name in benign)
        for name, path in sorted(files.items())
    ]
    return pd.DataFrame(rows, columns=_COLUMNS).astype({"is_labelled": bool})


def lesion_views(table: pd.DataFrame, exposure: Exposure, seed: int = 0) -> Iterator[Image.Image]:
    """Lesions: some of the table's pictures as they are and others changed, copies, and the fitting half from
    elsewhere, as they are, changed, and brought to a camera's aspect where they are square."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(table))
    for i in order[:SAMPLED]:
        yield read_image(table["path"].iloc[i]).image
    for i in order[::-1][:SAMPLED]:
        yield altered(read_image(table["path"].iloc[i]).image, rng)
    known = [i for i in order if table["image_id"].iloc[i] in exposure.copies]
    for i in known[: SAMPLED // 2]:
        size = read_image(table["path"].iloc[i]).image.size
        copy = read_image(exposure.copies[table["image_id"].iloc[i]]).image
        yield copy.resize(size, Image.Resampling.BICUBIC)
    for path in exposure.lesions["path"][fitting_half(exposure.lesions["patient"])]:
        image = read_image(path).image
        yield image
        yield from unsquashed(image)
        yield altered(image, rng)


def other_views(exposure: Exposure, seed: int = 0) -> Iterator[Image.Image]:
    """Pictures of other things: the fitting half of those given and of those that libraries ship, whole, in quarters
    and changed; and synthetic ones."""
    rng = np.random.default_rng(seed)
    files = [*exposure.others, *(path for paths in shipped_paths().values() for path in paths)]
    for path in np.array(files, dtype=object)[fitting_half(path.name for path in files)]:
        image = read_image(path).image
        yield image
        yield from quarters(image)
        for _ in range(ALTERED):
            yield altered(image, rng)
    for kind in SYNTHETIC:
        yield from synthetic_pictures(kind, seed + _FIT_SEED)


def unsquashed(image: Image.Image) -> list[Image.Image]:
    """A square picture at a camera's aspect: collections often squash theirs. None for another."""
    if image.width != image.height:
        return []
    return [image.resize((round(ASPECT * image.height), image.height), Image.Resampling.BICUBIC)]


def altered(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Another framing, sharpness and compression (`training_transform`), and other colours than any lamp gives.

    Lesions and other things are changed alike, so that the change itself tells nothing.
    """
    pixels = torch.from_numpy(np.array(image.resize(SIZE[::-1], Image.Resampling.BICUBIC))).permute(2, 0, 1)
    changed = training_transform(SIZE)(pixels).permute(1, 2, 0).numpy()
    hsv = np.array(Image.fromarray(changed).convert("HSV"), dtype=float)
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(-12, 12)) % 256
    hsv[..., 1] = (hsv[..., 1] * _factor(rng, 0.35)).clip(0, 255)
    rgb = np.asarray(Image.fromarray(hsv.astype(np.uint8), "HSV").convert("RGB")) / 255
    rgb = rgb ** _factor(rng, 0.3) * np.array([_factor(rng, 0.12) for _ in range(3)])
    rgb = (rgb - rgb.mean()) * _factor(rng, 0.25) + rgb.mean() * _factor(rng, 0.2)
    return Image.fromarray((255 * rgb.clip(0, 1)).astype(np.uint8))


def _factor(rng: np.random.Generator, spread: float) -> float:
    return float(np.exp(rng.normal(0, spread)))
