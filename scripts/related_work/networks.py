"""A whole network trained for a few epochs, with and without what keeps it from learning by heart.

CutOut (DeVries and Taylor 2017; Nadipineni 2020) and RandAugment (Cubuk et al. 2020) from torchvision, DropBlock
(Ghiasi et al. 2018; both in Yao et al. 2021) from timm.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import nn

from hfskin.model.backbones import create_backbone  # makes torchvision importable
from hfskin.model.labels import CLASSES
from hfskin.training.losses import class_weights

from .features import BACKBONE, parts_of, pooled
from .heads import Head, measured
from .losses import FocalLoss
from .material import Material, resized
from .methods import PAPERS_WIDTH, branch

EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 3, 32, 1e-3, 0.05
SIZE = (72, 96)  # of what the network reads
BLOCK, DROP = 3, 0.1  # of the map of stride 16, 5 by 6 places here; timm's probability, by which a sixth of them goes


class Network(nn.Module):
    """A backbone with the paper's metadata branch: (B, 3, H, W) and (B, 19) -> (B, 7)."""

    def __init__(self, weights: str | None):
        super().__init__()
        self.backbone = create_backbone(BACKBONE, weights=weights)
        self.head = Head(self.backbone.num_features, branch(), PAPERS_WIDTH)

    def forward(self, pixels: torch.Tensor, metadata: torch.Tensor) -> torch.Tensor:
        return self.head(pooled(self.backbone.forward_features(resized(pixels, SIZE))), metadata)


def cut_out() -> Callable[[torch.Tensor], torch.Tensor]:
    """A grey square in every other picture, uint8 (3, H, W): 2 to 25 % of it, wherever it fits."""
    from torchvision.transforms import v2

    return v2.RandomErasing(p=0.5, scale=(0.02, 0.25), ratio=(1.0, 1.0), value=128)


def rand_augment() -> Callable[[torch.Tensor], torch.Tensor]:
    """Two of torchvision's changes at 9 of 30 of their strength, uint8 (3, H, W): not Yao et al.'s own choice."""
    from torchvision.transforms import v2

    return v2.RandAugment(num_ops=2, magnitude=9)


def add_drop_block(backbone: nn.Module) -> None:
    """Drop blocks of the last map of stride 16 while training."""
    from timm.layers import DropBlock2d

    backbone.blocks[-3] = nn.Sequential(backbone.blocks[-3], DropBlock2d(DROP, BLOCK))


def fine_tuned(
    material: Material,
    seed: int,
    augment: Callable[[], Callable[[torch.Tensor], torch.Tensor]] | None = None,
    change: Callable[[nn.Module], None] | None = None,
) -> dict:
    """Figures of a network that is trained on the training part, mirrored at random.

    Args:
        augment: makes what a training picture goes through, uint8 (3, H, W) -> the same.
        change: of the backbone.
    """
    torch.manual_seed(seed)
    parts = parts_of(material.fold, seed)
    network = Network(material.weights).to(memory_format=torch.channels_last)
    if change:
        change(network.backbone)
    train(network, material, parts["train"], augment() if augment else None)

    @torch.inference_mode()
    def answer(rows: torch.Tensor) -> np.ndarray:
        parts = [network(material.normalised(material.small[r] / 255), material.metadata[r]) for r in rows.split(64)]
        return torch.cat(parts).numpy()

    calibrate, judged = parts["calibrate"], parts["judge"]
    return measured(answer(calibrate), material.labels[calibrate].numpy(),
                    answer(judged), material.labels[judged].numpy())  # fmt: skip


def train(network: nn.Module, material: Material, rows: torch.Tensor, augment: Callable | None) -> None:
    """AdamW, half a cosine behind a short warm-up, the paper's weighted loss."""
    counts = torch.bincount(material.labels[rows], minlength=len(CLASSES))
    loss = FocalLoss(class_weights(counts.tolist()), gamma=0.0)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * (len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    network.train()
    for _ in range(EPOCHS):
        order = rows[torch.randperm(len(rows))]
        for batch in order[: len(order) // BATCH * BATCH].split(BATCH):
            pictures = mirrored(material.small[batch])
            if augment:
                pictures = torch.stack([augment(picture) for picture in pictures])
            optimizer.zero_grad()
            logits = network(material.normalised(pictures / 255), material.metadata[batch])
            loss(logits, material.labels[batch]).backward()
            optimizer.step()
            schedule.step()
    network.eval()


def mirrored(pictures: torch.Tensor) -> torch.Tensor:
    """(B, ..., H, W), each mirrored or not in both directions."""
    for axis in (-2, -1):
        chosen = torch.rand(len(pictures)) < 0.5
        pictures = torch.where(chosen.view(-1, *[1] * (pictures.ndim - 1)), pictures.flip(axis), pictures)
    return pictures


METHODS: dict[str, Callable[[Material, int], dict]] = {
    "mirrored alone": fine_tuned,
    "CutOut": partial(fine_tuned, augment=cut_out),
    "RandAugment": partial(fine_tuned, augment=rand_augment),
    "DropBlock": partial(fine_tuned, change=add_drop_block),
}
