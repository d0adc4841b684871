"""How large and how costly each backbone is: the paper's Table 3 beside what hfskin builds.

Everything is counted on the meta device: no weights are made, no picture is computed.
"""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from hfskin.model.backbone_table import BACKBONES, backbone_spec
from hfskin.model.backbones import create_network, map_size
from hfskin.model.configuration_hfskin import HfskinConfig
from hfskin.model.modeling_hfskin import HfskinForImageClassification

# Table 3 of the paper: size in MB, parameters in millions, depth. None is its "Unknown".
PAPER_TABLE3 = {
    "resnet50": (98, 25.6, 107),
    "resnet152": (232, 60.4, 311),
    "densenet201": (80, 20.2, 402),
    "inception_resnet_v2": (215, 55.9, 449),
    "mobilenet_v1": (16, 4.3, 55),
    "mobilenet_v2": (14, 3.5, 105),
    "mobilenet_v3_small": (None, 2.5, 88),
    "mobilenet_v3_large": (None, 5.5, 118),
    "nasnet_mobile": (23, 5.3, 308),
    "nasnet_large": (343, 88.9, 533),
}

# Where Keras' graph has other parameters than timm's: its ResNet has a bias in every convolution (BatchNorm cancels
# it), its Inception networks have no scale in BatchNorm. Parameters per BatchNorm channel:
_KERAS_EXTRA = {"resnet50": 1, "resnet152": 1, "inception_resnet_v2": -1, "inception_v3": -1}

NOTES = """\
- Published network: with its own classifier of 1000 classes, at its own input size. Our model: that backbone cut where
  the paper cuts it, Soft-Attention with 16 maps, flatten, 4096 metadata units and seven classes (the paper's head).
- Parameters: "PyTorch" counts the trainable ones. "Keras" counts BatchNorm's running mean and variance too, and follows
  Keras' graph where it differs: ResNet's convolutions have a bias there, the BatchNorm
  of InceptionResNetV2 and InceptionV3 has no scale.
  The paper prints Keras' count, except for MobileNetV3Small: 2.5M are its trainable parameters (2,542,856), Keras
  counts 2,554,968.
- Size: the float32 weights in MiB, running statistics included. The paper's are Keras' HDF5 files, which hold metadata
  besides; MobileNetV3 is "Unknown" there.
- Layers: those with parameters or statistics (convolution, BatchNorm, dense); a separable convolution of NASNet counts
  once, as in Keras. This rule gives the paper's depth for eight of ten. For NASNetMobile it gives 389, as Keras'
  documentation does, not 308; for MobileNetV3Large 110, not 118. We know no rule that gives those two as well.
- FLOPs: convolutions and matrix products of the published network for one picture; a multiply-add is two.
"""


def count_parameters(model: nn.Module) -> int:
    """Trainable parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def count_statistics(model: nn.Module) -> int:
    """BatchNorm's running means and variances, which Keras counts as parameters."""
    return 2 * _batch_norm_channels(model)


def count_layers(model: nn.Module) -> int:
    """Layers with parameters or statistics: convolution, BatchNorm, dense; a separable convolution of NASNet is one."""
    from timm.models.nasnet import SeparableConv2d  # after hfskin, which makes torchvision importable

    layers = sum(isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.Linear) for module in model.modules())
    return layers - sum(isinstance(module, SeparableConv2d) for module in model.modules())


def count_flops(model: nn.Module, image_size: tuple[int, int]) -> int:
    """Operations of convolutions and matrix products for one picture; a multiply-add is two. `model` is on meta."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.eval()(torch.empty(1, 3, *image_size, device="meta"))
    return counter.get_total_flops()


def complexity(name: str, cut: str = "paper") -> dict:
    """One row of [`table3`]; `paper` is None for a backbone that the paper does not list.

    Raises:
        ValueError: no such backbone or cut.
    """
    spec = backbone_spec(name)
    image_size = (spec.input_size, spec.input_size)
    map_height, map_width = map_size(name, cut, image_size)
    with torch.device("meta"):
        network = create_network(name)
        ours = HfskinForImageClassification(HfskinConfig(backbone=name, backbone_cut=cut, image_size=image_size))
    parameters, statistics = count_parameters(network), count_statistics(network)
    paper = PAPER_TABLE3.get(name)
    return {
        "name": name,
        "cut": cut,
        "input_size": spec.input_size,
        "map_shape": (spec.channels[cut], map_height, map_width),
        "parameters": parameters,
        "keras_parameters": parameters + statistics + _KERAS_EXTRA.get(name, 0) * _batch_norm_channels(network),
        "model_parameters": count_parameters(ours),
        "size_mb": 4 * (parameters + statistics) / 2**20,
        "layers": count_layers(network),
        "flops": count_flops(network, image_size),
        "paper": paper and dict(zip(("size_mb", "parameters_millions", "layers"), paper, strict=True)),
    }


def table3(cut: str = "paper") -> list[dict]:
    """Table 3 of the paper with ours: one row for every backbone that has the cut, in the table's order."""
    return [complexity(name, cut) for name, spec in BACKBONES.items() if cut in spec.channels]


def render_table3(rows: list[dict]) -> str:
    """Rows of [`table3`] as Markdown with [`NOTES`]; the paper's number comes first, a dash is one that it lacks."""
    lines = [
        "| backbone | cut | parameters, M: paper / Keras / PyTorch | our model, M | size, MB: paper / ours "
        "| layers: paper / ours | GFLOPs | input | map |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        paper = row["paper"] or {}
        cells = (
            row["name"],
            row["cut"],
            f"{_or_dash(paper.get('parameters_millions'))} / {row['keras_parameters'] / 1e6:.1f} "
            f"/ {row['parameters'] / 1e6:.1f}",
            f"{row['model_parameters'] / 1e6:.1f}",
            f"{_or_dash(paper.get('size_mb'))} / {row['size_mb']:.0f}",
            f"{_or_dash(paper.get('layers'))} / {row['layers']}",
            f"{row['flops'] / 1e9:.2f}",
            str(row["input_size"]),
            "x".join(map(str, row["map_shape"])),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n\n" + NOTES


def _batch_norm_channels(model: nn.Module) -> int:
    return sum(module.num_features for module in model.modules() if isinstance(module, nn.BatchNorm2d))


def _or_dash(value: float | None) -> str:
    return "–" if value is None else str(value)


if __name__ == "__main__":
    print(render_table3(table3()))
