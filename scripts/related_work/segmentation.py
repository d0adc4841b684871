"""Segmentation first (Mahbod et al., Lee et al.): a small U-Net, and pictures cut or masked by what it finds."""

import torch
from torch import nn
from torch.nn import functional as F

from hfskin.model.backbone_table import TENSORFLOW
from hfskin.model.backbones import create_backbone

WIDTHS = (64, 48, 32, 16)  # of the decoder, from the deepest map upwards


class UNet(nn.Module):
    """MobileNetV3-Small and a decoder that takes every earlier map again: (B, 3, H, W) -> logits (B, 1, H, W).

    Args:
        weights: a safetensors file of the encoder, "timm", or None for random ones.
    """

    def __init__(self, weights: str | None = None):
        super().__init__()
        import timm  # after hfskin, which makes torchvision importable

        name = "tf_mobilenetv3_small_100"
        self.encoder = timm.create_model(name, features_only=True, **TENSORFLOW)
        if weights:
            pretrained = create_backbone("mobilenet_v3_small", weights=weights).state_dict()
            self.encoder.load_state_dict({k: v for k, v in pretrained.items() if k in self.encoder.state_dict()})
        deepest, *skips = reversed(self.encoder.feature_info.channels())
        self.up = nn.ModuleList()
        for skip, width in zip(skips, WIDTHS, strict=True):
            layers = nn.Conv2d(deepest + skip, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
            self.up.append(nn.Sequential(*layers))
            deepest = width
        self.last = nn.Conv2d(deepest, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, *skips = reversed(self.encoder(x))
        for skip, block in zip(skips, self.up, strict=True):
            y = block(torch.cat([F.interpolate(y, size=skip.shape[2:], mode="bilinear"), skip], dim=1))
        return F.interpolate(self.last(y), size=x.shape[2:], mode="bilinear")


def dice(found: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """2 |A and B| / (|A| + |B|) of each picture: (B, 1, H, W) in [0, 1] -> (B,); 1 where both are empty."""
    together, sizes = (found * truth).sum(dim=(1, 2, 3)), (found + truth).sum(dim=(1, 2, 3))
    return torch.where(sizes > 0, 2 * together / sizes.clamp_min(1e-6), torch.ones_like(sizes))


def segmentation_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the pixels plus 1 - soft Dice, mean over the batch: a scalar."""
    overlap = dice(logits.sigmoid(), truth).mean()
    return F.binary_cross_entropy_with_logits(logits, truth) + 1 - overlap


def lesion_box(mask: torch.Tensor, margin: float = 0.1) -> tuple[int, int, int, int]:
    """Top, left, bottom, right of a mask (H, W) with a margin of its own size; the whole picture where it is empty."""
    height, width = mask.shape
    rows, columns = (mask.any(dim=1 - axis).nonzero()[:, 0] for axis in (0, 1))
    if not len(rows):
        return 0, 0, height, width
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    y, x = round(margin * (bottom - top)), round(margin * (right - left))
    return max(0, top - y), max(0, left - x), min(height, bottom + y), min(width, right + x)


def cropped(picture: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The lesion's box of a picture (3, H, W), resized to the whole picture's size (SkinLinkNet)."""
    top, left, bottom, right = lesion_box(mask > 0)
    part = picture[None, :, top:bottom, left:right]
    return F.interpolate(part, size=picture.shape[1:], mode="bilinear", antialias=True)[0]


def masked(picture: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """A picture (3, H, W) whose surroundings have the mean colour of what is outside the mask (H, W)."""
    outside = mask <= 0
    if not outside.any():
        return picture
    return torch.where(outside, picture[:, outside].mean(dim=1)[:, None, None], picture)


def padded(picture: torch.Tensor) -> torch.Tensor:
    """A square with the whole picture in its middle, black around it (WonDerM): (3, H, W) -> (3, max, max)."""
    height, width = picture.shape[1:]
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    return F.pad(picture, (left, side - width - left, top, side - height - top))
