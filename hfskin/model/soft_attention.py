"""Soft-Attention (paper, section 2.2.2; Datta et al. 2021)."""

import torch
from torch import nn


class SoftAttention(nn.Module):
    """f_sa = gamma * t * sum_k softmax(W_k * t)   (paper, section 2.2.2).

    W_k is a 3x3 kernel over all channels of t, so the K maps come from one `Conv2d(C, K, 3, padding=1)`: the paper's
    Conv3d whose kernel spans the whole depth, computed as what it is. (The authors' Keras layer has a kernel of depth 3
    on a volume whose depth is the width, and so reads only three channels; that is not reproduced.) The softmax runs
    over the H*W positions of each map, hence a bias would cancel and there is none.

    Args:
        channels: C, the channels of the feature map.
        maps: K, the number of attention maps; 16 in the paper.
        gamma: start of the learnable scale; 0.01 in Datta et al., not stated in the paper.
    """

    def __init__(self, channels: int, maps: int = 16, gamma: float = 0.01):
        super().__init__()
        self.conv = nn.Conv2d(channels, maps, kernel_size=3, padding=1, bias=False)
        self.start = float(gamma)
        self.gamma = nn.Parameter(torch.empty(1))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """As before any training."""
        self.conv.reset_parameters()  # weaker than what suits a backbone: the maps start nearly even
        nn.init.constant_(self.gamma, self.start)

    def forward(self, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """t of shape (B, C, H, W) -> f_sa (B, C, H, W) and the maps (B, K, H, W), each of which sums to 1."""
        maps = self.conv(t).flatten(2).float().softmax(dim=-1).view(t.shape[0], -1, *t.shape[2:])
        alpha = maps.sum(dim=1, keepdim=True).to(t.dtype)
        return self.gamma * alpha * t, maps
