"""What the methods are measured on, each part made when it is first asked for."""

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch.nn import functional as F

from hfskin.data.ham10000 import DataError, find_masks
from hfskin.data.splits import N_FOLDS, folds
from hfskin.model.labels import CLASSES
from hfskin.model.metadata import encode_metadata
from hfskin.training.start import create_processor

from .features import BACKBONE, BATCH, Features, read_maps

SIDE = 128  # of the square that the frozen network reads
WHOLE = (96, 128)  # of a whole picture, where a network is trained


class Material:
    """HAM10000 as the methods read it.

    Args:
        table: from `load_ham10000`.
        weights: of MobileNetV3-Small: a safetensors file, "timm", or None for random ones.
        mask_folder: where lesion masks lie, as in the HAM10000 folder.
        strange: folder of photographs of other things; None where there is none.
        cache: folder for what is computed once, in a folder for each table, weights and files.
    """

    def __init__(self, table: pd.DataFrame, weights: str | None, mask_folder: Path, strange: Path | None, cache: Path):
        self.table, self.weights, self.mask_folder = table, weights, mask_folder
        self.strange_files = sorted(path for path in strange.iterdir() if path.is_file()) if strange else []
        self.labels = torch.tensor([CLASSES.index(dx) for dx in table["dx"]])
        patients = zip(table["age"], table["sex"], table["localization"], strict=True)
        self.metadata = torch.from_numpy(np.stack([encode_metadata(*patient) for patient in patients]))
        self.cache = cache / self._digest()
        self.preprocessing = create_processor(BACKBONE, weights, (SIDE, SIDE)).preprocessing

    def _digest(self) -> str:
        """Of what everything is computed from; a file counts by its path, size and time."""
        files = [*self.table["path"], *self.strange_files]
        with suppress(DataError):  # whoever wants masks is told that there are none
            files += sorted(find_masks(self.mask_folder).values())
        files += [path for path in [Path(self.weights or "")] if path.is_file()]
        facts = [(str(file), str((found := file.stat()).st_size), str(found.st_mtime_ns)) for file in files]
        rows = zip(*(self.table[name].astype(str) for name in ("image_id", "lesion_id", "dx")), strict=True)
        return hashlib.blake2b(repr((self.weights, facts, list(rows))).encode(), digest_size=8).hexdigest()

    @cached_property
    def fold(self) -> np.ndarray:
        """(N,) the tenth of the lesions, as in the "lesion" split."""
        return folds(self.table, N_FOLDS)

    @cached_property
    def features(self) -> Features:
        """Of the centred squares, as hfskin reads pictures everywhere."""
        return self.at(SIDE)

    def at(self, side: int) -> Features:
        """The centred squares at another size."""
        preprocessing = create_processor(BACKBONE, self.weights, (side, side)).preprocessing

        def maps(name: str, files: list) -> torch.Tensor:
            def batches() -> Iterable[torch.Tensor]:
                for first in range(0, len(files), BATCH):
                    pictures = (Image.open(file).convert("RGB") for file in files[first : first + BATCH])
                    yield torch.from_numpy(np.stack([preprocessing(picture) for picture in pictures]))

            return read_maps(self.cache / f"{name}-{side}.npy", self.weights, batches)

        strange = maps("strange", self.strange_files) if self.strange_files else None
        return self._bare().with_maps(maps("square", list(self.table["path"])), strange)

    def seen_as(self, name: str, view: Callable[[int], torch.Tensor]) -> Features:
        """Features of pictures that are changed first.

        Args:
            name: of the change, for the cache.
            view: row -> float (3, h, w) in [0, 1], resized to the square that the network reads.
        """

        def batches() -> Iterable[torch.Tensor]:
            for first in range(0, len(self.table), BATCH):
                rows = range(first, min(first + BATCH, len(self.table)))
                yield self.normalised(torch.cat([resized(view(row)[None], (SIDE, SIDE)) for row in rows]))

        return self._bare().with_maps(read_maps(self.cache / f"{name}-{SIDE}.npy", self.weights, batches))

    def normalised(self, pictures: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) in [0, 1] -> as the weights want it."""
        mean, std = (torch.tensor(getattr(self.preprocessing, name))[:, None, None] for name in ("mean", "std"))
        return ((pictures - mean) / std).contiguous(memory_format=torch.channels_last)

    @cached_property
    def pictures(self) -> torch.Tensor:
        """uint8 (N, 3, h, w): whole pictures, at the size of their files."""
        return torch.stack([_read(path, "RGB") for path in self.table["path"]])

    @cached_property
    def small(self) -> torch.Tensor:
        """uint8 (N, 3, *WHOLE)."""
        parts = [resized(part.float(), WHOLE).round().clamp(0, 255).byte() for part in self.pictures.split(BATCH)]
        return torch.cat(parts)

    @cached_property
    def masks(self) -> torch.Tensor:
        """bool (N, 1, *WHOLE), true inside the lesion."""
        files = find_masks(self.mask_folder)
        masks = [_read(files[image_id], "L", WHOLE) for image_id in self.table["image_id"]]
        return torch.stack(masks) >= 128

    def _bare(self) -> Features:
        return Features(torch.empty(0), self.metadata, self.labels, self.fold)


def resized(pictures: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """float (B, C, h, w) -> (B, C, *size), stretched where the aspect is another."""
    return F.interpolate(pictures, size=size, mode="bilinear", antialias=True)


def _read(path: Path, mode: str, size: tuple[int, int] | None = None) -> torch.Tensor:
    """uint8 (C, h, w)."""
    with Image.open(path) as file:
        image = file.convert(mode)
    if size:
        image = image.resize(size[::-1], Image.Resampling.BILINEAR)
    pixels = np.array(image)
    return torch.from_numpy(pixels if pixels.ndim == 3 else pixels[..., None]).permute(2, 0, 1)
