"""The in-distribution gate: does a picture look like the training pictures to the model's own features?"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F


class FeatureGate(nn.Module):
    """Mahalanobis distance in the principal subspace of the training features, plus what lies outside it.

    A feature vector has one part a feature map. Each part is first replaced by the signed square roots of its entries,
    scaled to length 1, so that which channels answer counts and not how strongly. Without that the gate fails: other
    pictures have weak features, which lie near the centre of the lesions' strong ones. After centring, a vector is
    projected on the leading principal components; its whitened squared length there and the whitened squared residual
    (as in ViM, Wang et al. 2022) are added. The score is minus the root of the mean per dimension: about -1 for a
    training picture, lower for others. docs/gates.md compares it with others.

    The numbers are buffers, so the gate travels inside the checkpoint's safetensors file. They are spreads rather than
    variances, which would be too small for 16-bit floats.

    Args:
        sizes: of the parts; their sum is D, the size of a feature vector.
        components: k, the number of principal components kept.
    """

    mean: torch.Tensor
    basis: torch.Tensor
    spread: torch.Tensor
    residual_spread: torch.Tensor

    def __init__(self, sizes: Sequence[int], components: int):
        super().__init__()
        self.sizes, features = list(sizes), sum(sizes)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("basis", torch.zeros(features, components))
        self.register_buffer("spread", torch.ones(components))
        self.register_buffer("residual_spread", torch.ones(1))

    def reset_parameters(self) -> None:
        """As before `fit`."""
        for values in (self.mean, self.basis):
            nn.init.zeros_(values)
        for spread in (self.spread, self.residual_spread):
            nn.init.ones_(spread)

    @torch.no_grad()
    def fit(self, features: torch.Tensor) -> None:
        """Set the gate from training features of shape (N, D).

        Raises:
            ValueError: too few features for the number of components.
        """
        k, most = self.spread.numel(), min(len(features) - 1, features.shape[1]) - 1
        if k > most:
            n, size = features.shape
            raise ValueError(
                f"{n} training pictures with {size} features carry at most {most} gate components, not {k}"
            )
        directions = self._directions(features.double())
        values, vectors = torch.linalg.eigh(torch.cov(directions.T))
        self.mean.copy_(directions.mean(dim=0))
        self.basis.copy_(vectors[:, -k:])
        self.spread.copy_(values[-k:].sqrt())
        self.residual_spread.copy_(values[:-k].clamp_min(0).sum().sqrt())

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Features (B, D) -> scores (B,), float32."""
        centred = self._directions(features.float()) - self.mean.float()
        projected = centred @ self.basis.float()
        inside = (projected / self.spread.float()).square().sum(dim=1)
        residual = (centred.square().sum(dim=1) - projected.square().sum(dim=1)).clamp_min(0)
        outside = residual / self.residual_spread.float().square()
        k = self.spread.numel()
        return -((inside + k * outside) / (2 * k)).sqrt()

    def _directions(self, features: torch.Tensor) -> torch.Tensor:
        roots = features.sign() * features.abs().sqrt()
        return torch.cat([F.normalize(part, dim=1) for part in roots.split(self.sizes, dim=1)], dim=1)
