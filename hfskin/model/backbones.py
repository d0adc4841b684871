"""From a name of the table to a timm model without its classifier."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from .torchvision_import import import_torchvision

import_torchvision()
import timm  # noqa: E402  (needs a torchvision that imports)
from timm.models import get_pretrained_cfg  # noqa: E402

from .backbone_table import ELSEWHERE, TENSORFLOW, Backbone, backbone_spec  # noqa: E402
from .nasnet_mobile import NASNetAMobile  # noqa: E402
from .patch_grid import PatchGrid  # noqa: E402


@dataclass(frozen=True)
class PretrainedWeights:
    """What pretrained weights presume. It goes with the weights, not with the architecture.

    MobileNetV1 and V2 show why: Google's weights want mean and std 0.5, TensorFlow's padding and a BatchNorm eps of
    1e-3; timm's own weights of V2 want ImageNet's mean and std, symmetric padding and 1e-5.
    """

    normalisation: tuple[tuple[float, ...], tuple[float, ...]]  # mean and std of RGB in [0, 1]
    timm_kwargs: dict
    license: str


# What stands behind the last feature map, by class: only `forward` uses it, `forward_features` does not.
_HEADS = {
    "ResNet": ("global_pool", "fc"),
    "DenseNet": ("global_pool", "head_drop", "classifier"),
    "InceptionResnetV2": ("global_pool", "head_drop", "classif"),
    "InceptionV3": ("global_pool", "head_drop", "fc"),
    "EfficientNet": ("global_pool", "classifier"),
    "MobileNetV3": ("global_pool", "conv_head", "norm_head", "act2", "flatten", "classifier"),
    "NASNetALarge": ("global_pool", "head_drop", "last_linear"),
    "NASNetAMobile": ("last_linear",),
    "VGG": ("pre_logits", "head"),
    "SENet": ("global_pool", "last_linear"),
}


class _SkippedCell(nn.Module):
    """Stands where a NASNet cell was: hands on the output of the cell before."""

    def forward(self, x: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        return x


def _drop_last_stage(model: nn.Module) -> None:
    model.layer4 = nn.Identity()


def _drop_dense_layers(model: nn.Module) -> None:
    """Layers 30 to 32 of denseblock4. Every layer appends its 32 channels, so norm5 keeps its first 1824."""
    for number in (30, 31, 32):
        del model.features.denseblock4[f"denselayer{number}"]
    norm, kept = model.features.norm5, 1824
    for name in ("weight", "bias"):
        setattr(norm, name, nn.Parameter(getattr(norm, name).detach()[:kept].clone()))
    norm.running_mean, norm.running_var = norm.running_mean[:kept].clone(), norm.running_var[:kept].clone()
    norm.num_features = kept


def _drop_head_convolution(model: nn.Module) -> None:
    model.conv_head = model.bn2 = nn.Identity()


def _drop_cells(*names: str) -> Callable[[nn.Module], None]:
    def drop(model: nn.Module) -> None:
        for name in names:
            setattr(model, name, _SkippedCell())

    return drop


# How to remove what lies behind the paper's cut; a name that is missing here is cut at its last feature map.
_PAPER_CUTS: dict[str, Callable[[nn.Module], None]] = {
    "resnet50": _drop_last_stage,
    "resnet152": _drop_last_stage,
    "densenet201": _drop_dense_layers,
    "mobilenet_v2": _drop_head_convolution,
    "nasnet_mobile": _drop_cells("cell_15"),
    "nasnet_large": _drop_cells("cell_16", "cell_17"),
}


def pretrained_weights(name: str, weights: str | None) -> PretrainedWeights:
    """What the weights of a backbone presume: preprocessing and arguments of the graph.

    Args:
        weights: as for `create_backbone`. "timm" is described by timm's own configuration of the tag, and timm builds
            the graph that fits it. A file is described by the entry with its file name (key "file") in a
            `weights.json` beside it, with the keys mean, std, kwargs and license. A file without such an
            entry, and None, fall back to the table's row: the original release.

    Raises:
        ValueError: no such backbone, timm has no weights for it, or the file's entry is incomplete.
    """
    spec = backbone_spec(name)
    if weights == "timm":
        if spec.pretrained_tag is None:
            raise ValueError(f"timm has no weights of {name}; give a safetensors file{ELSEWHERE.get(name, '')}, or "
                             "none to start from scratch")  # fmt: skip
        published = get_pretrained_cfg(f"{spec.timm_id}.{spec.pretrained_tag}")
        return PretrainedWeights((tuple(published.mean), tuple(published.std)), {}, published.license)
    described = _describe_file(Path(weights)) if weights else None
    if described:
        normalisation = tuple(described["mean"]), tuple(described["std"])
        kwargs = {} if spec.blocks else described["kwargs"]  # a transformer's picture size is the configuration's
        return PretrainedWeights(normalisation, kwargs, described["license"].lower())
    return PretrainedWeights(spec.normalisation, spec.timm_kwargs or {}, spec.license)


def repository_of_weights(name: str) -> str | None:
    """The Hub's repository of a backbone's weights "timm"; None where they come from elsewhere, or there are none."""
    spec = backbone_spec(name)
    published = get_pretrained_cfg(f"{spec.timm_id}.{spec.pretrained_tag}") if spec.pretrained_tag else None
    return published.hf_hub_id if published else None


def _describe_file(path: Path) -> dict | None:
    table = path.with_name("weights.json")
    entries = json.loads(table.read_text()).values() if table.is_file() else ()
    for entry in entries:
        if entry.get("file") == path.name:
            if missing := {"mean", "std", "kwargs", "license"} - entry.keys():
                raise ValueError(f"{table} does not state {', '.join(sorted(missing))} of {path.name}; add them")
            return entry
    return None


def create_network(name: str, num_classes: int = 1000, tag: str | None = None, **kwargs) -> nn.Module:
    """The whole network as published, with its own classifier; a `tag` loads these weights from timm's Hub."""
    spec = backbone_spec(name)
    if spec.timm_id == "nasnetamobile":
        return NASNetAMobile(num_classes)
    full_id = f"{spec.timm_id}.{tag}" if tag else spec.timm_id
    return timm.create_model(full_id, num_classes=num_classes, pretrained=tag is not None, **kwargs)


