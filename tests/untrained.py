"""Checkpoints with random weights: for what does not depend on accuracy."""

from pathlib import Path

import torch

import hfskin


def untrained(folder: Path, backbone: str = "mobilenet_v1", size: tuple[int, int] = (32, 32), **settings) -> Path:
    """Fill `folder`, which may be there already; as it stands, with the network that is exported fastest."""
    torch.manual_seed(0)
    settings = {"pooling": "avg", **settings}
    config = hfskin.HfskinConfig(backbone=backbone, image_size=size, **settings)
    hfskin.HfskinForImageClassification(config).save_pretrained(folder)
    hfskin.HfskinImageProcessor(size={"height": size[0], "width": size[1]}).save_pretrained(folder)
    return folder
