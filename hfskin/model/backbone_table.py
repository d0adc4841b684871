"""The table of the backbones: a row a network, as its authors released it."""

from dataclasses import dataclass
from typing import Any

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
INCEPTION = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
EFFICIENTNET_LITE = ((0.498, 0.498, 0.498), (0.502, 0.502, 0.502))
TENSORFLOW = {"pad_type": "same", "bn_eps": 1e-3}


@dataclass(frozen=True)
class Backbone:
    """One row of the table: a network as its authors released it.

    `channels` are those of the feature map behind each cut: "paper" is where the paper's text and its Tables A1 and A2
    put the Soft-Attention block, "full" is the backbone's last feature map. Where the paper replaces only what follows
    the last map, or does not attend at all (VGG16, ResNet34, InceptionV3, EfficientNet, SENet), both cuts are the same.
    Of a vision transformer, which the paper does not know, "block8" is the map behind its first eight blocks.

    `normalisation` and `timm_kwargs` belong to the original release. Other weights may presume others:
    `pretrained_weights` tells.
    """

    timm_id: str
    channels: dict[str, int]
    input_size: int  # pixels, of the published weights
    normalisation: tuple[tuple[float, ...], tuple[float, ...]]  # mean and std of RGB in [0, 1]
    pretrained_tag: str | None  # of timm; where it has several, the one that is nearest to the paper's Keras weights
    license: str  # of the weights
    timm_kwargs: dict | None = None
    stochastic_depth: bool = False  # whether `drop_path_rate` has an effect
    blocks: dict[str, int] | None = None  # of a vision transformer: how many each cut keeps


def _both(channels: int) -> dict[str, int]:
    return {"paper": channels, "full": channels}


_TF_MOBILE: dict[str, Any] = {"timm_kwargs": TENSORFLOW, "stochastic_depth": True}
_RESNET = ({"paper": 1024, "full": 2048}, 224, IMAGENET, "tv_in1k", "bsd-3-clause")
BACKBONES = {
    "resnet50": Backbone("resnet50", *_RESNET, stochastic_depth=True),
    "resnet152": Backbone("resnet152", *_RESNET, stochastic_depth=True),
    "densenet201": Backbone("densenet201", {"paper": 1824, "full": 1920}, 224, IMAGENET, "tv_in1k", "apache-2.0"),
    "inception_resnet_v2": Backbone("inception_resnet_v2", _both(1536), 299, INCEPTION, "tf_in1k", "apache-2.0"),
    "mobilenet_v1": Backbone(
        "mobilenetv1_100", _both(1024), 224, INCEPTION, "ra4_e3600_r224_in1k", "apache-2.0", **_TF_MOBILE),
    "mobilenet_v2": Backbone(
        "mobilenetv2_100", {"paper": 320, "full": 1280}, 224, INCEPTION, "ra_in1k", "apache-2.0", **_TF_MOBILE),
    "mobilenet_v3_small": Backbone(
        "tf_mobilenetv3_small_100", _both(576), 224, INCEPTION, "in1k", "apache-2.0", **_TF_MOBILE),
    "mobilenet_v3_large": Backbone(
        "tf_mobilenetv3_large_100", _both(960), 224, INCEPTION, "in1k", "apache-2.0", **_TF_MOBILE),
    "nasnet_mobile": Backbone("nasnetamobile", _both(1056), 224, INCEPTION, None, "apache-2.0"),
    "nasnet_large": Backbone("nasnetalarge", _both(4032), 331, INCEPTION, "tf_in1k", "apache-2.0"),
    "vgg16": Backbone("vgg16", _both(512), 224, IMAGENET, "tv_in1k", "bsd-3-clause"),
    "efficientnet_b0": Backbone(
        "efficientnet_b0", _both(1280), 224, IMAGENET, "ra_in1k", "apache-2.0", stochastic_depth=True),
    "efficientnet_lite0": Backbone(
        "tf_efficientnet_lite0", _both(1280), 224, EFFICIENTNET_LITE, "in1k", "apache-2.0", stochastic_depth=True),
    "efficientnet_lite1": Backbone(
        "tf_efficientnet_lite1", _both(1280), 240, EFFICIENTNET_LITE, "in1k", "apache-2.0", stochastic_depth=True),
    "efficientnet_lite2": Backbone(
        "tf_efficientnet_lite2", _both(1280), 260, EFFICIENTNET_LITE, "in1k", "apache-2.0", stochastic_depth=True),
    "vit_small_dinov2": Backbone(
        "vit_small_patch14_dinov2", {"block8": 384, "full": 384}, 518, IMAGENET, "lvd142m", "apache-2.0",
        stochastic_depth=True, blocks={"block8": 8, "full": 12}),
    "resnet34": Backbone("resnet34", _both(512), 224, IMAGENET, "tv_in1k", "bsd-3-clause", stochastic_depth=True),
    "inception_v3": Backbone("inception_v3", _both(2048), 299, INCEPTION, "tf_in1k", "apache-2.0"),
    "legacy_senet154": Backbone("legacy_senet154", _both(2048), 224, IMAGENET, "in1k", "apache-2.0"),
}  # fmt: skip

# Where there are weights with our parameters' names that timm does not have.
ELSEWHERE = {
    "nasnet_mobile": " (those of Cadene's pretrained-models.pytorch, nasnetamobile-7e03cead.pth, have our names: save "
    "their state dict as safetensors)"
}


def backbone_spec(name: str) -> Backbone:
    """The row of `name`.

    Raises:
        ValueError: no such backbone; the message lists them.
    """
    if name not in BACKBONES:
        raise ValueError(f"unknown backbone {name!r}; choose one of: {', '.join(BACKBONES)}")
    return BACKBONES[name]
