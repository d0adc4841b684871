"""Training and judging a small head on frozen features, the same for every method that is compared."""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from torch import nn

from hfskin.calibration.thresholds import fit_temperature
from hfskin.evaluation.bootstrap import LesionBootstrap
from hfskin.evaluation.calibration import calibration_errors, negative_log_likelihood
from hfskin.inference.decisions import softmax
from hfskin.model.labels import CLASSES

EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 20, 128, 1e-3, 1e-2

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # logits (B, 7), labels (B,) -> a scalar


class Head(nn.Module):
    """Logits from pooled features and a metadata branch.

    Args:
        channels: of the features.
        branch: (B, 19) -> (B, width); None leaves the metadata out.
        width: of the branch's output.
    """

    def __init__(self, channels: int, branch: nn.Module | None = None, width: int = 0):
        super().__init__()
        self.branch = branch
        self.classifier = nn.Linear(channels + width, len(CLASSES))

    def forward(self, x: torch.Tensor, metadata: torch.Tensor) -> torch.Tensor:
        """(B, C) and (B, 19) -> (B, 7)."""
        return self.classifier(x if self.branch is None else torch.cat([x, self.branch(metadata)], dim=1))


def fit(head: nn.Module, x: torch.Tensor, metadata: torch.Tensor, labels: torch.Tensor, step: Loss, seed: int) -> None:
    """Train a head with AdamW and half a cosine; its order of pictures depends on the seed alone.

    Args:
        x, metadata, labels: of the training rows.
        step: the loss of a batch. One with an attribute `epoch` is told the share of the run that is done, and one with
            `after_step` is called after each step of the optimiser.
    """
    optimizer = torch.optim.AdamW(head.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * (len(labels) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
    random = torch.Generator().manual_seed(seed)
    head.train()
    for epoch in range(EPOCHS):
        if hasattr(step, "epoch"):
            step.epoch = epoch / EPOCHS
        order = torch.randperm(len(labels), generator=random)
        for rows in order[: len(order) // BATCH * BATCH].split(BATCH):
            optimizer.zero_grad()
            step(head(x[rows], metadata[rows]), labels[rows]).backward()
            optimizer.step()
            schedule.step()
            if hasattr(step, "after_step"):
                step.after_step()
    head.eval()


def measured(
    calibrate: np.ndarray,
    of_calibrate: np.ndarray,
    judge: np.ndarray,
    of_judge: np.ndarray,
    strange: np.ndarray | None = None,
) -> dict:
    """Figures of the judged part, its logits divided by the temperature that fits the calibration part.

    Args:
        calibrate, judge: logits (n, 7).
        of_calibrate, of_judge: labels (n,).
        strange: logits (m, 7) of what is no lesion: "strange" is the AUROC at which the greatest probability tells the
            judged part from it.
    """
    temperature = fit_temperature(calibrate, of_calibrate)
    probabilities = softmax(judge / temperature)
    everyone = LesionBootstrap(np.arange(len(of_judge)).astype(str))
    figures = {
        "bma": float(balanced_accuracy_score(of_judge, probabilities.argmax(axis=1))),
        "auc": float(roc_auc_score(of_judge, probabilities, multi_class="ovr")),
        "ece": float(calibration_errors(of_judge, probabilities, everyone)[0]),
        "nll": negative_log_likelihood(probabilities, of_judge),
    }
    if strange is not None:
        figures["strange"] = auroc(probabilities.max(axis=1), softmax(strange / temperature).max(axis=1))
    return figures


def auroc(lesions: np.ndarray, others: np.ndarray) -> float:
    """Of a score that is higher for lesions."""
    return float(roc_auc_score(np.arange(len(lesions) + len(others)) < len(lesions), np.append(lesions, others)))
