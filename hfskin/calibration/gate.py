"""Fitting a checkpoint's gate: a logistic regression between lesions and pictures of other things."""

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from ..model.gate import LesionGate, roots

if TYPE_CHECKING:
    from ..model.modeling_hfskin import HfskinForImageClassification

# C of the logistic regression times the number of pictures, so that the odds do not depend on it. Plainly regularised:
# of hundreds of features some happen to fit a few pictures.
STRENGTH = 400
FLOOR = 0.05  # of the features' mean spread: a channel that is nearly always silent must not outvote the others
# A refusal must be sure: the picture is twice as likely something else. (Both count as equally frequent.)
SURE = -math.log(2)
ACCEPTED = 0.995  # share of the validation pictures that pass at least, whatever the odds say
UNUSUAL = 0.05  # share of the validation pictures that count as unusual
OFTENER = 1.5  # than other answers an unusual one must be wrong to be called so
ENOUGH = 20  # unusual pictures to tell it by


def fit_gate(model: "HfskinForImageClassification", lesions: np.ndarray, others: np.ndarray) -> None:
    """Give `model` a [`fitted_gate`] in place of the one it may have."""
    model.gate, model.config.gate = fitted_gate(lesions, others).to(model.device), True


def fitted_gate(lesions: np.ndarray, others: np.ndarray) -> LesionGate:
    """
    Args:
        lesions: features (N, F) of lesions, see `exposure.lesion_views`.
        others: features (M, F) of pictures of other things. Both kinds count the same, whatever N and M.
    """
    values = roots(torch.from_numpy(np.concatenate([lesions, others]))).double().numpy()
    mean, spread = values.mean(axis=0), values.std(axis=0)
    spread = np.maximum(spread, FLOOR * spread.mean())
    is_lesion = np.arange(len(values)) < len(lesions)
    fitted = LogisticRegression(C=STRENGTH / len(values), class_weight="balanced", max_iter=2000)
    fitted.fit((values - mean) / spread, is_lesion)
    weight = fitted.coef_[0] / spread
    gate = LesionGate(values.shape[1])
    gate.weight.copy_(torch.from_numpy(weight))
    gate.bias.fill_(float(fitted.intercept_[0] - weight @ mean))
    return gate


def fit_gate_threshold(scores: np.ndarray) -> float:
    """From the scores (N,) of lesions that nothing was fitted to: `SURE`, or less where too many of them lie below."""
    refused = math.floor(len(scores) * (1 - ACCEPTED) + 1e-9)
    return min(SURE, float(np.sort(scores)[refused]))


def fit_unusual_threshold(scores: np.ndarray, wrong: np.ndarray) -> float | None:
    """The score that `UNUSUAL` of the validation pictures lie below, if that tells something about the answers.

    Args:
        scores: (N,)
        wrong: (N,) whether the most probable class is not the true one.

    Returns:
        None where fewer than `ENOUGH` pictures lie below it, or are not wrong at least `OFTENER` as often as the rest:
        a mark that says nothing teaches people to overlook it.
    """
    threshold = float(np.quantile(scores, UNUSUAL))
    below = scores < threshold
    if below.sum() < ENOUGH or wrong[below].mean() < OFTENER * wrong[~below].mean():
        return None
    return threshold
