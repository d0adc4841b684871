"""One checkpoint of several: the mean of their weights, or an ensemble that answers together."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_model
from transformers.utils import SAFE_WEIGHTS_NAME

from ..checkpoints.history import keep_split, read_training, write_training
from ..checkpoints.load import uncalibrated_model
from ..checkpoints.save import save_checkpoint
from ..model.configuration_hfskin import ARCHITECTURE
from ..model.ensemble import EnsembleMember
from ..model.image_processing_hfskin import HfskinImageProcessor
from ..model.labels import class_names
from .distillation import renormalisation
from .resume import last_complete_checkpoint
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
        ValueError: fewer than two checkpoints, or of different architectures or classes.
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
    _refuse_other_classes(folders, models)
    mean = {k: torch.stack([s[k].double() for s in (first, *others)]).mean(dim=0).to(v.dtype) for k, v in first.items()}
    models[0].load_state_dict(mean)
    facts, *of_others = map(read_training, folders)
    for name in ("best", "history"):  # an average among them has none
        facts.pop(name, None)
    start = (facts.get("before") or {}).get("command")  # what the first one went on from, whose own runs stand there
    told = list(facts.get("averaged", ()))
    for run in of_others:
        told += [run] if run["command"] == start else [run, *run.get("averaged", ())]
    facts["averaged"] = [{key: run[key] for key in ("seed", "command")} for run in told]
    _save(output, models[0], HfskinImageProcessor.from_pretrained(folders[0]), facts, folders[0])
    return output


def _refuse_other_classes(folders: Sequence[Path], models: Sequence) -> None:
    wanted = class_names(models[0].config)
    for folder, model in zip(folders, models, strict=True):
        if class_names(model.config) != wanted:
            theirs = ", ".join(class_names(model.config))
            raise ValueError(f"{folder} answers {theirs}, and {folders[0]} {', '.join(wanted)}; they cannot be joined")


def _save(output: Path, model, processor: HfskinImageProcessor, facts: dict, origin: Path) -> None:
    save_checkpoint(output, model, processor)
    write_training(output, facts)
    keep_split(origin, output)


def _weights_of(checkpoint: Path) -> Path:
    """The averaged weights of one of Trainer's checkpoints; the weights themselves of a run that averages none."""
    average = checkpoint / EMA_FILE
    return average if average.is_file() else checkpoint / SAFE_WEIGHTS_NAME


def ensemble_checkpoints(folders: Sequence[Path], output: Path, weights: Sequence[float] | None = None) -> Path:
    """Several checkpoints as one model that answers with the mean of their logits (Lakshminarayanan et al. 2017).

    Networks of different backbones err differently, so together they answer better than each, and in the time of all.
    The attention maps, the features and so the gate are the first one's. What calibration stored is not taken over:
    calibrate the result.

    Args:
        folders: trained on the same split, or what one of them was tested on another has seen. The first one's image
            size is what pictures are prepared for, and the others' are made from it, so it should be the largest. Of
            an ensemble all networks become members.
        weights: of the folders in the mean, positive; equal if left out. They become part of the classifiers.

    Returns:
        `output`, with the first checkpoint's processor, and its training.json with the others' under "partners".

    Raises:
        ValueError: fewer than two checkpoints, of different classes, or not a weight above 0 for each.
        OSError: a folder lacks the model, the processor or training.json.
    """
    if len(folders) < 2:
        raise ValueError("an ensemble needs two checkpoints or more")
    weights = [1.0] * len(folders) if weights is None else weights
    if len(weights) != len(folders) or min(weights) <= 0:
        raise ValueError(f"{len(folders)} checkpoints need as many weights above 0, not {list(weights)}")
    processors = [HfskinImageProcessor.from_pretrained(folder) for folder in folders]
    members = [
        _members(folder, processors[0], processor) for folder, processor in zip(folders, processors, strict=True)
    ]
    networks = sum(map(len, members))
    for weight, of_folder in zip(weights, members, strict=True):
        share = weight / sum(weights) / len(of_folder)
        for member in of_folder:
            for parameter in member.network.classifier.parameters():
                parameter.data *= share * networks  # the model's mean gives every network 1 / networks
    _refuse_other_classes(folders, [main.network for main, *_ in members])
    (first, *others) = [member for of_folder in members for member in of_folder]
    model = first.network
    model.partners = torch.nn.ModuleList(others)
    model.config.partners = [{name: getattr(member.network.config, name) for name in ARCHITECTURE} for member in others]
    facts, *of_others = map(read_training, folders)
    told = [one for run in of_others for one in (run, *run.get("partners", ()))]
    facts["partners"] = [
        *facts.get("partners", ()),
        *({key: run[key] for key in run if key not in ("history", "partners")} for run in told),
    ]
    _save(output, model, processors[0], facts, folders[0])
    return output


def _members(folder: Path, given: HfskinImageProcessor, own: HfskinImageProcessor) -> list[EnsembleMember]:
    """The networks of a checkpoint, each with the way from the pixels of `given` to its own."""
    model = uncalibrated_model(folder)
    own_members, model.partners, model.config.partners = list(model.partners), torch.nn.ModuleList(), []
    main = EnsembleMember(model)
    scale, shift = renormalisation(given, own)
    main.scale.copy_(scale), main.shift.copy_(shift)
    for member in own_members:
        member.shift.copy_(shift * member.scale + member.shift)
        member.scale.mul_(scale)
    return [main, *own_members]
