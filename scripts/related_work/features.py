"""Last feature maps of a frozen, pretrained backbone: what the methods that change only the head are compared on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from hfskin.model.backbones import create_backbone

BACKBONE, BATCH = "mobilenet_v3_small", 64


def parts_of(fold: np.ndarray, seed: int) -> dict[str, torch.Tensor]:
    """Rows to train on, to fit the temperature on, and to judge by: "train", "calibrate" and "judge".

    Args:
        fold: (N,) the tenth of the lesions; tenth 0 is the test part of the published models and in none.
        seed: 0 to 3.
    """
    calibrate, judge = 1 + seed, 5 + seed
    chosen = {"calibrate": fold == calibrate, "judge": fold == judge}
    chosen["train"] = ~np.isin(fold, (0, calibrate, judge))
    return {part: torch.from_numpy(np.flatnonzero(rows)) for part, rows in chosen.items()}


def pooled(maps: torch.Tensor) -> torch.Tensor:
    """(N, C, h, w) -> (N, C), the mean over the places."""
    return maps.mean(dim=(2, 3))


@dataclass(frozen=True)
class Features:
    """Of every row of a table.

    Attributes:
        maps: float (N, C, h, w), each channel with mean 0 and standard deviation 1 over rows and places.
        metadata: (N, 19).
        labels: (N,) class indices.
        fold: (N,) the tenth of the lesions, as in the "lesion" split.
        strange: (M, C, h, w), scaled as `maps`: of photographs of other things, where there are any.
    """

    maps: torch.Tensor
    metadata: torch.Tensor
    labels: torch.Tensor
    fold: np.ndarray
    strange: torch.Tensor | None = None

    def parts(self, seed: int) -> dict[str, torch.Tensor]:
        """See [`parts_of`]."""
        return parts_of(self.fold, seed)

    def with_maps(self, maps: torch.Tensor, strange: torch.Tensor | None = None) -> "Features":
        """The same rows with other maps, which are scaled here."""
        mean, std = maps.mean(dim=(0, 2, 3), keepdim=True), maps.std(dim=(0, 2, 3), keepdim=True) + 1e-6
        return replace(self, maps=(maps - mean) / std, strange=None if strange is None else (strange - mean) / std)


def read_maps(cache: Path, weights: str | None, batches: Callable[[], Iterable[torch.Tensor]]) -> torch.Tensor:
    """Maps of pictures, computed once.

    Args:
        cache: a .npy file, read where it is there.
        weights: as for `create_backbone`.
        batches: () -> the pictures as the network reads them, (B, 3, H, W).
    """
    if cache.is_file():
        return torch.from_numpy(np.load(cache)).float()
    network = create_backbone(BACKBONE, weights=weights).eval().to(memory_format=torch.channels_last)
    with torch.inference_mode():
        maps = torch.cat([network.forward_features(batch).half() for batch in batches()])
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.save(cache, maps.numpy())
    return maps.float()
