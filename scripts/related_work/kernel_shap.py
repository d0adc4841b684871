"""Kernel SHAP on superpixels (Lundberg and Lee 2017; Young et al. 2019 on skin lesions), against the lesion's mask."""

from collections.abc import Callable
from itertools import combinations
from math import comb

import numpy as np
from skimage.segmentation import slic

ALL_BELOW = 2**10  # every coalition is asked where there are no more


def shapley_values(value: Callable[[np.ndarray], np.ndarray], players: int, samples: int, seed: int = 0) -> np.ndarray:
    """Shapley values of a game, by weighted least squares: (players,).

    Exact where the `samples` reach all coalitions. The values sum to what all players together have over none.

    Args:
        value: coalitions, bool (n, players) -> (n,).
        players: at least 2.
        samples: of coalitions drawn by the Shapley kernel, in pairs with their complements.
    """
    none, everyone = value(np.array([np.zeros(players, bool), np.ones(players, bool)]))
    coalitions, weights = _coalitions(players, samples, np.random.default_rng(seed))
    outcome = value(coalitions) - none
    # The last player's value is what the others leave of the total: the constraint is put in, not penalised.
    total, design = everyone - none, coalitions[:, :-1].astype(float) - coalitions[:, -1:]
    target = outcome - coalitions[:, -1] * total
    root = np.sqrt(weights)[:, None]
    first, *_ = np.linalg.lstsq(root * design, root[:, 0] * target, rcond=None)
    return np.append(first, total - first.sum())


def _coalitions(players: int, samples: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Coalitions, neither empty nor full, bool (n, players), and the weight of each in the regression."""
    sizes = np.arange(1, players)
    kernel = (players - 1) / (sizes * (players - sizes))  # of all coalitions of a size together
    if 2**players - 2 <= min(samples, ALL_BELOW):
        chosen = [members for size in sizes for members in combinations(range(players), size)]
        weights = np.array([kernel[len(members) - 1] / comb(players, len(members)) for members in chosen])
    else:  # drawn by the kernel, so that each draw weighs the same
        drawn = random.choice(sizes, size=samples // 2, p=kernel / kernel.sum())
        chosen = [random.permutation(players)[:size] for size in drawn]
        weights = np.ones(2 * len(chosen))
    coalitions = np.zeros((len(chosen), players), bool)
    for row, members in enumerate(chosen):
        coalitions[row, list(members)] = True
    if len(weights) > len(chosen):
        coalitions = np.concatenate([coalitions, ~coalitions])
    return coalitions, weights


def superpixel_heat(
    pixels: np.ndarray, answer: Callable[[np.ndarray], np.ndarray], segments: int = 30, samples: int = 128
) -> np.ndarray:
    """How much each part of a picture speaks for an answer, what speaks against it left out: (H, W), at least 0.

    A superpixel that does not take part is painted with the picture's mean colour.

    Args:
        pixels: uint8 (H, W, 3).
        answer: uint8 (n, H, W, 3) -> (n,).
    """
    labels = slic(pixels, n_segments=segments, compactness=20, start_label=0)
    mean = pixels.mean(axis=(0, 1)).round().astype(np.uint8)

    def value(coalitions: np.ndarray) -> np.ndarray:
        shown = coalitions[:, labels]  # (n, H, W)
        return answer(np.where(shown[..., None], pixels, mean))

    return shapley_values(value, labels.max() + 1, samples)[labels].clip(min=0)
