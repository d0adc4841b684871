"""Trainable matrix transformations that start as a discrete cosine transform (Alberti et al. 2019)."""

import torch
from scipy.fft import dct
from torch import nn


class MatrixTransformation(nn.Module):
    """Every channel X of a map becomes R X C: (B, C, h, w) -> the same shape; R and C are learnt, for all channels.

    Args:
        height, width: of the map.
        spectral: start as the orthonormal two-dimensional DCT-II; else as the identity, which leaves the map as it is.
    """

    def __init__(self, height: int, width: int, spectral: bool = True):
        super().__init__()
        self.rows = nn.Parameter(_start(height, spectral))
        self.columns = nn.Parameter(_start(width, spectral).T.contiguous())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rows @ x @ self.columns


def _start(size: int, spectral: bool) -> torch.Tensor:
    identity = torch.eye(size)
    return torch.from_numpy(dct(identity.double().numpy(), norm="ortho", axis=0)).float() if spectral else identity
