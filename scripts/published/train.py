"""Train members of the published model from pretrained weights, on a GPU in minutes or on two CPU cores in hours.

    python -m scripts.published.train vit v3_small --data ../shared/ham10000 --copies ../shared/ham10000_224 \\
        --weights ../shared/weights -o runs/published

All pictures lie in memory and are augmented on the device, in whole batches. A run that was cut off goes on from its
last epoch. The same seed, device and thread count give the same weights.
"""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
import typer
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from hfskin.checkpoints.history import how_it_ran, write_split, write_training
from hfskin.data.ham10000 import find_images, load_ham10000
from hfskin.data.splits import make_split
from hfskin.model.backbones import pretrained_weights
from hfskin.model.image_processing_hfskin import HfskinImageProcessor
from hfskin.model.labels import CLASSES
from hfskin.model.modeling_hfskin import HfskinForImageClassification
from hfskin.model.preprocessing import MAX_GAIN
from hfskin.training.losses import class_weights
from hfskin.training.sampling import ClassSampling, seed_of

from ..runner import TimeLimit
from .augment import augment
from .members import MEMBERS, Member, Stage, create_model, parameter_groups, recipe
from .pictures import Pictures, load_pictures, mean_colour, resized
from .teacher import teachers_answers

ANSWERED_STRENGTH = 0.5  # of the colour balance when it answers; in training each picture has its own
TEACHERS_SHARE = 0.5  # of what a student is to answer; the label has the rest (Hinton et al. 2015)
STATE = "state.pt"
LOG = "train.log"


