"""What a run is, in one object that says everything of it but the table and the machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..model.backbone_table import backbone_spec
from .recipes import Recipe

DEFAULT_SIZE = (144, 192)  # height and width, pixels; HAM10000's aspect


@dataclass(frozen=True)
class TrainConfig:
    """
    Args:
        recipe: see [`Recipe`].
        backbone: a name of `BACKBONES`; None where `start` says it.
        weights: "timm", a safetensors file, or None for random weights.
        image_size: height and width in pixels; None is the recipe's, which is `DEFAULT_SIZE` or the backbone's own. Of
            `start` where that is given.
        copies: further copies of training pictures by image id, see [`TrainingDataset`]; for a recipe that augments.
        seed: of the weights, the order and the augmentation.
        start: a checkpoint of hfskin to go on from, in place of `weights`: its architecture, processor and weights,
            head included. It must have been trained on the same split, or the validation part is not unseen.
        teachers: checkpoints to learn from beside the labels, see [`Teachers`]; of the same split too.
        masks: lesion masks of training pictures by image id, for attention supervision; see
            training/attention_supervision.py.
        malignant: which of the table's classes are malignant; None is those of them whose names are known for it, see
            `labels.malignant_classes`.

    Raises:
        ValueError: neither backbone nor start, or both; random weights that the recipe would keep; copies or masks for
            a recipe that does not augment.
    """

    recipe: Recipe
    backbone: str | None = None
    weights: str | None = "timm"
    image_size: tuple[int, int] | None = None
    copies: Mapping[str, Path] | None = None
    seed: int = 0
    start: Path | None = None
    teachers: tuple[Path, ...] = ()
    masks: Mapping[str, Path] | None = None
    malignant: tuple[str, ...] | None = None

    def __post_init__(self):
        recipe = self.recipe
        if (self.backbone is None) == (self.start is None):
            raise ValueError("give either a backbone, or a checkpoint to go on from (--from)")
        if self.image_size is None:
            size = DEFAULT_SIZE
            if recipe.native_size and self.backbone:
                size = (backbone_spec(self.backbone).input_size,) * 2
            object.__setattr__(self, "image_size", size)
        if (recipe.freeze_early or recipe.freeze_backbone) and self.start is None and self.weights is None:
            raise ValueError("this recipe keeps layers as they are, and random ones are of no use: go on from a "
                             "checkpoint, or give pretrained weights")  # fmt: skip
        if self.copies is not None and not recipe.augment:
            raise ValueError("copies are mixed in where pictures are augmented, and this recipe does not augment: "
                             "leave the copies out, or take another recipe")  # fmt: skip
        if self.masks is not None and not recipe.augment:
            raise ValueError("masks supervise Soft-Attention on augmented pictures, and this recipe does not augment: "
                             "leave the masks out, or take another recipe")  # fmt: skip
