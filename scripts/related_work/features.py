"""Last feature maps of a frozen, pretrained backbone: what the methods that change only the head are compared on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from hfskin.data.dataset import LesionDataset
from hfskin.data.splits import N_FOLDS, folds
from hfskin.model.backbones import create_backbone
from hfskin.training.run import create_processor

BATCH = 64


@dataclass(frozen=True)
class Features:
    """Of every row of a table.

    Attributes:
        maps: float (N, C, h, w), each channel with mean 0 and standard deviation 1 over rows and places.
        metadata: (N, 19).
        labels: (N,) class indices.
        fold: (N,) the tenth of the lesions, as in the "lesion" split; tenth 0 is the test part and is left alone.
    """

    maps: torch.Tensor
    metadata: torch.Tensor
    labels: torch.Tensor
    fold: np.ndarray

    @property
    def pooled(self) -> torch.Tensor:
        """(N, C), the mean over the places."""
        return self.maps.mean(dim=(2, 3))

    def parts(self, seed: int) -> dict[str, torch.Tensor]:
        """Rows to train on, to fit the temperature on, and to judge by: "train", "calibrate" and "judge"."""
        calibrate, judge = 1 + seed, 5 + seed
        chosen = {"calibrate": self.fold == calibrate, "judge": self.fold == judge}
        chosen["train"] = ~np.isin(self.fold, (0, calibrate, judge))
        return {part: torch.from_numpy(np.flatnonzero(rows)) for part, rows in chosen.items()}


@torch.inference_mode()
def read_features(table: pd.DataFrame, backbone: str, weights: str, side: int, cache: Path) -> Features:
    """Compute, or read again from `cache`, the maps of all pictures of a table, `side` pixels square.

    Args:
        weights: a safetensors file, or "timm".
    """
    processor = create_processor(backbone, weights, (side, side))
    pictures = LesionDataset(table, processor)
    if cache.is_file():
        maps = torch.from_numpy(np.load(cache))
    else:
        network = create_backbone(backbone, weights=weights).eval().to(memory_format=torch.channels_last)
        loader = torch.utils.data.DataLoader(pictures, batch_size=BATCH)
        maps = torch.cat([network.forward_features(batch["pixel_values"]).half() for batch in loader])
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, maps.numpy())
    maps = maps.float()
    mean, std = maps.mean(dim=(0, 2, 3), keepdim=True), maps.std(dim=(0, 2, 3), keepdim=True)
    return Features((maps - mean) / (std + 1e-6), pictures.metadata, pictures.labels, folds(table, N_FOLDS))
