"""Networks that might be published, alone and together, compared before one is: the test part is not looked at.

    python -m scripts.candidates runs/mean+runs/v3_small runs/lite2 runs/mean+runs/v3_small+runs/lite2 \\
        --data ../shared/ham10000 --copies ../shared/ham10000_224 --lesions-elsewhere ../shared/isic2020

Each is a checkpoint as `hfskin.load` takes it, or several joined by "+", which answer by the mean of their logits as
`hfskin ensemble` would; the first is what the others are set against. Each checkpoint answers once. Writes
results/candidates.json and renders docs/candidates.md.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

import hfskin
from hfskin.calibration.exposure import lesions_elsewhere
from hfskin.data.ham10000 import find_images, load_ham10000
from hfskin.data.splits import make_split
from hfskin.evaluation.bootstrap import LesionBootstrap, interval
from hfskin.evaluation.elsewhere import MELANOMA, at_camera_aspect
from hfskin.evaluation.metrics import balanced_accuracies, mean_over_classes, roc_aucs, weighted_auc
from hfskin.evaluation.robustness import predict_copies
from hfskin.inference.base import LesionPipeline
from hfskin.inference.batch.predictions import Outputs, predict_pictures, predict_table
from hfskin.inference.decisions import softmax
from hfskin.model.labels import CLASSES

from .elsewhere import CopiesOption, DataOption, ElsewhereOption, render_differences
from .runner import write_page, write_results

ROOT = Path(__file__).resolve().parents[1]
TOGETHER = "+"
TITLE = (
    "# Candidates\n\n"
    "Rendered by `python -m scripts.candidates`; do not edit. Networks that might have been published, alone and "
    "together, on HAM10000's validation part of the `lesion` split (with age, sex and site, and from the picture "
    "alone), on sharper copies of its pictures, and on ISIC 2020 pictures of other clinics, melanoma against the rest "
    "(both from the picture alone). In brackets 95 % bootstrap intervals, by lesion at home and by patient elsewhere; "
    "each second line is the paired difference to the first. What was published was chosen by such figures, so they "
    "are kind to it; the test part had no say. The names are the steps of scripts/published/README.md.\n\n"
)


@dataclass(frozen=True)
class Pictures:
    """What candidates are judged by.

    Attributes:
        home: rows of the validation part.
        copied: those of them that have a sharper copy, which `copies` names by image id.
        elsewhere: labelled lesions of other clinics.
    """

    home: pd.DataFrame
    copied: pd.DataFrame
    copies: Mapping[str, Path]
    elsewhere: pd.DataFrame


def main(
    candidates: Annotated[
        list[str] | None, typer.Argument(help="Checkpoints; joined by + they answer together.")
    ] = None,
    data: DataOption = None,
    copies: CopiesOption = None,
    elsewhere: ElsewhereOption = None,
    output: Annotated[Path, typer.Option(help="JSON to write.")] = ROOT / "results" / "candidates.json",
    page: Annotated[Path, typer.Option(help="Markdown to render.")] = ROOT / "docs" / "candidates.md",
) -> None:
    """Measure, where there is data, and render the page."""
    if data is not None:
        if elsewhere is None or copies is None or not candidates:
            raise typer.BadParameter("--data needs --copies, --lesions-elsewhere and the names of checkpoints")
        table = make_split(load_ham10000(data), "lesion")
        home = table[table["split"] == "val"].reset_index(drop=True)
        sharper = find_images([copies])
        copied = home[home["image_id"].isin(sharper)].reset_index(drop=True)
        lesions = lesions_elsewhere(elsewhere)
        pictures = Pictures(home, copied, sharper, lesions[lesions["is_labelled"]])
        write_results(output, measure(candidates, pictures))
    write_page(page, TITLE + render_differences(json.loads(output.read_text(encoding="utf-8"))), typer.echo)


def measure(candidates: Sequence[str], pictures: Pictures) -> dict[str, dict]:
    """By candidate and figure: its value, and its paired difference to the first candidate's."""
    names = sorted({name for candidate in candidates for name in candidate.split(TOGETHER)})
    logits = {name: _logits(hfskin.load(name), pictures) for name in names}
    found = {}
    for candidate in candidates:
        members = [logits[name] for name in candidate.split(TOGETHER)]
        found[candidate] = _judged({kind: np.mean([m[kind] for m in members], axis=0) for kind in members[0]}, pictures)
    first = found[candidates[0]]
    return {
        " + ".join(Path(name).name for name in candidate.split(TOGETHER)): {
            kind: {"value": interval(values), "difference": interval(values - first[kind])}
            for kind, values in kinds.items()
        }
        for candidate, kinds in found.items()
    }


def _logits(pipeline: LesionPipeline, pictures: Pictures) -> dict[str, np.ndarray]:
    """By kind of pictures (N, 7), before the temperature."""
    alone = {"use_metadata": False, "cautious": False}
    answers: dict[str, Outputs] = {
        "with metadata": predict_table(pipeline, pictures.home, cautious=False),
        "alone": predict_table(pipeline, pictures.home, **alone),
        "copies": predict_copies(pipeline, pictures.copied, pictures.copies, **alone),
        "elsewhere": predict_pictures(pipeline, map(at_camera_aspect, pictures.elsewhere["path"])),
    }
    return {kind: outputs.logits * pipeline.config.temperature for kind, outputs in answers.items()}


def _judged(logits: Mapping[str, np.ndarray], pictures: Pictures) -> dict[str, np.ndarray]:
    """Figures (R + 1,) by name."""
    home, copied = (LesionBootstrap(rows["lesion_id"].to_numpy(str)) for rows in (pictures.home, pictures.copied))
    found = {}
    for kind, rows, bootstrap in (
        ("with metadata", pictures.home, home),
        ("alone", pictures.home, home),
        ("copies", pictures.copied, copied),
    ):
        labels = rows["dx"].map(CLASSES.index).to_numpy()
        found[f"BMA, {kind}"] = balanced_accuracies(labels, logits[kind].argmax(axis=1), bootstrap)
        found[f"macro AUC, {kind}"] = mean_over_classes(roc_aucs(labels, softmax(logits[kind]), bootstrap)[0])
    lesions = pictures.elsewhere
    patients = LesionBootstrap(lesions["patient"].to_numpy(str)).weights(slice(None))
    scores = softmax(logits["elsewhere"])[:, CLASSES.index(MELANOMA)]
    found["melanoma elsewhere, AUC"] = weighted_auc((lesions["dx"] == MELANOMA).to_numpy(), scores, patients)
    return found


if __name__ == "__main__":
    typer.run(main)
