"""What a teacher answers to the training pictures, for the distillation of a student (Hinton et al. 2015)."""

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from hfskin.checkpoints.layout import CONFIG_FILE, file_digest
from hfskin.model.image_processing_hfskin import HfskinImageProcessor
from hfskin.model.modeling_hfskin import HfskinForImageClassification
from hfskin.model.preprocessing import MAX_GAIN

from .pictures import Pictures, mean_colour, resized


@torch.inference_mode()
def teachers_answers(checkpoint: Path, train: Pictures, kept: Path) -> torch.Tensor:
    """(stored pictures, 2, 7) calibrated probabilities: with the patient, and of the picture alone.

    Each picture is asked as it is stored, once: a teacher costs more than all of its student's steps.

    Args:
        kept: a file that they are read from where it holds this teacher's, or written to.
    """
    device = train.labels.device
    which = {"teacher": _digest(checkpoint)}
    if kept.is_file():
        with safe_open(kept, "pt", device=str(device)) as file:
            if file.metadata() == which:
                return file.get_tensor("answers")
    model = HfskinForImageClassification.from_pretrained(checkpoint).to(device).eval()
    processor = HfskinImageProcessor.from_pretrained(checkpoint)
    mean, std, reference = (
        torch.tensor(values, device=device)
        for values in (processor.image_mean, processor.image_std, processor.colour_reference)
    )
    of = torch.arange(len(train.pixels), device=device)  # the row whose patient a stored picture shows
    rows = torch.nonzero(train.copy_of >= 0).squeeze(1)
    of[train.copy_of[rows]] = rows
    answers = torch.empty(len(train.pixels), 2, model.config.num_labels, device=device)
    for stored in torch.arange(len(train.pixels), device=device).split(32):
        pictures = resized(train.pixels[stored], model.config.image_size)
        gain = (reference / mean_colour(pictures).clamp_min(1 / 255)).clamp(1 / MAX_GAIN, MAX_GAIN)
        pictures = (pictures * (gain**processor.colour_strength)[..., None, None]).clamp(0, 1)
        x = (pictures - mean.view(3, 1, 1)) / std.view(3, 1, 1)
        with torch.autocast(device.type, torch.bfloat16):
            features = model.image_model(x, return_dict=True).pooler_output
            logits = model.classify(x, features, [train.metadata[of[stored]], None])
        answers[stored] = (torch.stack(logits, dim=1).float() / model.config.temperature).softmax(dim=-1)
        if stored[0] % 3200 == 0:
            print(f"teacher: {stored[0]} of {len(train.pixels)} pictures", flush=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    save_file({"answers": answers}, kept, metadata=which)
    return answers


def _digest(checkpoint: Path) -> str:
    """Of its weights, in however many parts, and its temperature."""
    return " ".join(file_digest(path) for path in [checkpoint / CONFIG_FILE, *sorted(checkpoint.glob("*.safetensors"))])
