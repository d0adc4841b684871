"""The weighted loss (paper, section 2.3)."""

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from ..model.labels import CLASSES


def class_weights(counts: Sequence[int], power: float = 1.0, classes: Sequence[str] = CLASSES) -> torch.Tensor:
    """W_c = (N / (C * N_c)) ** power, shape (C,).

    Power 1 is the paper's formula (section 2.3), 0.5 its square root, 0 no weights. A power other than 1 is scaled so
    that the weights average 1 over the samples, as the paper's do.

    Raises:
        ValueError: a class without samples.
    """
    n = torch.as_tensor(counts, dtype=torch.float64)
    if (n == 0).any():
        missing = [name for name, count in zip(classes, counts, strict=False) if count == 0]
        raise ValueError(f"no training pictures of {', '.join(missing)}; each of the {len(n)} classes needs some")
    weights = (n.sum() / (len(n) * n)) ** power
    return (weights * n.sum() / (weights * n).sum()).float()


class WeightedCrossEntropy:
    """Mean over the samples of W_y * cross-entropy (paper, section 2.3), callable as Trainer's `compute_loss_func`.

    torch's own `weight=` divides by the sum of the batch's weights, which cancels much of the weighting; the paper and
    Keras divide by the number of samples.
    """

    def __init__(self, weights: torch.Tensor, label_smoothing: float = 0.0):
        self.weights, self.label_smoothing = weights, label_smoothing

    def __call__(self, outputs, labels: torch.Tensor, num_items_in_batch=None) -> torch.Tensor:
        """outputs.logits (B, C) and labels (B,) -> a scalar.

        `num_items_in_batch` is the size of the whole batch where B is one process's part of it: Trainer multiplies by
        the number of processes and averages over them, so that their sum is divided by it.
        """
        loss = F.cross_entropy(outputs.logits.float(), labels, reduction="none", label_smoothing=self.label_smoothing)
        size = len(labels) if num_items_in_batch is None else num_items_in_batch
        return (self.weights.to(loss.device)[labels] * loss).sum() / size