def create_backbone(
    name: str,
    cut: str = "full",
    drop_path_rate: float = 0.0,
    weights: str | None = None,
    timm_kwargs: dict | None = None,
    image_size: tuple[int, ...] | None = None,
) -> nn.Module:
    """A timm model whose `forward_features` maps (B, 3, H, W) to (B, channels[cut], H/s, W/s), and nothing else.

    Args:
        cut: "paper" or "full"; the layers behind it are removed, not skipped.
        drop_path_rate: stochastic depth while training; without effect where timm has none (see the table).
        weights: None for random weights, "timm" for the pretrained ones of the timm Hub, or a safetensors file with
            timm's names (a classifier in it is ignored).
        timm_kwargs: padding and BatchNorm's eps ("pad_type", "bn_eps"); None is what `pretrained_weights` says.
        image_size: of a vision transformer, whose position embeddings belong to one grid; default its weights' own.

    Raises:
        ValueError: no such backbone or cut, an argument that is not of the graph, or a file that does not fit.
    """
    spec = backbone_spec(name)
    if cut not in spec.channels:
        raise ValueError(f"unknown cut {cut!r} of {name}; choose one of: {', '.join(spec.channels)}")
    if spec.blocks:
        return _create_patch_grid(spec, cut, drop_path_rate, weights, image_size)
    presumed = pretrained_weights(name, weights).timm_kwargs
    kwargs = dict(presumed if timm_kwargs is None else timm_kwargs)
    if foreign := set(kwargs) - set(TENSORFLOW):  # it may come from a stranger's config.json
        raise ValueError(f"backbone arguments {sorted(foreign)} are not allowed; allowed are {', '.join(TENSORFLOW)}")
    if drop_path_rate and spec.stochastic_depth:
        kwargs["drop_path_rate"] = drop_path_rate
    model = create_network(name, 0, spec.pretrained_tag if weights == "timm" else None, **kwargs)
    for module in _HEADS[type(model).__name__]:
        setattr(model, module, nn.Identity())
    if weights not in (None, "timm"):
        _load_weights(model, weights)
    if cut == "paper" and name in _PAPER_CUTS:
        _PAPER_CUTS[name](model)
    return model


def _create_patch_grid(
    spec: Backbone, cut: str, drop_path_rate: float, weights: str | None, image_size: tuple[int, ...] | None
) -> PatchGrid:
    assert spec.blocks is not None
    height, width = image_size or (spec.input_size, spec.input_size)
    model = PatchGrid(spec.timm_id, spec.blocks[cut], (height, width), drop_path_rate)
    if weights == "timm":
        state = timm.create_model(f"{spec.timm_id}.{spec.pretrained_tag}", num_classes=0, pretrained=True).state_dict()
        model.load_timm(state)
    elif weights is not None:
        model.load_timm(load_file(weights))
    return model


def _load_weights(model: nn.Module, path: str) -> None:
    state = load_file(path)
    missing, unexpected = model.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
    head = _HEADS[type(model).__name__]
    wrong = [*missing, *(key for key in unexpected if key.split(".")[0] not in head)]
    if wrong:
        raise ValueError(
            f"{path} does not fit this backbone: keys that differ: {len(wrong)}, the first is {wrong[0]!r}"
        )


def map_size(name: str, cut: str, image_size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the feature map for an image of `image_size`, without arithmetic (on the meta device)."""
    return _map_size(name, cut, *image_size)


@cache
def _map_size(name: str, cut: str, height: int, width: int) -> tuple[int, int]:
    with torch.device("meta"):
        backbone = create_backbone(name, cut, image_size=(height, width)).eval()
        return tuple(backbone.forward_features(torch.empty(1, 3, height, width)).shape[2:])
