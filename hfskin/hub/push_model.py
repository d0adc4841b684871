"""`model.push_to_hub`: a model in memory goes to the Hub with all that belongs to it."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file

from ..checkpoints.hub import HubError, checkpoint_folder, hub_errors
from ..checkpoints.layout import WEIGHTS_FILE
from ..model.configuration_hfskin import HfskinConfig
from ..model.image_processing_hfskin import HfskinImageProcessor
from ..model.modeling_hfskin import HfskinForImageClassification
from .push import RECORDS, add_card, push_folder, stage_checkpoint


def push_model(
    model: HfskinForImageClassification,
    repo_id: str,
    private: bool | None = None,
    token: str | bool | None = None,
    echo: Callable[[str], None] = print,
    **commit,
) -> str:
    """Send a model to the model repository `repo_id`, which is created if need be, in one commit.

    Beside weights, config and code go the processor of the checkpoint that the model was loaded from and, if weights
    and config are still those of that checkpoint, its metrics and plots. Of any other model the card says that nobody
    evaluated it.

    Args:
        token: instead of the one of `hf auth login`.
        echo: told what will be sent before anything is.
        commit: commit_message, create_pr and others of `HfApi.upload_folder`.

    Returns:
        The commit's address.

    Raises:
        HubError: the Hub did not take it.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder, origin = Path(temporary), _origin(model)
        if origin is not None and _is_unchanged(model, origin):
            stage_checkpoint(origin, folder, repo_id, without_metrics=True)
        else:
            model.save_pretrained(folder)
            if origin is not None:
                HfskinImageProcessor.from_pretrained(origin).save_pretrained(folder)
            else:
                echo("The processor is not known, and without it nobody can load this: push it to the repository, too.")
            add_card(folder, repo_id)
        return push_folder(folder, repo_id, "model", bool(private), token, echo, **commit)


def _origin(model: HfskinForImageClassification) -> Path | None:
    """The checkpoint folder that the model was loaded from. Of a repository only the newest revision is known, so it
    counts where the model is still what it holds."""
    source = model.config.name_or_path
    if not source:
        return None
    try:
        with hub_errors(source):
            folder = checkpoint_folder(source, further_files=RECORDS)
    except HubError:  # moved or deleted since, or never a whole checkpoint
        return None
    return folder if Path(source).is_dir() or _is_unchanged(model, folder) else None


def _is_unchanged(model: HfskinForImageClassification, checkpoint: Path) -> bool:
    """Whether weights and calibration are those of the checkpoint; the precision does not count."""
    mine, stored = (config.to_diff_dict() for config in (model.config, HfskinConfig.from_pretrained(checkpoint)))
    bookkeeping = {"dtype": None, "auto_map": None}
    if mine | bookkeeping != stored | bookkeeping:
        return False
    tensors, stored = model.state_dict(), load_file(checkpoint / WEIGHTS_FILE)
    return tensors.keys() == stored.keys() and all(
        torch.equal(tensor.float().cpu(), stored[name].float()) for name, tensor in tensors.items()
    )
