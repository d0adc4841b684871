"""NASNet-A Mobile (4 @ 1056), built from timm's NASNet cells: timm has only the large one (6 @ 4032)."""

from functools import partial

import torch
import torch.nn.functional as F
from timm.layers import AvgPool2dSame, ConvNormAct
from timm.layers.padding import pad_same
from timm.models.nasnet import CellStem0, CellStem1, FirstCell, NormalCell, ReductionCell0, ReductionCell1
from torch import nn

_CELLS = (
    *("cell_0", "cell_1", "cell_2", "cell_3"),
    *("reduction_cell_0", "cell_6", "cell_7", "cell_8", "cell_9"),
    *("reduction_cell_1", "cell_12", "cell_13", "cell_14", "cell_15"),
)


class _AveragePool(nn.Module):
    """3x3 average, stride 2, with TensorFlow's "same" padding: the padding is no part of the mean. timm counts it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inside = torch.ones_like(x[:1, :1])
        total, share = (F.avg_pool2d(pad_same(image, (3, 3), (2, 2)), 3, 2) for image in (x, inside))
        return total / share


class NASNetAMobile(nn.Module):
    """NASNet-A (4 @ 1056) of Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition" (2018).

    Three stages of four normal cells, with a reduction cell between stages; every cell takes the outputs of the two
    cells before it. It differs from timm's NASNet-A Large in width, in depth, and in what the first cell behind a
    reduction takes as its second input: here the reduction's input, there the cell before that. 5,289,978 parameters at
    1000 classes.

    Names of parameters are those of Cadene's pretrained-models.pytorch (which numbers the cells 0-3, 6-9, 12-15), so
    its weights fit; the features equal that implementation's at 224x224. Padding is TensorFlow's.
    """

    def __init__(self, num_classes: int = 1000):
        super().__init__()
        stem, channels = 32, 1056 // 24
        batch_norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.1)
        self.conv0 = ConvNormAct(3, stem, 3, stride=2, padding=0, norm_layer=batch_norm, apply_act=False)
        self.cell_stem_0 = CellStem0(stem, channels // 4, pad_type="same")
        self.cell_stem_1 = CellStem1(stem, channels // 2, pad_type="same")
        self._add_stage(0, None, channels, previous=channels, current=2 * channels)
        self._add_stage(6, ReductionCell0, 2 * channels, previous=6 * channels, current=6 * channels)
        self._add_stage(12, ReductionCell1, 4 * channels, previous=12 * channels, current=12 * channels)
        self.act = nn.ReLU()
        # As timm describes its networks: where the last map of a stride comes out.
        self.feature_info = [
            {"num_chs": 6 * channels, "reduction": 8, "module": "reduction_cell_0.conv_1x1.act"},
            {"num_chs": 12 * channels, "reduction": 16, "module": "reduction_cell_1.conv_1x1.act"},
        ]
        self.last_linear = nn.Linear(24 * channels, num_classes) if num_classes else nn.Identity()
        for cell in list(self.children()):
            for name, module in list(cell.named_children()):
                if isinstance(module, AvgPool2dSame):
                    setattr(cell, name, _AveragePool())

    def _add_stage(self, first: int, reduction: type | None, width: int, previous: int, current: int) -> None:
        """Four cells from number `first` on, behind a reduction if there is one; each gives 6 * width channels."""
        if reduction is not None:
            cell = reduction(previous, width, current, width, pad_type="same")
            self.add_module(f"reduction_cell_{first // 6 - 1}", cell)
            previous, current = current, 4 * width
        self.add_module(f"cell_{first}", FirstCell(previous, width // 2, current, width, pad_type="same"))
        previous, current = current, 6 * width
        for number in range(first + 1, first + 4):
            self.add_module(f"cell_{number}", NormalCell(previous, width, current, width, pad_type="same"))
            previous, current = current, 6 * width

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, 1056, H/32, W/32)."""
        stem = self.conv0(x)
        previous = self.cell_stem_0(stem)
        x = self.cell_stem_1(stem, previous)
        for name in _CELLS:
            previous, x = x, getattr(self, name)(x, previous)
        return self.act(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, num_classes)."""
        return self.last_linear(self.forward_features(x).mean(dim=(2, 3)))
