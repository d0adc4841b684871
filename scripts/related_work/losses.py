"""Losses for few pictures of rare classes: focal loss, and what Yao et al. 2021 make of it."""

import math

import torch
from torch.nn import functional as F

from hfskin.model.labels import CLASSES


def _focus(loss: torch.Tensor, gamma: float) -> torch.Tensor:
    """(1 - p)^gamma where p = exp(-loss); below a millionth it is cut, where a gamma under 1 has no gradient."""
    return (-torch.expm1(-loss)).clamp_min(1e-6) ** gamma


class FocalLoss:
    """Mean of w_y * (1 - p_y)^gamma * -ln p_y (Lin et al. 2017): what is learnt already counts little.

    Args:
        weights: (7,) of the classes.
        gamma: 0 is the weighted cross-entropy.
    """

    def __init__(self, weights: torch.Tensor, gamma: float = 2.0):
        self.weights, self.gamma = weights, gamma

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        ce = F.cross_entropy(logits, labels, reduction="none")
        return (self.weights[labels] * _focus(ce, self.gamma) * ce).mean()


class MultiWeightedNewLoss:
    """Yao et al.'s loss: a sigmoid for every class, focal, weighted by class, and cut for what looks mislabelled.

    Of picture i with class y it is w_y * sum over c of (1 - p_ic)^gamma * min(-ln p_ic, -ln beta), where p_ic is the
    probability that its sigmoid gives to the truth about class c; divided by the sum of the weights of all terms. Where
    it is cut, an outlier teaches through the focal factor alone. w_c = N_c^-power, scaled to a mean of 1 over the
    classes. After the authors' code, which fits this description.

    With `cumulative`, their strategy that learns features first and balance later: the power is 0 until `start`, then
    grows as the square up to `end`. `epoch` is the share of the run that is done.

    Args:
        counts: (7,) training pictures of each class.
    """

    def __init__(
        self,
        counts: torch.Tensor,
        power: float = 1.0,
        gamma: float = 0.6,
        beta: float = 0.1,
        cumulative: bool = False,
        start: float = 0.2,
        end: float = 0.6,
    ):
        self.counts, self.power, self.gamma, self.beta = counts, power, gamma, beta
        self.cumulative, self.start, self.end, self.epoch = cumulative, start, end, 0.0

    def class_weights(self) -> torch.Tensor:
        """(7,), mean 1, at the share of the run that is done."""
        progress = min(1.0, max(0.0, (self.epoch - self.start) / (self.end - self.start))) ** 2
        weights = self.counts.double() ** -(self.power * (progress if self.cumulative else 1.0))
        return (weights * len(CLASSES) / weights.sum()).float()

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        truth = F.one_hot(labels, len(CLASSES)).to(logits)
        bce = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        terms = _focus(bce, self.gamma) * bce.clamp(max=-math.log(self.beta))
        weights = self.class_weights()[labels, None].expand_as(terms)
        return (weights * terms).sum() / weights.sum()
