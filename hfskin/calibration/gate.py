"""Fitting the in-distribution gate of a checkpoint."""

import math

import numpy as np
import torch

from ..model.gate import FeatureGate
from ..model.modeling_hfskin import HfskinForImageClassification


def fit_gate(model: HfskinForImageClassification, features: np.ndarray, components: int) -> None:
    """Give `model` a gate, fitted to training features of shape (N, F), in place of the one it may have.

    Raises:
        ValueError: more components than the features can carry.
    """
    gate = FeatureGate(model.image_model.feature_sizes, components)
    gate.fit(torch.from_numpy(features))
    model.gate = gate.to(model.device)
    model.config.gate_components = components


def fit_gate_threshold(scores: np.ndarray, accepted: float) -> float:
    """The highest threshold that a share of at least `accepted` of the scores (N,) reaches."""
    refused = math.floor(len(scores) * (1 - accepted) + 1e-9)
    return float(np.sort(scores)[refused])
