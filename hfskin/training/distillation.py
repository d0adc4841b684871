"""Learning from larger models: knowledge distillation (Hinton, Vinyals and Dean 2015)."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch.nn import functional as F

from ..model.image_processing_hfskin import HfskinImageProcessor
from ..model.labels import CLASSES, class_names
from ..model.modeling_hfskin import HfskinForImageClassification

TEMPERATURE = 2.0  # softens what the teachers say, so that the classes they find second and third are heard
WEIGHT = 0.5  # of the teachers against the labels


class Teachers:
    """Checkpoints whose mean answer to a batch is what a student should say too.

    Each sees the student's own augmented pictures, resized and normalised as it was trained to see them.

    Args:
        checkpoints: folders. They must have been trained on the same split as the student, or they hand it what they
            remember of its validation and test part.
        processor: the student's.
        classes: the student's, in the order of its logits.

    Raises:
        ValueError: a teacher answers other classes.
    """

    def __init__(
        self,
        checkpoints: Sequence[Path],
        processor: HfskinImageProcessor,
        device: torch.device,
        classes: Sequence[str] = CLASSES,
    ):
        self.models: list[HfskinForImageClassification] = []
        self.scales: list[tuple[torch.Tensor, torch.Tensor]] = []
        for folder in checkpoints:
            model = HfskinForImageClassification.from_pretrained(folder, dtype=torch.float32)
            if class_names(model.config) != tuple(classes):
                theirs = ", ".join(class_names(model.config))
                raise ValueError(f"{folder} answers {theirs}, and is asked to teach {', '.join(classes)}")
            model.gate = None
            self.models.append(model.to(device, memory_format=torch.channels_last).eval())
            scale, shift = renormalisation(processor, HfskinImageProcessor.from_pretrained(folder))
            self.scales.append((scale.to(device), shift.to(device)))

    @torch.no_grad()
    def probabilities(self, pixel_values: torch.Tensor, metadata: torch.Tensor) -> torch.Tensor:
        """The mean over the teachers of softmax(logits / TEMPERATURE): (B, 3, H, W) and (B, 19) -> (B, C)."""
        answers = []
        for model, (scale, shift) in zip(self.models, self.scales, strict=True):
            pixels = pixel_values * scale + shift
            size = tuple(model.config.image_size)
            if tuple(pixels.shape[2:]) != size:
                pixels = F.interpolate(pixels, size=size, mode="bilinear", antialias=True)
            logits = model(pixel_values=pixels, metadata=metadata).logits.float()
            answers.append((logits / TEMPERATURE).softmax(dim=-1))
        return torch.stack(answers).mean(dim=0)

    def loss(self, logits: torch.Tensor, pixel_values: torch.Tensor, metadata: torch.Tensor) -> torch.Tensor:
        """TEMPERATURE^2 times the divergence of the student's softened answer from the teachers', mean over the batch.

        Args:
            logits: the student's, (B, C).
        """
        wanted = self.probabilities(pixel_values, metadata)
        said = F.log_softmax(logits.float() / TEMPERATURE, dim=-1)
        return TEMPERATURE**2 * F.kl_div(said, wanted, reduction="batchmean")


def renormalisation(given: HfskinImageProcessor, wanted: HfskinImageProcessor) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and shift, (3, 1, 1) each, that make normalised pixels of one processor those of another."""
    (mean, std), (its_mean, its_std) = (
        (torch.tensor(p.image_mean).view(3, 1, 1), torch.tensor(p.image_std).view(3, 1, 1)) for p in (given, wanted)
    )
    return std / its_std, (mean - its_mean) / its_std
