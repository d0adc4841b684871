"""A backbone's maps before the last one: the gate looks at them, and what makes the first may stay untrained."""

import threading

import torch
from torch import nn

EARLY_STRIDES = (8, 16)


class _Kept(threading.local):
    """Of the forward pass that runs in this thread: the backbone's earlier maps."""

    maps: list[torch.Tensor] | None = None


kept = _Kept()


def early_maps(backbone: nn.Module) -> list[tuple[str, int]]:
    """The modules of a backbone that give its last maps of stride 8 and 16, and their channels, in that order."""
    found = {entry["reduction"]: (entry["module"], entry["num_chs"]) for entry in backbone.feature_info}
    return [found[stride] for stride in EARLY_STRIDES]


def keep_early_maps(backbone: nn.Module) -> list[int]:
    """Let each forward pass lay these maps into `kept.maps`, where a list is; their channels."""
    found = early_maps(backbone)
    for name, _ in found:
        backbone.get_submodule(name).register_forward_hook(_keep_map)
    return [channels for _, channels in found]


def freeze_early_layers(backbone: nn.Module) -> None:
    """Leave out of training what comes before the map of stride 8, and what makes it; BatchNorm's statistics go on.

    These layers see the largest maps, so their backward pass is much of a step, and what they find is much the same for
    every kind of picture.
    """
    name, _ = early_maps(backbone)[0]
    reached = False
    for module_name, module in backbone.named_modules():  # in the order of the forward pass
        inside = module_name == name or module_name.startswith(f"{name}.")
        if reached and not inside:
            return
        reached = reached or inside
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(False)


def _keep_map(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
    if kept.maps is not None:
        kept.maps.append(output)
