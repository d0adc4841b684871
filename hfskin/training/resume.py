"""Trainer's own checkpoints, from which a run goes on: which are whole, and how one that cannot be saved is told."""

import logging
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open
from transformers import TrainerState
from transformers.trainer_utils import get_last_checkpoint

logger = logging.getLogger("hfskin")

STATE_FILE = "trainer_state.json"  # Trainer writes it last


class SaveError(OSError):
    """A checkpoint that cannot be written; the message says what to do."""


@contextmanager
def save_errors(folder: Path) -> Iterator[None]:
    """Inside, what torch and safetensors raise where a disk is full or read-only becomes a [`SaveError`]."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise SaveError(
            f"{folder}: a checkpoint could not be written ({reason}); make room or another --output. The last whole "
            "checkpoint is kept, and the same command goes on from it"
        ) from error


def last_complete_checkpoint(folder: Path) -> str | None:
    """The newest Trainer checkpoint that is whole. Newer ones that were cut off are removed, since Trainer would write
    among what is left of them."""
    while folder.is_dir() and (path := get_last_checkpoint(str(folder))):
        if fault := _fault(Path(path)):
            logger.warning("%s is left out: %s", path, fault)
            shutil.rmtree(path)
        else:
            return path
    return None


def patience_is_spent(checkpoint: str, patience: int) -> bool:
    """Whether early stopping had ended the run when this checkpoint was written."""
    if not patience:
        return False
    state = TrainerState.load_from_json(str(Path(checkpoint) / STATE_FILE))
    stopping = state.stateful_callbacks.get("EarlyStoppingCallback", {})
    return stopping.get("attributes", {}).get("early_stopping_patience_counter", 0) >= patience


def _fault(checkpoint: Path) -> str | None:
    """Why a checkpoint cannot be gone on from; None where it can."""
    state = checkpoint / STATE_FILE
    if not state.is_file():
        return f"it was cut off before {state.name} was written"
    try:
        TrainerState.load_from_json(str(state))
    except (ValueError, TypeError):
        return f"{state.name} is damaged"
    for file in checkpoint.iterdir():
        if file.suffix == ".safetensors":
            try:
                safe_open(file, "pt")  # compares the file's size with its header
            except (SafetensorError, OSError):
                return f"{file.name} is damaged or only half there"
        elif file.suffix in (".pt", ".pth") and not zipfile.is_zipfile(file):  # a zip's directory stands at its end
            return f"{file.name} is damaged or only half there"
    return None
