"""Import torchvision next to a CPU build of torch.

torchvision's published Linux wheels are linked against CUDA. Beside a CPU torch, `import torchvision` stops with
"operator torchvision::nms does not exist", and timm and transformers' image processors stop with it. hfskin uses none
of torchvision's compiled operators, so declaring the two missing names is enough. On a healthy install this does
nothing.
"""

import sys

import torch

_declared: list[torch.library.Library] = []  # a Library forgets its operators when it is collected


def import_torchvision() -> None:
    """Make `import torchvision` work from here on; every other import error passes through unchanged."""
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)
        import torchvision  # noqa: F401
