"""Attention supervision: lesion masks tell Soft-Attention where to look (Yan, Kawahara and Hamarneh 2019)."""

import torch
from torch.nn import functional as F

WEIGHT = 0.2  # of this loss beside that of the labels


def attention_loss(maps: torch.Tensor, lesion: torch.Tensor) -> torch.Tensor:
    """-log of the share of a map's attention that lies on the lesion, mean over the maps and the batch: a scalar.

    Args:
        maps: Soft-Attention, (B, K, h, w), each of which sums to 1.
        lesion: masks (B, 1, H, W), above 0 inside the lesion; an empty one says nothing.
    """
    inside = F.adaptive_avg_pool2d((lesion > 0).to(maps.dtype), maps.shape[2:])
    shares = (maps * inside).sum(dim=(2, 3))
    known = inside.amax(dim=(1, 2, 3)) > 0
    return -shares[known].clamp_min(torch.finfo(maps.dtype).tiny).log().sum() / shares.numel()