class Trainer:
    """One member's training: stages, epochs, steps."""

    def __init__(
        self,
        member: Member,
        train: Pictures,
        val: Pictures,
        output: Path,
        weights: str | None,
        seed: int,
        answers: torch.Tensor | None = None,  # a teacher's, of `train`
    ):
        self.member, self.train, self.val, self.output, self.weights, self.seed, self.answers = (
            member, train, val, output, weights, seed, answers,
        )  # fmt: skip
        self.device = train.labels.device
        normalisation = pretrained_weights(member.backbone, weights).normalisation
        self.mean, self.std = (torch.tensor(v, device=self.device).view(3, 1, 1) for v in normalisation)
        self.reference = mean_colour(train.pixels[: len(train)][::8].float() / 255).mean(dim=0)
        counts = torch.bincount(train.labels, minlength=len(CLASSES)).cpu()
        self.sampling = ClassSampling(train.labels.cpu().numpy(), 0.5, seed)
        weights_of = class_weights(counts.tolist(), member.weight_power)
        weights_of[CLASSES.index("mel")] *= member.melanoma_weight
        drawn = torch.from_numpy(self.sampling.quotas) / counts  # what is drawn more often weighs less
        weights_of = weights_of / drawn
        drawn_mean = (weights_of * torch.from_numpy(self.sampling.quotas)).sum() / counts.sum()
        self.class_weights = (weights_of / drawn_mean).float().to(self.device)

    def run(self, limit: TimeLimit) -> HfskinForImageClassification | None:
        """Train what is left; the averaged model, or None where the time was over first."""
        average = None
        for number, stage in enumerate(self.member.stages):
            model = self._on_device(create_model(self.member, stage.size, self.weights))
            if average is not None:
                _hand_on(average, model)
            average = self._stage(number, stage, model, limit)
            if average is None:
                return None
        return average

    def _stage(self, number: int, stage: Stage, model, limit: TimeLimit) -> HfskinForImageClassification | None:
        average = self._on_device(create_model(self.member, stage.size, None))
        average.load_state_dict(model.state_dict())
        optimizer = torch.optim.AdamW(parameter_groups(model, self.member, stage.learning_rate), fused=True)
        first = self._resume(number, model, average, optimizer)
        steps = len(self.train) // self.member.batch_size
        for epoch in range(first, stage.epochs):
            if limit.is_over:
                return None
            started, losses = time.monotonic(), []
            model.train()
            for step, rows in enumerate(self._batches(number, epoch)):
                at = epoch * steps + step
                progress = at / (steps * stage.epochs)
                torch.manual_seed(seed_of(self.seed, number, at))
                _set_rates(optimizer, progress, self.member.warmup)
                losses.append(self._step(model, stage, rows, optimizer, stage.strength_at(progress)))
                _update(average, model, min(stage.ema_decay, (1 + at) / (10 + at)))
                if at == 20:
                    self._log(f"stage {number}: {20 * len(rows) / (time.monotonic() - started):.1f} pictures a second")
            scores = self.validate(average, stage)
            speed = steps * self.member.batch_size / (time.monotonic() - started)
            loss = torch.stack(losses).mean().item()
            done = f"stage {number} epoch {epoch + 1}/{stage.epochs}"
            self._log(f"{done}: loss {loss:.3f}, {scores}, {speed:.1f} a second")
            self._save(number, epoch + 1, model, average, optimizer)
        return average

    def _step(self, model, stage: Stage, rows: torch.Tensor, optimizer, strength: float) -> torch.Tensor:
        stored, hidden = self._draw(rows)
        pictures = augment(self.train.pixels[stored], stage.size, strength)
        x = self.normalised(pictures, torch.rand(len(rows), 1, device=self.device))
        metadata = torch.where(hidden, self.train.unknown, self.train.metadata[rows])
        with torch.autocast(self.device.type, torch.bfloat16):
            logits = model(pixel_values=x, metadata=metadata).logits
        labels = self.train.labels[rows]
        wanted = F.one_hot(labels, len(CLASSES)).float()
        if self.answers is not None:
            wanted = wanted.lerp(self.answers[stored, hidden.squeeze(1).long()], TEACHERS_SHARE)
        loss = F.cross_entropy(logits.float(), wanted, reduction="none", label_smoothing=self.member.label_smoothing)
        loss = (self.class_weights[labels] * loss).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()

    def _draw(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Which stored picture each row shows, for half of them their sharper copy where there is one; and (B, 1)
        whether the patient is hidden."""
        copies = self.train.copy_of[rows]
        sharp = (torch.rand(len(rows), device=self.device) < 0.5) & (copies >= 0)
        hidden = torch.rand(len(rows), 1, device=self.device) < self.member.metadata_dropout
        return torch.where(sharp, copies, rows), hidden

    def normalised(self, pictures: torch.Tensor, balance: torch.Tensor | float = ANSWERED_STRENGTH) -> torch.Tensor:
        """[0, 1] -> what the network reads: mean colour towards the reference, then the backbone's mean and std.

        Args:
            balance: how far towards it, 0 to 1, a number or (B, 1).
        """
        gain = (self.reference / mean_colour(pictures).clamp_min(1 / 255)).clamp(1 / MAX_GAIN, MAX_GAIN) ** balance
        return ((pictures * gain[..., None, None]).clamp(0, 1) - self.mean) / self.std

    @torch.inference_mode()
    def validate(self, average: HfskinForImageClassification, stage: Stage) -> str:
        """BMA and macro AUC of the validation part, with and without metadata."""
        average.eval()
        answers: dict[str, list] = {"with metadata": [], "picture alone": []}
        for rows in torch.arange(len(self.val), device=self.device).split(64):
            x = self.normalised(resized(self.val.pixels[rows], stage.size))
            with torch.autocast(self.device.type, torch.bfloat16):
                for name, metadata in (("with metadata", self.val.metadata[rows]), ("picture alone", None)):
                    answers[name].append(average(pixel_values=x, metadata=metadata).logits.float().softmax(dim=-1))
        labels = self.val.labels.cpu().numpy()
        return ", ".join(f"{name} {_scores(labels, torch.cat(parts))}" for name, parts in answers.items())

    def save(self, model: HfskinForImageClassification, seconds: float, teacher: Path | None = None) -> None:
        """The checkpoint with its processor, and how it came about."""
        model.save_pretrained(self.output)
        height, width = model.config.image_size
        HfskinImageProcessor(
            size={"height": height, "width": width},
            image_mean=self.mean.flatten().tolist(),
            image_std=self.std.flatten().tolist(),
            colour_reference=[round(value, 4) for value in self.reference.tolist()],
            colour_strength=ANSWERED_STRENGTH,
        ).save_pretrained(self.output)
        facts = {
            "backbone": self.member.backbone,
            "teachers": [teacher.name] if teacher else [],
            "image_size": [height, width],
            "recipe": recipe(self.member),
            "seed": self.seed,
            "n_train": len(self.train),
            "n_copies": int((self.train.copy_of >= 0).sum()),
            "n_val": len(self.val),
            "finished": True,
            "epochs_done": sum(stage.epochs for stage in self.member.stages),
            "minutes_of_last_session": round(seconds / 60, 1),
        }
        write_training(self.output, facts | how_it_ran())

    def _batches(self, stage: int, epoch: int) -> Iterator[torch.Tensor]:
        order = self.sampling.order(1000 * stage + epoch)
        order = np.random.default_rng(seed_of(self.seed, stage, epoch)).permutation(order)
        whole = len(order) // self.member.batch_size * self.member.batch_size
        yield from torch.from_numpy(order[:whole]).to(self.device).split(self.member.batch_size)

    def _on_device(self, model: HfskinForImageClassification) -> HfskinForImageClassification:
        return model.to(self.device, memory_format=torch.channels_last)  # on a CPU a third faster for convolutions

    def _log(self, line: str) -> None:
        print(line, flush=True)
        with (self.output / LOG).open("a") as log:
            log.write(line + "\n")

    def _save(self, stage: int, epochs: int, model, average, optimizer) -> None:
        parts = {"model": model.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
        temporary = self.output / f"{STATE}.writing"
        torch.save({"stage": stage, "epochs": epochs, **parts}, temporary)
        temporary.replace(self.output / f"stage{stage}.{STATE}")

    def _resume(self, stage: int, model, average, optimizer) -> int:
        path = self.output / f"stage{stage}.{STATE}"
        if not path.is_file():
            return 0
        state = torch.load(path, weights_only=True, map_location=self.device)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        return state["epochs"]


def _scores(labels: np.ndarray, probabilities: torch.Tensor) -> str:
    answers = probabilities.cpu().numpy()
    bma = balanced_accuracy_score(labels, answers.argmax(axis=1))
    return f"BMA {bma:.3f} AUC {roc_auc_score(labels, answers, multi_class='ovr'):.3f}"


def _hand_on(smaller: HfskinForImageClassification, larger: HfskinForImageClassification) -> None:
    """The weights of one stage to the network of the next, position embeddings resampled to its grid."""
    state = smaller.state_dict()
    backbone = larger.image_model.backbone
    if hasattr(backbone, "load_timm"):
        prefix = "image_model.backbone."
        mine = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        backbone.load_timm(mine, smaller.image_model.backbone.grid)
        state = {k: v for k, v in state.items() if not k.startswith(prefix)}
    larger.load_state_dict(state, strict=False)


def _set_rates(optimizer, progress: float, warmup: float) -> None:
    """Linear warm-up, then half a cosine; both to the group's own top."""
    share = (
        progress / warmup if progress < warmup else 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))
    )
    for group in optimizer.param_groups:
        group["lr"] = group["top"] * share


