"""A recipe as what Trainer takes, on this machine."""

import os
from pathlib import Path

import torch
from transformers import TrainingArguments

from ..data.tables import counted
from .keras_adam import KerasAdam
from .recipes import Recipe

FEW_CORES = 2
PRECISIONS = ("bf16", "fp16", "fp32")


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
        raise ValueError(
            f"a batch of {size} cannot be shared by {counted(processes, 'process', 'processes')} in "
            f"{counted(accumulation, 'part', 'parts')} each; choose numbers whose product divides it"
        )
    return size // (processes * accumulation)
