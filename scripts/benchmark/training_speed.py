"""Training with pictures from a data set against the same step on a batch that is there already."""

import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from hfskin.checkpoints.layout import EMBEDDED_CHECKPOINT
from hfskin.data.dataset import TrainingDataset
from hfskin.data.transforms import training_transform
from hfskin.inference.machine import keep_freed_memory
from hfskin.model.image_processing_hfskin import HfskinImageProcessor
from hfskin.model.labels import CLASSES
from hfskin.training.arguments import training_arguments
from hfskin.training.losses import WeightedCrossEntropy
from hfskin.training.recipes import MODERN
from hfskin.training.run import loss_weights
from hfskin.training.sampling import ReproducibleSampling
from hfskin.training.start import continued_model
from hfskin.training.trainer import HfskinTrainer

from .profiles import torch_profile
from .ratios import TRAINING_BOUND, ratio

# Progressive resizing: the smaller the pictures of a step, the more their data counts.
SCALES = {"full": 1.0, "first": MODERN.start_scale}


def measure_training(table: pd.DataFrame, rounds: int, steps: int, threads: int) -> dict:
    """Seconds of a step of the modern recipe with the embedded checkpoint's architecture, by round.

    The data loader is Trainer's, with the workers, the batches and the augmentation of `hfskin train`. Each round of
    real data lets the batches that were fetched ahead go by first and ends before the last ones: what is timed is the
    middle of an epoch. The two kinds take turns.

    Args:
        table: from `load_ham10000`; as many rows as a round needs are drawn.
        steps: timed in a round.

    Returns:
        batch, image_size, workers, steps, sizes: by "full" and "first" (where progressive resizing begins) the image
        size, the seconds of each round, of "real" and "memory", and the share of "real" that waits for data;
        draw_seconds: of a picture and its augmentation, on one core; where the bound is missed, the profiles of a
        "step" and of a batch of "data".
    """
    torch.set_num_threads(threads)
    on_gpu = torch.cuda.is_available()
    if not on_gpu:
        keep_freed_memory()
    processor = HfskinImageProcessor.from_pretrained(EMBEDDED_CHECKPOINT)
    image_size = processor.size.height, processor.size.width
    with tempfile.TemporaryDirectory() as folder:
        arguments = training_arguments(MODERN, Path(folder), seed=0)
        ahead = 1 + 2 * arguments.dataloader_num_workers
        rows = (2 * ahead + steps) * MODERN.batch_size
        drawn = table.sample(rows, random_state=0, replace=rows > len(table)).reset_index(drop=True)
        data = TrainingDataset(
            drawn, processor, training_transform(image_size, MODERN.augment), MODERN.metadata_dropout
        )
        result = {"batch": MODERN.batch_size, "workers": arguments.dataloader_num_workers, "steps": steps, "sizes": {}}
        for name, scale in SCALES.items():
            trainer = _trainer(dataclasses.replace(MODERN, start_scale=scale), arguments, data, processor, table)
            result["sizes"][name] = _alternate(_Steps(trainer), rounds, steps, ahead)
    torch.set_num_threads(1)  # as in a worker
    result["draw_seconds"] = [_seconds(lambda: _draw(data)) / MODERN.batch_size for _ in range(rounds)]
    if any("step" in size for size in result["sizes"].values()):
        result["data"] = torch_profile({"data": lambda: _draw(data)})
    return result


def _draw(data: TrainingDataset) -> None:
    for index in range(MODERN.batch_size):
        data[index]


class _Steps:
    """What Trainer does in a step, of which its public interface has only the first half."""

    def __init__(self, trainer: HfskinTrainer):
        self.trainer = trainer
        self.model, self.optimizer = trainer.accelerator.prepare(trainer.model, trainer.create_optimizer())
        self.loader = trainer.get_train_dataloader()

    def step(self, batch: dict[str, torch.Tensor]) -> None:
        trainer = self.trainer
        trainer.training_step(self.model, dict(batch))
        trainer.accelerator.clip_grad_norm_(self.model.parameters(), trainer.args.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        trainer.average.update(trainer.accelerator.unwrap_model(self.model), step=1)


def _trainer(recipe, arguments, data: TrainingDataset, processor, table: pd.DataFrame) -> HfskinTrainer:
    counts = [max(1, int((table["dx"] == dx).sum())) for dx in CLASSES]
    model = continued_model(recipe, EMBEDDED_CHECKPOINT).to(memory_format=torch.channels_last)
    model.partners = nn.ModuleList()  # networks that answer together are trained one by one
    return HfskinTrainer(
        model=model,
        args=arguments,
        train_dataset=ReproducibleSampling(data, seed=0),
        eval_dataset=data,  # Trainer asks for one
        processing_class=processor,
        compute_loss_func=WeightedCrossEntropy(loss_weights(recipe, counts), recipe.label_smoothing),
        recipe=recipe,
        best_dir=Path(arguments.output_dir),
    )


def _alternate(steps: _Steps, rounds: int, count: int, ahead: int) -> dict:
    times, waits = {"real": [], "memory": []}, []
    for _ in range(rounds):
        seconds, waited, batch = _real_round(steps, count, ahead)
        times["real"].append(seconds)
        waits.append(waited / seconds)
        times["memory"].append(_memory_round(steps, batch, count))
    pixels = batch["pixel_values"]
    result = {
        "image_size": list(steps.trainer._resize(pixels).shape[2:]),
        "seconds": {name: [value / count for value in values] for name, values in times.items()},
        "waiting": waits,
    }
    if ratio(times, "real", "memory")[0] > TRAINING_BOUND:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        result["step"] = torch_profile({"step": lambda: steps.step(batch)}, device)
    return result


def _real_round(steps: _Steps, count: int, ahead: int) -> tuple[float, float, dict[str, torch.Tensor]]:
    """Seconds of `count` steps and those of them in which the loader was waited for; the last batch."""
    batches = iter(steps.loader)
    for _ in range(ahead):
        steps.step(next(batches))
    _finish()
    waited, started = 0.0, time.perf_counter()
    for _ in range(count):
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        steps.step(batch)
    _finish()
    seconds = time.perf_counter() - started
    for _ in batches:
        pass  # to the end of the epoch, after which the workers rest
    return seconds, waited, batch


def _memory_round(steps: _Steps, batch: dict[str, torch.Tensor], count: int) -> float:
    steps.step(batch)
    _finish()
    return _seconds(lambda: [steps.step(batch) for _ in range(count)])


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    _finish()
    return time.perf_counter() - started


def _finish() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
