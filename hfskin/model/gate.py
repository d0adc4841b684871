"""The gate: is this a dermatoscopic picture of a skin lesion at all?"""

import torch
from torch import nn


class LesionGate(nn.Module):
    """Logistic regression on the signed square roots of the model's own features.

    The score is the log-odds of a lesion against everything else where both are as frequent: 0 is undecided. Roots,
    since otherwise the few channels that answer strongly would decide alone. It is fitted to lesions and to pictures of
    other things (outlier exposure, Hendrycks et al. 2019) by `calibration/gate.py`: what lies far from the training
    pictures is not the question, since a lesion from another clinic does too. docs/gates.md compares.

    The numbers are buffers, so the gate travels inside the checkpoint's safetensors file; the features' spread is part
    of the weights, which 16-bit floats can then hold.

    Args:
        features: D, the size of a feature vector.
    """

    weight: torch.Tensor
    bias: torch.Tensor

    def __init__(self, features: int):
        super().__init__()
        self.register_buffer("weight", torch.zeros(features))
        self.register_buffer("bias", torch.zeros(1))

    def reset_parameters(self) -> None:
        """As before any fit: undecided."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Features (B, D) -> scores (B,), float32."""
        return roots(features.float()) @ self.weight.float() + self.bias.float()


def roots(features: torch.Tensor) -> torch.Tensor:
    """The signed square roots of features of any shape."""
    return features.sign() * features.abs().sqrt()
