"""The U-Net trained on the lesion masks, and classification of what it cuts out (Mahbod et al., Lee et al.)."""

from collections.abc import Callable

import numpy as np
import torch

from .features import parts_of
from .material import WHOLE, Material, resized
from .methods import baseline
from .networks import mirrored
from .segmentation import UNet, cropped, dice, masked, padded, segmentation_loss

EPOCHS, BATCH, LEARNING_RATE = 2, 32, 2e-3


def found_masks(material: Material, seed: int) -> torch.Tensor:
    """bool (N, 1, *WHOLE) of every picture, by a U-Net that was trained on the seed's training part."""
    cache = material.cache / f"masks-{seed}.npy"
    if not cache.is_file():
        network = trained_unet(material, parts_of(material.fold, seed)["train"], seed)
        with torch.inference_mode():
            masks = [network(material.normalised(part / 255)) > 0 for part in material.small.split(64)]
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, torch.cat(masks).numpy())
    return torch.from_numpy(np.load(cache))


def trained_unet(material: Material, rows: torch.Tensor, seed: int) -> UNet:
    torch.manual_seed(seed)
    network = UNet(material.weights).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE)
    steps = EPOCHS * (len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    for _ in range(EPOCHS):
        order = rows[torch.randperm(len(rows))]
        for batch in order[: len(order) // BATCH * BATCH].split(BATCH):
            both = mirrored(torch.cat([material.small[batch] / 255, material.masks[batch].float()], dim=1))
            optimizer.zero_grad()
            segmentation_loss(network(material.normalised(both[:, :3])), both[:, 3:]).backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def segmentation(material: Material, seed: int) -> dict:
    """Dice of the judged part, beside an ellipse in the middle that is as large as the mean lesion."""
    parts = parts_of(material.fold, seed)
    truth = material.masks[parts["judge"]].float()
    share = float(material.masks[parts["train"]].float().mean())
    return {
        "dice": float(dice(found_masks(material, seed)[parts["judge"]].float(), truth).mean()),
        "ellipse": float(dice(ellipse(share).expand_as(truth), truth).mean()),
    }


def ellipse(share: float) -> torch.Tensor:
    """(1, 1, *WHOLE), 1 in an ellipse in the middle with the picture's aspect that covers a share of it."""
    y, x = (torch.linspace(-1, 1, side) for side in WHOLE)
    return (y[:, None] ** 2 + x[None] ** 2 <= 4 * share / np.pi).float()[None, None]


def classified(name: str, by_seed: bool, change: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Callable:
    """Figures of the baseline's head on pictures that are changed first.

    Args:
        by_seed: whether the change looks at the found mask.
        change: of a picture (3, h, w) in [0, 1] and its found mask (h, w), which is empty where `by_seed` is not.
    """

    def run(material: Material, seed: int) -> dict:
        masks = found_masks(material, seed) if by_seed else None

        def view(row: int) -> torch.Tensor:
            picture = material.pictures[row] / 255
            if masks is None:
                return change(picture, torch.empty(0))
            return change(picture, resized(masks[row][None].float(), picture.shape[1:])[0, 0] >= 0.5)

        return baseline(material.seen_as(f"{name}-{seed}" if by_seed else name, view), seed)

    return run


METHODS: dict[str, Callable[[Material, int], dict]] = {
    "segmentation by a U-Net": segmentation,
    "whole picture, stretched": classified("stretched", False, lambda picture, _: picture),
    "whole picture, padded": classified("padded", False, lambda picture, _: padded(picture)),
    "lesion cut out": classified("cropped", True, cropped),
    "surroundings masked": classified("masked", True, masked),
}
