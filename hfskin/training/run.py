"""One training run: from a table to a checkpoint folder."""

import logging
import os
import platform
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd
import torch
import transformers
from transformers import EarlyStoppingCallback, TrainerState, TrainingArguments, set_seed

from ..checkpoints.history import read_training, write_split
from ..checkpoints.hub import explain
from ..checkpoints.layout import FINGERPRINT_FILE, TRAINING_FILE
from ..checkpoints.load import uncalibrated_config
from ..checkpoints.save import write_json
from ..data.dataset import LesionDataset, TrainingDataset
from ..data.ham10000 import classes_of
from ..data.transforms import training_transform
from ..inference.machine import keep_freed_memory
from ..model.backbones import freeze_early_layers, pretrained_weights
from ..model.configuration_hfskin import ARCHITECTURE, HfskinConfig
from ..model.image_processing_hfskin import HfskinImageProcessor
from ..model.labels import CLASSES, class_names, malignant_classes
from ..model.modeling_hfskin import HfskinForImageClassification
from .callbacks import TimeLimit
from .config import TrainConfig
from .distillation import Teachers
from .fingerprint import refuse_another_run, run_fingerprint
from .keras_adam import KerasAdam
from .losses import WeightedCrossEntropy, class_weights
from .recipes import Recipe
from .resume import STATE_FILE, last_complete_checkpoint, patience_is_spent, save_errors
from .sampling import ClassSampling, ReproducibleSampling, TellEpoch, class_quotas
from .trainer import HfskinTrainer, validation_metrics

FEW_CORES = 2
PRECISIONS = ("bf16", "fp16", "fp32")
HEAD = ("backbone_cut", "pooling", "attention_maps", "metadata_hidden")  # of a recipe; a checkpoint has its own

logger = logging.getLogger("hfskin")


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
        ValueError: `output` holds a run of another config or split; a class without training pictures, or a malignant
            one that is none of them; masks for a model without Soft-Attention; small pictures first for a head that
            takes one size.
    """
    recipe, seed = config.recipe, config.seed
    fingerprint = run_fingerprint(table, config)
    refuse_another_run(output, fingerprint)
    output.mkdir(parents=True, exist_ok=True)
    set_seed(seed)
    if not torch.cuda.is_available():
        keep_freed_memory()
    processor, model = _processor_and_model(config, classes_of(table))
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
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores",
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "before": _before(config.start),
        "history": [entry for entry in trainer.state.log_history if "eval_bma" in entry],
    }
    _write_facts(trainer, output / TRAINING_FILE, facts)
    return output


def _processor_and_model(
    config: TrainConfig, classes: Sequence[str]
) -> tuple[HfskinImageProcessor, HfskinForImageClassification]:
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
):
    """A new model with the recipe's head, on a pretrained backbone where `weights` says so."""
    of_recipe = {name: getattr(recipe, name) for name in ARCHITECTURE if hasattr(recipe, name)}
    config = HfskinConfig(backbone=backbone, image_size=image_size, id2label=dict(enumerate(classes)), **of_recipe)
    if weights is None:
        return HfskinForImageClassification(config)
    try:
        return HfskinForImageClassification.from_backbone(config, weights)
    except Exception as error:
        if weights != "timm" or (reason := explain(error, f"timm's weights of {backbone}")) is None:
            raise
        raise ValueError(
            f"{reason}. Without a network: a safetensors file (--backbone-weights FILE), random weights "
            "(--backbone-weights none), or a checkpoint to go on from (--from)"
        ) from error


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


def optimizer_of(recipe: Recipe) -> tuple[type, dict] | None:
    """Class and arguments for Trainer; None leaves it its own AdamW.

    Raises:
        ValueError: no such optimiser, or weight decay for one that has none.
    """
    if recipe.optimizer == "adamw":
        return None
    if recipe.optimizer != "keras_adam" or recipe.weight_decay:
        raise ValueError(f"optimizer {recipe.optimizer!r} with weight decay {recipe.weight_decay:g}: choose adamw, or "
                         "keras_adam without weight decay")  # fmt: skip
    return KerasAdam, {"lr": recipe.learning_rate, "eps": recipe.adam_epsilon}


def training_arguments(recipe: Recipe, output: Path, seed: int, workers: int | None = None) -> TrainingArguments:
    """Trainer's arguments of a recipe on this machine.

    Raises:
        ValueError: a batch that processes and parts cannot share; several GPUs for one process.
    """
    plateau = {"factor": 0.2, "patience": 5, "min_lr": 1e-7, "mode": "max"}  # paper, section 2.5
    on_gpu = torch.cuda.is_available()
    # torchrun and `accelerate launch` set these.
    processes, here = (int(os.environ.get(name, 1)) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    cores = (os.cpu_count() or 2) // here
    # On few cores a worker takes its time from the step, whose threads then wait for each other: drawing the pictures
    # between two steps is faster. `python -m scripts.benchmark --data` measures what real data cost.
    if workers is None:
        workers = max(1, min(12, cores - 2)) if on_gpu or cores > FEW_CORES else 0
    precision = precision_here(recipe.precision)
    if processes == 1 and on_gpu and torch.cuda.device_count() > 1:  # Trainer would multiply the batch by them
        raise ValueError(
            f"{torch.cuda.device_count()} GPUs for one process: start one process a GPU with `torchrun "
            "--nproc-per-node N -m hfskin.cli train ...`, or show it one with CUDA_VISIBLE_DEVICES=0"
        )
    return TrainingArguments(
        output_dir=str(output / "trainer"),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=_part_of_batch(recipe.batch_size, processes, recipe.accumulation),
        gradient_accumulation_steps=recipe.accumulation,
        per_device_eval_batch_size=64,
        learning_rate=recipe.learning_rate,
        adam_epsilon=recipe.adam_epsilon,
        weight_decay=recipe.weight_decay,
        lr_scheduler_type=recipe.schedule,
        lr_scheduler_kwargs=plateau if recipe.schedule == "reduce_lr_on_plateau" else {},
        warmup_steps=recipe.warmup,
        max_grad_norm=recipe.gradient_clip,
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_steps=50,
        save_total_limit=2,
        metric_for_best_model=recipe.metric,
        greater_is_better=True,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        dataloader_num_workers=workers,
        dataloader_persistent_workers=workers > 0,
        dataloader_drop_last=recipe.drop_last,
        restore_callback_states_from_checkpoint=True,  # early stopping's patience
        use_cpu=processes > 1 and not on_gpu,  # otherwise they would not find each other
        ddp_find_unused_parameters=False,
        remove_unused_columns=False,  # the masks are for the loss, not for `forward`
        report_to=[],
        seed=seed,
    )


def precision_here(wanted: str) -> str:
    """What a recipe's precision comes to on this machine: "bf16", "fp16" or "fp32".

    A GPU without bf16 emulates it, which is slower than fp32; there it is fp16. A CPU computes in fp32.

    Raises:
        ValueError: no such precision.
    """
    if wanted not in PRECISIONS:
        raise ValueError(f"unknown precision {wanted!r}; choose one of: {', '.join(PRECISIONS)}")
    if wanted == "fp32" or not torch.cuda.is_available():
        return "fp32"
    if wanted == "bf16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return "fp16"
    return wanted


def _part_of_batch(size: int, processes: int, accumulation: int) -> int:
    """What one process computes at once: the recipe's learning rate is for the whole batch, however many share it."""
    if size % (processes * accumulation):
        raise ValueError(f"a batch of {size} cannot be shared by {processes} processes in {accumulation} parts each; "
                         "choose numbers whose product divides it")  # fmt: skip
    return size // (processes * accumulation)
