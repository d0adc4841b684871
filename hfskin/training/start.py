"""The processor and the model that a run begins with: a new one, or a checkpoint's."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError

from ..checkpoints.hub import explain
from ..checkpoints.load import uncalibrated_config
from ..model.backbones import pretrained_weights, repository_of_weights
from ..model.configuration_hfskin import ARCHITECTURE, HfskinConfig
from ..model.image_processing_hfskin import HfskinImageProcessor
from ..model.labels import CLASSES, class_names, malignant_classes
from ..model.modeling_hfskin import HfskinForImageClassification
from .config import TrainConfig
from .recipes import Recipe

HEAD = ("backbone_cut", "pooling", "attention_maps", "metadata_hidden")  # of a recipe; a checkpoint has its own

logger = logging.getLogger("hfskin")


def processor_and_model(
    config: TrainConfig, classes: Sequence[str]
) -> tuple[HfskinImageProcessor, HfskinForImageClassification]:
    """What a run begins with, for the classes of its table.

    Raises:
        ValueError: a malignant class that is none of them.
    """
    if unknown := set(config.malignant or ()) - set(classes):
        raise ValueError(f"{', '.join(sorted(unknown))}: none of the classes, which are {', '.join(classes)}")
    processor, model = _start(config, classes)
    if config.malignant is not None:
        model.config.malignant_labels = list(config.malignant)
    if not malignant_classes(model.config):
        logger.warning(
            "none of the classes (%s) counts as malignant: answers will have no malignant probability; --malignant "
            "says which do", ", ".join(classes),
        )  # fmt: skip
    return processor, model


def _start(config: TrainConfig, classes: Sequence[str]) -> tuple[HfskinImageProcessor, HfskinForImageClassification]:
    if config.start is None:
        assert config.backbone is not None
        assert config.image_size is not None
        given = config.backbone, config.weights, config.image_size
        return create_processor(*given), create_model(config.recipe, *given, classes)
    model = continued_model(config.recipe, config.start, classes)
    kept = {name: (getattr(model.config, name), getattr(config.recipe, name)) for name in HEAD}
    if differing := [f"{name} {own}, not {wanted}" for name, (own, wanted) in kept.items() if own != wanted]:
        logger.warning("%s keeps its own head, whatever the recipe's is: %s", config.start, "; ".join(differing))
    return HfskinImageProcessor.from_pretrained(config.start), model


def create_processor(backbone: str, weights: str | None, image_size: tuple[int, int]) -> HfskinImageProcessor:
    """The processor that fits a backbone's weights."""
    mean, std = pretrained_weights(backbone, weights).normalisation
    size = {"height": image_size[0], "width": image_size[1]}
    return HfskinImageProcessor(size=size, image_mean=mean, image_std=std)


def create_model(
    recipe: Recipe,
    backbone: str,
    weights: str | None,
    image_size: tuple[int, int],
    classes: Sequence[str] = CLASSES,
) -> HfskinForImageClassification:
    """A new model with the recipe's head, on a pretrained backbone where `weights` says so."""
    of_recipe = {name: getattr(recipe, name) for name in ARCHITECTURE if hasattr(recipe, name)}
    config = HfskinConfig(backbone=backbone, image_size=image_size, id2label=dict(enumerate(classes)), **of_recipe)
    if weights is None:
        return HfskinForImageClassification(config)
    try:
        if weights == "timm" and (repository := repository_of_weights(backbone)):
            _ask_once(repository)
        return HfskinForImageClassification.from_backbone(config, weights)
    except Exception as error:
        if weights != "timm" or (reason := explain(error, f"timm's weights of {backbone}")) is None:
            raise
        raise ValueError(
            f"{reason}. Without a network: a safetensors file (--backbone-weights FILE), random weights "
            "(--backbone-weights none), or a checkpoint to go on from (--from)"
        ) from error


def _ask_once(repository: str) -> None:
    """Stop where weights are neither in the cache nor to be had: a download that cannot begin would be tried for a
    minute."""
    name = constants.SAFETENSORS_SINGLE_FILE
    if try_to_load_from_cache(repository, name) is None:
        with suppress(EntryNotFoundError):  # under another name
            get_hf_file_metadata(hf_hub_url(repository, name))


def continued_model(recipe: Recipe, start: Path, classes: Sequence[str] | None = None) -> HfskinForImageClassification:
    """A checkpoint's model to train on, with the recipe's regularisation.

    Args:
        classes: where they are others than the checkpoint's, its classifiers start anew.
    """
    config = uncalibrated_config(start)
    is_anew = classes is not None and set(classes) != set(class_names(config))
    if classes is not None and is_anew:
        logger.warning("%s learnt other classes: its classifier starts anew, for %s", start, ", ".join(classes))
        config = uncalibrated_config(start, id2label=dict(enumerate(classes)))
    regularisation = {"dropout": recipe.dropout, "drop_path_rate": recipe.drop_path_rate}
    config.update(regularisation)
    config.partners = [member | regularisation for member in config.partners]
    model = HfskinForImageClassification.from_pretrained(
        start, config=config, dtype=torch.float32, ignore_mismatched_sizes=is_anew
    )
    if is_anew:  # as many other classes would fit the old one
        for network in model.networks():
            network.classifier.reset_parameters()
    return model
