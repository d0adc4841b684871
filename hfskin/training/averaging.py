"""One model from several that were trained on from the same checkpoint: the mean of their weights."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_model
from transformers.utils import SAFE_WEIGHTS_NAME

from ..data.splits import keep_split
from ..files import write_whole
from ..model.image_processing_hfskin import HfskinImageProcessor
from .checkpoints import last_complete_checkpoint
from .run import TRAINING_FILE, uncalibrated_model
from .trainer import EMA_FILE


def average_checkpoints(folders: Sequence[Path], output: Path) -> Path:
    """The mean of the checkpoints' weights (a "model soup", Wortsman et al. 2022), saved as a checkpoint.

    Of a run whose Trainer checkpoints are still there, the last epoch counts and not the one that validation chose: on
    a few pictures of the rare classes that choice is mostly luck, and an average does not need it. So the mean of a run
    and the one that it went on from takes that one's last epoch, though the run began with the epoch that was chosen.

    It answers about as well as the models together, in the time of one. That holds for runs that went on from one
    checkpoint; runs from different random heads have no common mean. BatchNorm's statistics are averaged as well.
    What calibration stored is not taken over: calibrate the result.

    Returns:
        `output`, with the first checkpoint's processor, and its training.json with the others' under "averaged" and
        without what validation chose.

    Raises:
        ValueError: fewer than two checkpoints, or of different architectures.
        OSError: a folder lacks the model, the processor or training.json.
    """
    if len(folders) < 2:
        raise ValueError("an average needs two checkpoints or more")
    models = [uncalibrated_model(folder) for folder in folders]
    for folder, model in zip(folders, models, strict=True):
        if checkpoint := last_complete_checkpoint(folder / "trainer"):
            load_model(model, _weights_of(Path(checkpoint)))
    first, *others = (model.state_dict() for model in models)
    for folder, state in zip(folders[1:], others, strict=True):
        if {k: v.shape for k, v in state.items()} != {k: v.shape for k, v in first.items()}:
            raise ValueError(
                f"{folder} and {folders[0]} have different architectures; average runs from one checkpoint"
            )
    mean = {k: torch.stack([s[k].double() for s in (first, *others)]).mean(dim=0).to(v.dtype) for k, v in first.items()}
    models[0].load_state_dict(mean)
    models[0].save_pretrained(output)
    HfskinImageProcessor.from_pretrained(folders[0]).save_pretrained(output)
    facts, *of_others = (json.loads((folder / TRAINING_FILE).read_text(encoding="utf-8")) for folder in folders)
    del facts["best"], facts["history"]
    facts["averaged"] = [{key: run[key] for key in ("seed", "command")} for run in of_others]
    write_whole(output / TRAINING_FILE, json.dumps(facts, indent=1) + "\n")
    keep_split(folders[0], output)
    return output


def _weights_of(checkpoint: Path) -> Path:
    """The averaged weights of one of Trainer's checkpoints; the weights themselves of a run that averages none."""
    average = checkpoint / EMA_FILE
    return average if average.is_file() else checkpoint / SAFE_WEIGHTS_NAME
