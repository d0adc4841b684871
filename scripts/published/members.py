"""The members of the published model: their networks, and how each is trained."""

from dataclasses import asdict, dataclass

from hfskin.model.configuration_hfskin import HfskinConfig
from hfskin.model.modeling_hfskin import HfskinForImageClassification


@dataclass(frozen=True)
class Stage:
    """A part of the training: pictures of one size."""

    size: tuple[int, int]  # height and width, pixels
    epochs: int
    learning_rate: float  # of the head; the backbone's layers take less and less of it downwards
    strength: float = 1.0  # of the augmentation at first
    last_strength: float = 0.4  # and in the end: pictures nearly as they are
    eased_from: float = 0.375  # share of the stage from which it goes from one to the other
    ema_decay: float = 0.998  # of the averaged weights

    def strength_at(self, progress: float) -> float:
        """Of the augmentation, after this share of the stage."""
        eased = max(0.0, progress - self.eased_from) / (1 - self.eased_from)
        return self.strength + (self.last_strength - self.strength) * eased


@dataclass(frozen=True)
class Member:
    """How one member is trained; all learn with class weights, square-root sampling and averaged weights."""

    backbone: str
    cut: str
    weights: str  # the file of pretrained weights
    stages: tuple[Stage, ...]
    layer_decay: float = 1.0  # learning rate of a block over that of the block above it
    drop_path_rate: float = 0.1
    batch_size: int = 32
    weight_decay: float = 0.05
    weight_power: float = 0.75  # see losses.class_weights
    melanoma_weight: float = 1.5
    label_smoothing: float = 0.05
    metadata_dropout: float = 0.4
    warmup: float = 0.06  # share of a stage's steps


MEMBERS = {
    "vit": Member(
        "vit_small_dinov2",
        "block8",
        "vit_small_patch14_dinov2_saliency.safetensors",
        stages=(
            Stage((140, 196), epochs=7, learning_rate=3e-4, strength=0.5, last_strength=0.2),
            Stage((196, 252), epochs=1, learning_rate=1.5e-4, strength=0.3, last_strength=0.1, ema_decay=0.995),
        ),
        layer_decay=0.75,
    ),
    "v3_small": Member(
        "mobilenet_v3_small",
        "full",
        "mobilenetv3_small_100.safetensors",
        stages=(
            Stage((144, 192), epochs=12, learning_rate=6e-4),
            Stage((192, 256), epochs=5, learning_rate=2e-4, strength=0.4, last_strength=0.2),
        ),
    ),
    "lite0": Member(
        "efficientnet_lite0",
        "full",
        "tf_efficientnet_lite0.safetensors",
        stages=(
            Stage((144, 192), epochs=14, learning_rate=6e-4, strength=0.5, last_strength=0.2),
            Stage((192, 256), epochs=6, learning_rate=2e-4, strength=0.4, last_strength=0.1),
        ),
    ),
    "lite2": Member(
        "efficientnet_lite2",
        "full",
        "tf_efficientnet_lite2.safetensors",
        stages=(
            Stage((144, 192), epochs=11, learning_rate=6e-4, strength=0.5, last_strength=0.2),
            Stage((192, 256), epochs=3, learning_rate=2e-4, strength=0.5, last_strength=0.2),
        ),
    ),
}


def recipe(member: Member) -> dict:
    """A member's settings as its card lists them."""
    settings = asdict(member)
    del settings["backbone"]
    stages = [f"{stage.epochs} epochs at {stage.size[0]}x{stage.size[1]}" for stage in member.stages]
    rates = [f"{stage.learning_rate:g}" for stage in member.stages]
    return settings | {"stages": ", then ".join(stages), "learning_rate": ", then ".join(rates)}


def create_model(member: Member, size: tuple[int, int], weights: str | None) -> HfskinForImageClassification:
    """The member's network for pictures of `size`, on pretrained weights where there are some."""
    config = HfskinConfig(
        backbone=member.backbone,
        backbone_cut=member.cut,
        image_size=size,
        attention_gamma=1.0,
        pooling="avg",
        metadata_hidden=128,
        drop_path_rate=member.drop_path_rate,
    )
    if weights is None:
        return HfskinForImageClassification(config)
    return HfskinForImageClassification.from_backbone(config, weights)


def parameter_groups(model: HfskinForImageClassification, member: Member, rate: float) -> list[dict]:
    """Of AdamW: layer decay downwards from the last block, and no weight decay of vectors."""
    backbone = model.image_model.backbone
    depth = len(backbone.blocks) if hasattr(backbone, "blocks") else 0
    groups: dict[tuple[float, float], list] = {}
    for name, parameter in model.named_parameters():
        below = 0  # blocks between this parameter and the head
        if name.startswith("image_model.backbone."):
            part = name.removeprefix("image_model.backbone.").split(".")
            below = depth - int(part[1]) if part[0] == "blocks" else 0 if part[0] == "norm" else depth + 1
        decay = member.weight_decay if parameter.ndim > 1 and "embed" not in name else 0.0
        groups.setdefault((rate * member.layer_decay**below, decay), []).append(parameter)
    return [{"params": params, "lr": lr, "top": lr, "weight_decay": wd} for (lr, wd), params in groups.items()]
