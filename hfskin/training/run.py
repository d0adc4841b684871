"""One training run: from a table to a checkpoint folder."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from transformers import EarlyStoppingCallback, TrainerState, set_seed

from ..checkpoints.history import how_it_ran, read_training, write_split
from ..checkpoints.layout import FINGERPRINT_FILE, TRAINING_FILE
from ..checkpoints.save import write_json
from ..data.dataset import LesionDataset, TrainingDataset
from ..data.ham10000 import classes_of
from ..data.transforms import training_transform
from ..inference.machine import keep_freed_memory
from ..model.early_maps import freeze_early_layers
from ..model.labels import CLASSES, class_names
from ..model.modeling_hfskin import HfskinForImageClassification
from .arguments import optimizer_of, training_arguments
from .callbacks import TimeLimit
from .config import TrainConfig
from .distillation import Teachers
from .fingerprint import refuse_another_run, run_fingerprint
from .losses import WeightedCrossEntropy, class_weights
from .recipes import Recipe
from .resume import STATE_FILE, last_complete_checkpoint, patience_is_spent, save_errors
from .sampling import ClassSampling, ReproducibleSampling, TellEpoch, class_quotas
from .start import processor_and_model
from .trainer import HfskinTrainer, validation_metrics


def train(
    table: pd.DataFrame,
    output: Path,
    config: TrainConfig,
    max_minutes: float | None = None,
    workers: int | None = None,
) -> Path:
    """Train on the rows of `table` whose split is "train", choose by those whose split is "val".

    Resumes from the newest complete Trainer checkpoint in `output`, if there is one and it is of the same run.

    Args:
        table: from `make_split`; its classes are the model's.
        output: the checkpoint folder; Trainer's own checkpoints go to `output/trainer`.
        config: what the run is.
        max_minutes: stop after the step that passes this time; calling again goes on from there.
        workers: processes that prepare pictures; None is what suits the machine.

    Returns:
        `output`, with the best model by the recipe's metric, its processor and training.json, whose "finished" is false
        where `max_minutes` ended the run.

    Raises:
        ValueError: `output` holds a run of another config or split; fewer than two classes; a class without training
            pictures, or a malignant one that is none of them; masks for a model without Soft-Attention; small pictures
            first for a head that takes one size.
    """
    if len(classes_of(table)) < 2:
        raise ValueError("one class alone leaves nothing to tell apart; train on two or more")
    recipe, seed = config.recipe, config.seed
    fingerprint = run_fingerprint(table, config)
    refuse_another_run(output, fingerprint)
    output.mkdir(parents=True, exist_ok=True)
    set_seed(seed)
    if not torch.cuda.is_available():
        keep_freed_memory()
    processor, model = processor_and_model(config, classes_of(table))
    classes = class_names(model.config)
    _refuse_unfit(config, model)
    for network in model.networks():
        if recipe.freeze_early:
            freeze_early_layers(network.image_model.backbone)
        if recipe.freeze_backbone:
            network.image_model.backbone.requires_grad_(False)
    # 1.2 to 1.4 times the images a second on a CPU, and what a GPU's tensor cores want
    model = model.to(memory_format=torch.channels_last)
    train_rows, val_rows = (table[table["split"] == part].reset_index(drop=True) for part in ("train", "val"))
    weights_of_classes = loss_weights(recipe, [int((train_rows["dx"] == dx).sum()) for dx in classes], classes)
    if recipe.augment:
        transform = training_transform(tuple(model.config.image_size), recipe.augment)
        extra = recipe.metadata_dropout, config.copies, config.masks
        pictures = TrainingDataset(train_rows, processor, transform, *extra, classes)
    else:
        pictures = LesionDataset(train_rows, processor, in_memory=True, classes=classes)
    sampling = ClassSampling(pictures.labels, recipe.sampling_power, seed) if recipe.sampling_power else None
    train_set = ReproducibleSampling(pictures, seed, sampling)
    arguments = training_arguments(recipe, output, seed, workers)
    if len(train_set) < recipe.batch_size:  # the only batch of a small data set is not left out
        arguments.dataloader_drop_last = False
    trainer = HfskinTrainer(
        model=model,
        args=arguments,
        train_dataset=train_set,
        eval_dataset=LesionDataset(val_rows, processor, in_memory=True, classes=classes),
        processing_class=processor,
        compute_metrics=partial(validation_metrics, classes=classes),
        compute_loss_func=WeightedCrossEntropy(weights_of_classes, recipe.label_smoothing),
        recipe=recipe,
        best_dir=output,
        teachers=Teachers(config.teachers, processor, arguments.device, classes) if config.teachers else None,
        optimizer_cls_and_kwargs=optimizer_of(recipe),
    )
    trainer.add_callback(TellEpoch(train_set))
    if recipe.early_stopping:
        trainer.add_callback(EarlyStoppingCallback(recipe.early_stopping))
    limit = None if max_minutes is None else TimeLimit(max_minutes)
    if limit:
        trainer.add_callback(limit)
    started = time.time()
    with trainer.args.main_process_first(local=False):  # it removes what was cut off
        checkpoint = last_complete_checkpoint(output / "trainer")
    _write_facts(trainer, output / FINGERPRINT_FILE, fingerprint)
    if trainer.is_world_process_zero():
        with save_errors(output):
            write_split(table, output)
    if checkpoint is not None and patience_is_spent(checkpoint, recipe.early_stopping):
        trainer.state = TrainerState.load_from_json(str(Path(checkpoint) / STATE_FILE))
    else:
        trainer.train(resume_from_checkpoint=checkpoint)
    facts = fingerprint | {
        "finished": not (limit and limit.stopped),
        "epochs_done": round(trainer.state.epoch, 2),
        "best": {"metric": recipe.metric, "value": trainer.state.best_metric, "step": trainer.state.best_global_step},
        "minutes_of_last_session": round((time.time() - started) / 60, 1),
        **how_it_ran(),
        "before": _before(config.start),
        "history": [entry for entry in trainer.state.log_history if "eval_bma" in entry],
    }
    _write_facts(trainer, output / TRAINING_FILE, facts)
    return output


def _refuse_unfit(config: TrainConfig, model: HfskinForImageClassification) -> None:
    """See the errors of [`train`]."""
    if model.config.pooling == "flatten" and config.recipe.start_scale < 1:
        raise ValueError("small pictures first are not for a flattened map, which has one size: use a recipe "
                         "with start_scale 1, such as fine-tune")  # fmt: skip
    if config.masks is not None and model.image_model.attention is None:
        raise ValueError("masks supervise Soft-Attention, and this model lacks it: leave the masks out")


def loss_weights(recipe: Recipe, counts: Sequence[int], classes: Sequence[str] = CLASSES) -> torch.Tensor:
    """The weight in the loss of a picture of each class, shape (C,).

    What is sampled more often than it occurs weighs less in proportion, so that the objective stays.
    """
    weights = recipe.weight_mean * class_weights(counts, recipe.weight_power, classes)
    if "mel" in classes:
        weights[classes.index("mel")] *= recipe.melanoma_weight
    if not recipe.sampling_power:
        return weights
    return weights * torch.tensor(counts) / torch.from_numpy(class_quotas(counts, recipe.sampling_power)).float()


def _write_facts(trainer: HfskinTrainer, path: Path, facts: dict) -> None:
    """Of several processes the main one writes."""
    if trainer.is_world_process_zero():
        with save_errors(path.parent):
            write_json(path, facts)


def _before(start: Path | None) -> dict | None:
    """How the checkpoint that a run goes on from was trained."""
    if start is None or not (start / TRAINING_FILE).is_file():
        return None
    return {key: value for key, value in read_training(start).items() if key != "history"}
