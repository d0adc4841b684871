# ruff: noqa: E402  (torchvision must be made importable first)
"""Torch data sets of a table from `load_ham10000`."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from ..model.torchvision_import import import_torchvision

import_torchvision()
from torchvision import tv_tensors
from torchvision.transforms import v2

from ..model.image_processing_hfskin import HfskinImageProcessor
from ..model.image_reading import read_image
from ..model.labels import CLASSES
from ..model.metadata import encode_metadata
from .diagnoses import class_indices

MARGIN = 1.15  # decoded training pictures are kept this much larger than the model's input, for the augmentation


class LesionDataset(Dataset):
    """Pictures as the model sees them at inference, for Trainer: dicts of pixel_values (3, H, W), metadata (19,) and
    labels ().

    Args:
        table: rows with path, dx, age, sex, localization.
        in_memory: process every picture at once and keep it as uint8; the workers of a DataLoader share it.
        classes: in the order of the network's logits.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        processor: HfskinImageProcessor,
        in_memory: bool = False,
        classes: Sequence[str] = CLASSES,
    ):
        self.paths = list(table["path"])
        self.labels = torch.from_numpy(class_indices(table["dx"], classes))
        rows = zip(table["age"], table["sex"], table["localization"], strict=True)
        self.metadata = torch.from_numpy(np.stack([encode_metadata(*row) for row in rows]))
        self.preprocessing = processor.preprocessing
        self.memory: torch.Tensor | None = None
        if in_memory:
            self.memory = torch.from_numpy(np.stack(_in_threads(self._process, self.paths)))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        pixels = self._process(self.paths[index]) if self.memory is None else self.memory[index].numpy()
        return {
            "pixel_values": torch.from_numpy(self.preprocessing.normalise(pixels)),
            "metadata": self.metadata[index],
            "labels": self.labels[index],
        }

    def _process(self, path: Path) -> np.ndarray:
        return self.preprocessing.resize(read_image(path).image)


class TrainingDataset(Dataset):
    """Decoded pictures in memory, augmented anew at each access; same dicts as [`LesionDataset`].

    Args:
        copies: further copies of pictures, by image id: another resolution or compression. One copy is drawn at random
            at each access; a copy of another aspect ratio is stretched to the first one's.
        transform: uint8 (3, h, w) -> uint8 (3, H, W).
        metadata_dropout: probability that all three fields are hidden; each one alone is hidden with a third of it
            (Gessert et al. 2020 use 0.1).
        masks: files of lesion masks by image id. With them every dict has "lesion" too, uint8 (1, H, W), above 0 inside
            the lesion; all 0 where there is no mask.
        classes: in the order of the network's logits.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        processor: HfskinImageProcessor,
        transform: Callable,
        metadata_dropout: float = 0.0,
        copies: Mapping[str, Path] | None = None,
        masks: Mapping[str, Path] | None = None,
        classes: Sequence[str] = CLASSES,
    ):
        self.processor, self.preprocessing = processor, processor.preprocessing
        self.transform, self.metadata_dropout = transform, metadata_dropout
        self.labels = torch.from_numpy(class_indices(table["dx"], classes))
        self.patients = list(zip(table["age"], table["sex"], table["localization"], strict=True))
        self.copies = copies or {}
        self.pictures: list[list[torch.Tensor]] = _in_threads(self._decode, table["image_id"], table["path"])
        self.masks: list[torch.Tensor | None] | None = None
        if masks is not None:
            self.masks = _in_threads(self._read_mask, [masks.get(image_id) for image_id in table["image_id"]])

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        versions = self.pictures[index]
        picture = versions[int(torch.randint(len(versions), ()))]
        sample = {"labels": self.labels[index]}
        if self.masks is None:
            picture = self.transform(picture)
        else:
            picture, sample["lesion"] = self.transform(picture, self._mask(index, picture.shape[1:]))
        pixels = self.preprocessing.balance(picture.numpy())
        sample["pixel_values"] = torch.from_numpy(self.preprocessing.normalise(pixels))
        sample["metadata"] = torch.from_numpy(self._metadata(index))
        return sample

    def _read_mask(self, path: Path | None) -> torch.Tensor | None:
        """uint8 (1, h, w), 1 inside the lesion; a mask has its picture's aspect, so that both are cropped alike."""
        return None if path is None else (_fit(read_image(path).image, self.processor)[:1] >= 128).to(torch.uint8)

    def _mask(self, index: int, size: tuple[int, int]) -> tv_tensors.Mask:
        """A picture's mask at its size, whichever copy was drawn."""
        mask = self.masks[index] if self.masks else None
        if mask is None:
            return tv_tensors.Mask(torch.zeros(1, *size, dtype=torch.uint8))
        return v2.functional.resize(tv_tensors.Mask(mask), list(size))

    def _decode(self, image_id: str, path: Path) -> list[torch.Tensor]:
        first = read_image(path).image
        versions = [first]
        if image_id in self.copies:
            versions.append(_stretch(read_image(self.copies[image_id]).image, first.width / first.height))
        return [_fit(image, self.processor) for image in versions]

    def _metadata(self, index: int) -> np.ndarray:
        hidden = torch.rand(4)
        fields = self.patients[index]
        if hidden[0] < self.metadata_dropout:
            return encode_metadata()
        return encode_metadata(
            *(None if h < self.metadata_dropout / 3 else f for h, f in zip(hidden[1:], fields, strict=True))
        )


def _in_threads(function: Callable, *columns) -> list:
    """`function` of every row, in order; Pillow decodes without Python's lock, so threads use every core."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(tqdm(pool.map(function, *columns), "decode", total=len(columns[0])))


def _stretch(image: Image.Image, aspect: float) -> Image.Image:
    """Bring a copy to its picture's `aspect` by its height alone: a squashed one of 224x224 stays 224 wide."""
    if abs(image.width / image.height - aspect) < 0.02:
        return image
    return image.resize((image.width, round(image.width / aspect)), Image.Resampling.BICUBIC)


def _fit(image: Image.Image, processor: HfskinImageProcessor) -> torch.Tensor:
    """What the model sees of a picture, turned as it sees it, shrunk to at most `MARGIN` times the model's input: uint8
    (3, h, w) of its aspect."""
    preprocessing = processor.preprocessing
    if preprocessing.turns(image):
        image = image.transpose(Image.Transpose.ROTATE_90)
    box = preprocessing.crop_box(image)
    height = min(box.bottom - box.top, MARGIN * preprocessing.height)
    size = round(height * preprocessing.width / preprocessing.height), round(height)
    pixels = np.asarray(image.resize(size, Image.Resampling.BICUBIC, box=box))
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, -1, 0)))
