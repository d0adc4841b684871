"""Soft-Attention's maps as one picture."""

from functools import cache

import numpy as np

_A = -0.75  # of the cubic convolution kernel (Keys 1981), as in OpenCV and torch


def attention_map(maps: np.ndarray | None, size: tuple[int, int], turned: bool = False) -> np.ndarray | None:
    """The K maps (K, h, w) summed, enlarged to `size` (bicubic) and scaled to [0, 1]: float32 (H, W); None without
    maps. Those of a picture that the model saw `turned` lie as the picture does, (W, H)."""
    if maps is None:
        return None
    alpha = maps.astype(np.float32).sum(axis=0)
    rows, columns = (_bicubic(source, target) for source, target in zip(alpha.shape, size, strict=True))
    alpha = rows @ alpha @ columns.T
    low, high = alpha.min(), alpha.max()
    heat = (alpha - low) / max(high - low, np.float32(1e-12))
    return np.rot90(heat, -1) if turned else heat


@cache
def _bicubic(source: int, target: int) -> np.ndarray:
    """The weights (target, source) that enlarge a line; beyond its ends the last value goes on."""
    position = (np.arange(target) + 0.5) * source / target - 0.5
    first = np.floor(position).astype(int)
    weights = np.zeros((target, source))
    for offset in (-1, 0, 1, 2):
        taken = (first + offset).clip(0, source - 1)
        np.add.at(weights, (np.arange(target), taken), _kernel(np.abs(position - (first + offset))))
    return weights.astype(np.float32)


def _kernel(x: np.ndarray) -> np.ndarray:
    near = (_A + 2) * x**3 - (_A + 3) * x**2 + 1
    far = _A * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x <= 1, near, far)
