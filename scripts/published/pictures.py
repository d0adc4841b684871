"""All training pictures in memory as uint8, on the device that trains."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from PIL import Image

from hfskin.model.labels import CLASSES
from hfskin.model.metadata import encode_metadata
from hfskin.model.preprocessing import DARK

STORED = (224, 300)  # pixels that a picture is kept at: the height of the sharper copies, and HAM10000's aspect


@dataclass
class Pictures:
    """A part of a split on a device.

    Attributes:
        pixels: uint8 (N, 3, *STORED); of the training part the sharper copies come behind the pictures themselves.
        copy_of: (N pictures,) index of each picture's copy in `pixels`, or -1.
        metadata, unknown: float (N, 19) and (19,): the patients', and that of one of whom nothing is known.
        labels: (N,) class indices.
    """

    pixels: torch.Tensor
    copy_of: torch.Tensor
    metadata: torch.Tensor
    unknown: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)


def load_pictures(table: pd.DataFrame, device: torch.device, copies: Mapping[str, Path] | None = None) -> Pictures:
    """Read the rows' files; 3 GB for all of HAM10000 with its copies."""
    paths, copy_of = list(table["path"]), np.full(len(table), -1)
    for row, image_id in enumerate(table["image_id"]):
        if copies and image_id in copies:
            copy_of[row] = len(paths)
            paths.append(copies[image_id])
    pixels = torch.empty((len(paths), 3, *STORED), dtype=torch.uint8)
    for number, path in enumerate(paths):
        image = Image.open(path).convert("RGB").resize(STORED[::-1], Image.Resampling.BICUBIC)
        pixels[number] = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    patients = [encode_metadata(*row) for row in zip(*(table[c] for c in ("age", "sex", "localization")), strict=True)]
    return Pictures(
        pixels.to(device),
        torch.from_numpy(copy_of).to(device),
        torch.from_numpy(np.stack(patients)).to(device),
        torch.from_numpy(encode_metadata()).to(device),
        torch.tensor([CLASSES.index(dx) for dx in table["dx"]], device=device),
    )


def resized(pixels: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """uint8 (B, 3, h, w) -> float (B, 3, *size) in [0, 1], the whole picture."""
    return F.interpolate(pixels.float() / 255, size=size, mode="bicubic", antialias=True).clamp(0, 1)


def mean_colour(pictures: torch.Tensor) -> torch.Tensor:
    """(B, 3, H, W) in [0, 1] -> (B, 3): the mean of what is not dark, as `preprocessing.balance_colour` takes it."""
    seen = (pictures.amax(dim=1, keepdim=True) > DARK / 255).to(pictures.dtype)
    return (pictures * seen).sum(dim=(2, 3)) / seen.sum(dim=(2, 3)).clamp_min(1)