@torch.no_grad()
def _update(average, model, decay: float) -> None:
    mine, theirs = average.state_dict(), model.state_dict()
    for name, tensor in mine.items():
        if tensor.is_floating_point():
            tensor.lerp_(theirs[name].to(tensor.dtype), 1 - decay)
        else:
            tensor.copy_(theirs[name])


def main(
    members: Annotated[list[str], typer.Argument(help=f"Of {', '.join(MEMBERS)}.")],
    data: Annotated[Path, typer.Option(help="HAM10000 folder.")],
    weights: Annotated[Path, typer.Option(help="Folder of pretrained weights, with its weights.json.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A folder for the checkpoints, one a member.")],
    copies: Annotated[Path | None, typer.Option(help="Folder of sharper copies of the pictures, mixed in.")] = None,
    teacher: Annotated[Path | None, typer.Option(help="A checkpoint whose answers count half as labels.")] = None,
    seed: Annotated[int, typer.Option(help="Of all random numbers.")] = 0,
    threads: Annotated[int, typer.Option(help="Of a CPU; 0 leaves the choice to torch.")] = 0,
    max_minutes: Annotated[float | None, typer.Option(help="Stop after the epoch that passes this time.")] = None,
) -> None:
    """Train one member after the other; their checkpoints are not calibrated yet."""
    started = time.monotonic()
    limit = TimeLimit(max_minutes)
    if threads:
        torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    table = make_split(load_ham10000(data), "lesion")
    files = find_images([copies]) if copies else None
    parts = {part: table[table["split"] == part].reset_index(drop=True) for part in ("train", "val")}
    train, val = load_pictures(parts["train"], device, files), load_pictures(parts["val"], device)
    answers = teachers_answers(teacher, train, output / "teacher.safetensors") if teacher else None
    for name in members:
        folder = output / name
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(seed)
        trainer = Trainer(MEMBERS[name], train, val, folder, str(weights / MEMBERS[name].weights), seed, answers)
        if (model := trainer.run(limit)) is None:
            print("The time is over; the same command goes on from the last epoch.")
            return
        trainer.save(model, time.monotonic() - started, teacher)
        write_split(table, folder)


if __name__ == "__main__":
    typer.run(main)
