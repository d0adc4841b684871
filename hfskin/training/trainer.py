"""transformers' Trainer with averaged weights and progressive resizing."""

from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_model, save_model
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from timm.utils import ModelEmaV3
from torch import distributed
from torch.nn import functional as F
from transformers import EvalPrediction, Trainer
from transformers.trainer import TRAINING_ARGS_NAME

from ..checkpoints.layout import folder_name
from ..checkpoints.save import save_checkpoint
from ..hub.push import add_card
from ..model.labels import CLASSES
from . import attention_supervision as attention
from .callbacks import UpdateAverage
from .distillation import WEIGHT, Teachers
from .recipes import Recipe
from .resume import save_errors
from .sampling import seed_of

EMA_FILE = "ema.safetensors"
FULL_SIZE_FROM = 0.7  # progressive resizing ends at this share of the run
SIZE_STEP = 16  # pixels; half the stride of the backbones


class HfskinTrainer(Trainer):
    """Trainer that validates, and keeps in `best_dir`, an exponential moving average of the weights.

    Args:
        recipe: see [`Recipe`]; `ema_decay` and `start_scale` are carried out here, the rest is in Trainer's arguments.
        best_dir: where the best model by the validation metric is saved, with its processor; written to a temporary
            name first, so that a crash leaves the last good one.
        teachers: what to learn from beside the labels.
    """

    def __init__(self, *args, recipe: Recipe, best_dir: Path, teachers: Teachers | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.recipe, self.best_dir, self.teachers = recipe, best_dir, teachers
        self.average = None
        if recipe.ema_decay:
            self.average = ModelEmaV3(self.model, decay=recipe.ema_decay, use_warmup=True)
            self.add_callback(UpdateAverage(self.average))

    def training_step(self, model, inputs, num_items_in_batch=None):
        # Dropout: data loaders that start anew with a resumed run would have moved the random numbers on.
        torch.manual_seed(seed_of(self.args.seed, self.state.global_step, self.args.process_index))
        inputs["pixel_values"] = self._resize(inputs["pixel_values"])
        return super().training_step(model, inputs, num_items_in_batch)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        lesion = inputs.pop("lesion", None)
        loss, outputs = super().compute_loss(model, inputs, return_outputs=True, num_items_in_batch=num_items_in_batch)
        if lesion is not None:
            loss = loss + attention.WEIGHT * attention.attention_loss(outputs.attentions, lesion)
        if self.teachers is not None and model.training:
            distilled = self.teachers.loss(outputs.logits, inputs["pixel_values"], inputs["metadata"])
            loss = (1 - WEIGHT) * loss + WEIGHT * distilled
        return (loss, outputs) if return_outputs else loss

    def get_eval_dataloader(self, eval_dataset=None):
        """Every validation picture: Trainer would drop the last batch there too."""
        drop_last, self.args.dataloader_drop_last = self.args.dataloader_drop_last, False
        try:
            return super().get_eval_dataloader(eval_dataset)
        finally:
            self.args.dataloader_drop_last = drop_last

    def evaluate(self, *args, **kwargs):
        self._share_statistics()
        with self.averaged_weights():
            return super().evaluate(*args, **kwargs)

    @contextmanager
    def averaged_weights(self):
        """Inside, the model holds the averaged weights."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def save_model(self, output_dir=None, _internal_call=False):
        super().save_model(output_dir, _internal_call)
        if self.average is not None and self.args.should_save and output_dir is not None:  # a checkpoint to resume from
            save_model(self.average.module, str(Path(output_dir) / EMA_FILE))

    def push_to_hub(self, *args, **kwargs):
        """As in transformers, with the averaged weights: those that were validated."""
        with self.averaged_weights():
            return super().push_to_hub(*args, **kwargs)

    def create_model_card(self, *args, **kwargs):
        """hfskin's own card, which says that nobody evaluated the model yet. Trainer calls this before it pushes."""
        if not self.is_world_process_zero():
            return
        folder = Path(self.args.output_dir)
        (folder / TRAINING_ARGS_NAME).unlink(missing_ok=True)  # it is pickled, and nothing reads it again
        add_card(folder, self.hub_model_id or folder_name(folder))

    def _save_checkpoint(self, model, trial):
        with save_errors(self.best_dir):
            super()._save_checkpoint(model, trial)

    def _save_rng_state(self, output_dir):
        super()._save_rng_state(output_dir)
        self.accelerator.wait_for_everyone()  # the file that comes next says that the checkpoint is whole

    def _load_from_checkpoint(self, resume_from_checkpoint, model=None):
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        if self.average is not None:
            load_model(self.average.module, str(Path(resume_from_checkpoint) / EMA_FILE))

    def _determine_best_metric(self, metrics, trial):
        is_best = super()._determine_best_metric(metrics, trial)
        if is_best and self.args.should_save:
            with self.averaged_weights(), save_errors(self.best_dir):
                save_checkpoint(self.best_dir, self.model, self.processing_class)
        return is_best

    def _swap(self) -> None:
        if self.average is None:
            return
        mine, averaged = self.model.state_dict(keep_vars=True), self.average.module.state_dict(keep_vars=True)
        for name, tensor in mine.items():
            tensor.data, averaged[name].data = averaged[name].data, tensor.data

    def _share_statistics(self) -> None:
        """Every process validates with the first one's BatchNorm statistics: those that are saved."""
        if self.args.world_size == 1:
            return
        for module in (self.model, self.average.module if self.average else None):
            for buffer in module.buffers() if module else ():
                distributed.broadcast(buffer, 0)

    def _resize(self, pixels: torch.Tensor) -> torch.Tensor:
        """Progressive resizing (Tan & Le 2021): small pictures first, full size from `FULL_SIZE_FROM` of the run on."""
        progress = self.state.global_step / max(1, self.state.max_steps) / FULL_SIZE_FROM
        scale = self.recipe.start_scale + (1 - self.recipe.start_scale) * min(1.0, progress)
        size = (
            [SIZE_STEP * round(side * scale / SIZE_STEP) for side in pixels.shape[2:]]
            if scale < 1
            else pixels.shape[2:]
        )
        if tuple(size) == tuple(pixels.shape[2:]):
            return pixels
        return F.interpolate(pixels, size=size, mode="bilinear", antialias=True)


def validation_metrics(prediction: EvalPrediction, classes: Sequence[str] = CLASSES) -> dict[str, float]:
    """accuracy, BMA (mean recall), melanoma's recall and macro one-vs-rest AUC of logits (N, C) against labels (N,)."""
    logits = prediction.predictions[0] if isinstance(prediction.predictions, tuple) else prediction.predictions
    probabilities = torch.from_numpy(np.asarray(logits)).float().softmax(dim=-1).numpy()
    labels, predicted = prediction.label_ids, probabilities.argmax(axis=-1)
    metrics = {
        "accuracy": float((predicted == labels).mean()),
        "bma": float(balanced_accuracy_score(labels, predicted)),
    }
    if "mel" in classes and (melanoma := labels == classes.index("mel")).any():
        metrics["melanoma"] = float((predicted == labels)[melanoma].mean())
    if len(np.unique(labels)) == len(classes):
        truth = labels[:, None] == np.arange(len(classes))
        metrics["auc"] = float(roc_auc_score(truth, probabilities))
    return metrics
