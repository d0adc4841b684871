"""Networks that answer together."""

import torch
from torch import nn


class EnsembleMember(nn.Module):
    """Another network that answers with a model: an ensemble (Lakshminarayanan et al. 2017), whose logits are averaged.

    Args:
        network: a [`HfskinForImageClassification`]. Its pixels are the model's times `scale` plus `shift`, a number per
            channel, since each backbone has a mean and std of its own; they are resized to its own `image_size`.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self.register_buffer("scale", torch.empty(3, 1, 1))
        self.register_buffer("shift", torch.empty(3, 1, 1))
        self.reset_parameters()

    def forward(self, pixel_values: torch.Tensor, patients: list[torch.Tensor | None]) -> list[torch.Tensor]:
        """The model's pixels (B, 3, H, W) -> its own logits (B, num_labels) for each patient, see
        [`HfskinForImageClassification.classify`]."""
        pixel_values = pixel_values.to(self.scale) * self.scale + self.shift
        size = tuple(self.network.config.image_size)
        if tuple(pixel_values.shape[2:]) != size:
            pixel_values = nn.functional.interpolate(pixel_values, size=size, mode="bilinear", antialias=True)
        features = self.network.image_model(pixel_values, return_dict=True).pooler_output
        return self.network.classify(pixel_values, features, patients)

    def reset_parameters(self) -> None:
        """The model's own pixels."""
        nn.init.ones_(self.scale)
        nn.init.zeros_(self.shift)
