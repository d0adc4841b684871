"""Variational inference in the space of functions (Sun et al. 2019), as Poduval et al. 2020 use it for diagnosis."""

import torch
from torch import nn
from torch.nn import functional as F

from hfskin.model.labels import CLASSES

DRAWS = 32


class GaussianLogits(nn.Module):
    """A head whose logits of a picture are Gaussian: mean and standard deviation from one hidden layer.

    `forward` gives a draw (B, 7) while training, and afterwards the logarithm of the mean probability over `DRAWS`
    draws, from random numbers that are the same at every call.
    """

    def __init__(self, inputs: int, hidden: int = 128):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU())
        self.mean, self.raw = nn.Linear(hidden, len(CLASSES)), nn.Linear(hidden, len(CLASSES))

    def distribution(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, inputs) -> mean and standard deviation of the logits, (B, 7) each."""
        hidden = self.body(x)
        return self.mean(hidden), F.softplus(self.raw(hidden)) + 1e-4

    def forward(self, x: torch.Tensor, metadata: torch.Tensor) -> torch.Tensor:
        mean, std = self.distribution(torch.cat([x, metadata], dim=1))
        if self.training:
            return mean + std * torch.randn_like(std)
        noise = torch.randn(DRAWS, *std.shape, generator=torch.Generator().manual_seed(0))
        return (mean + std * noise).softmax(dim=-1).mean(dim=0).log()


def function_divergence(mean: torch.Tensor, std: torch.Tensor, prior_std: float) -> torch.Tensor:
    """KL of N(mean, std^2) from the prior N(0, prior_std^2): over the classes the sum, over the points the mean.

    Args:
        mean, std: (M, 7) of the function's values there.
    """
    ratio = (std / prior_std) ** 2
    return 0.5 * (ratio + (mean / prior_std) ** 2 - 1 - ratio.log()).sum(dim=1).mean()


class FunctionalELBO:
    """The negative evidence bound: the loss of a batch, and the function's distance from the prior elsewhere.

    The points are training inputs moved by noise of their own size, so that they lie beyond the data too: there the
    likelihood says nothing and the function returns to the prior, which knows nothing. The function's values at
    different points are taken to be independent.

    Args:
        head: see [`GaussianLogits`].
        inputs: (N, inputs) of the training rows.
        likelihood: the loss of a draw of the logits.
        weight: of the divergence.
    """

    def __init__(
        self, head: GaussianLogits, inputs: torch.Tensor, likelihood, weight: float = 0.01, prior_std: float = 1.0
    ):
        self.head, self.inputs, self.likelihood = head, inputs, likelihood
        self.weight, self.prior_std = weight, prior_std

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        points = self.inputs[torch.randint(len(self.inputs), (len(labels),))]
        points = points + torch.randn_like(points)
        divergence = function_divergence(*self.head.distribution(points), self.prior_std)
        return self.likelihood(logits, labels) + self.weight * divergence
