"""Ways to answer, and checkpoints, compared at home and on lesions from other clinics.

    python -m scripts.elsewhere default large --data ../shared/ham10000 --copies ../shared/ham10000_224 \\
        --lesions-elsewhere ../shared/isic2020

The first checkpoint is measured in each way, the others as they are published; each is set against the first as it is
published. Writes results/elsewhere.json and renders docs/elsewhere.md.
"""

import json
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
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
from hfskin.evaluation.metrics import balanced_accuracies, weighted_auc
from hfskin.evaluation.robustness import predict_copies
from hfskin.inference.batch.predictions import Predictions, predict_pictures, predict_table
from hfskin.inference.onnx import OnnxPipeline
from hfskin.model.labels import CLASSES
from hfskin.model.metadata import UNKNOWN_PATIENT

from .markdown import markdown_table
from .runner import write_page, write_results

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("val", "test")

DataOption = Annotated[Path | None, typer.Option(help="HAM10000 folder; without it only the page is rendered.")]
CopiesOption = Annotated[Path | None, typer.Option(help="Folder with sharper copies of the pictures.")]
ElsewhereOption = Annotated[Path | None, typer.Option("--lesions-elsewhere", help="See `hfskin calibrate`.")]


@dataclass(frozen=True)
class Way:
    """How pictures are answered: how far their mean colour is brought to HAM10000's, and whether mirrored too."""

    colour_strength: float
    tta: bool = False


WAYS = {
    "colours as they are": Way(0.0),
    "colours balanced half way": Way(0.5),
    "colours balanced": Way(1.0),
    "colours balanced half way, mirror images": Way(0.5, tta=True),
}


def main(
    models: Annotated[list[str] | None, typer.Argument(help="Checkpoints, as `hfskin.load` takes them.")] = None,
    data: DataOption = None,
    copies: CopiesOption = None,
    elsewhere: ElsewhereOption = None,
    output: Annotated[Path, typer.Option(help="JSON to write.")] = ROOT / "results" / "elsewhere.json",
    page: Annotated[Path, typer.Option(help="Markdown to render.")] = ROOT / "docs" / "elsewhere.md",
) -> None:
    """Measure, where there is data, and render the page."""
    if data is not None:
        if elsewhere is None or copies is None or not models:
            raise typer.BadParameter("--data needs --copies, --lesions-elsewhere and the names of checkpoints")
        pipelines = {name: hfskin.load(name, backend="onnx") for name in models}
        table = make_split(load_ham10000(data), "lesion")
        lesions = lesions_elsewhere(elsewhere)
        write_results(output, measure(pipelines, table, find_images([copies]), lesions[lesions["is_labelled"]]))
    write_page(page, render(json.loads(output.read_text(encoding="utf-8"))), typer.echo)


def measure(
    pipelines: Mapping[str, OnnxPipeline], table: pd.DataFrame, copies: Mapping[str, Path], lesions: pd.DataFrame
) -> dict[str, dict]:
    """By checkpoint and way: what [`_judged`] gives from the picture alone, with its paired difference to the first
    checkpoint as it is published."""
    nothing = dict(zip(("age", "sex", "localization"), UNKNOWN_PATIENT, strict=True))
    home = table[table["split"].isin(PARTS)].reset_index(drop=True).assign(**nothing)
    first, *others = pipelines
    found = {f"{first}, as published": _judged(pipelines[first], False, home, copies, lesions)}
    for name, way in WAYS.items():
        answering = copy(pipelines[first])
        answering.preprocessing = replace(answering.preprocessing, colour_strength=way.colour_strength)
        found[f"{first}, {name}"] = _judged(answering, way.tta, home, copies, lesions)
    for name in others:
        found[f"{name}, as published"] = _judged(pipelines[name], False, home, copies, lesions)
    published = next(iter(found.values()))
    return {
        name: {
            kind: {"value": interval(values), "difference": interval(values - published[kind])}
            for kind, values in kinds.items()
        }
        for name, kinds in found.items()
    }


def _judged(
    pipeline: OnnxPipeline, tta: bool, home: pd.DataFrame, copies: Mapping[str, Path], lesions: pd.DataFrame
) -> dict[str, np.ndarray]:
    """BMA of each part of the home's pictures, of both together, and of their copies; the AUC of melanoma elsewhere:
    (R + 1,) each."""
    answers = predict_table(pipeline, home, tta=tta)
    found = {f"BMA, {part}": _bma(answers, (home["split"] == part).to_numpy()) for part in PARTS}
    found["BMA, both"] = _bma(answers)
    answering = copy(pipeline)
    answering.tta = tta
    if not tta:
        rows = home[home["image_id"].isin(copies)].reset_index(drop=True)
        found["BMA, their copies"] = _bma(predict_copies(pipeline, rows, copies))
    scores = predict_pictures(answering, map(at_camera_aspect, lesions["path"])).probabilities
    patients = LesionBootstrap(lesions["patient"].to_numpy(dtype=str)).weights(slice(None))
    is_melanoma = (lesions["dx"] == MELANOMA).to_numpy()
    found["melanoma elsewhere, AUC"] = weighted_auc(is_melanoma, scores[:, CLASSES.index(MELANOMA)], patients)
    return found


def _bma(answers: Predictions, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
    bootstrap = LesionBootstrap(answers.lesion_ids[rows])
    return balanced_accuracies(answers.labels[rows], answers.probabilities[rows].argmax(axis=1), bootstrap)


def render(results: Mapping[str, Mapping]) -> str:
    """The page."""
    return (
        "# At home and elsewhere\n\n"
        "Rendered by `python -m scripts.elsewhere`; do not edit. From the picture alone. At home: HAM10000's "
        "validation and test part of the `lesion` split, and sharper copies of their pictures. Elsewhere: melanoma "
        "against the rest on ISIC 2020 pictures of other clinics (25 melanomas, so its interval is wide). In brackets "
        "95 % bootstrap intervals, by lesion at home and by patient elsewhere; each second line is the paired "
        "difference to the first. What is published was chosen by the validation part and with a look elsewhere, so "
        "both are a little kind.\n\n"
        f"{render_differences(results)}"
    )


def render_differences(results: Mapping[str, Mapping]) -> str:
    """A table of what `measure` gives: a line each, and below it the difference to the first."""
    columns = list(next(iter(results.values())))
    rows = []
    for name, kinds in results.items():
        cells = [kinds.get(column) for column in columns]
        rows.append([name, *("–" if cell is None else _number(cell["value"]) for cell in cells)])
        if any(cell and cell["difference"]["value"] for cell in cells):
            rows.append(["", *("" if cell is None else _number(cell["difference"], "+.3f") for cell in cells)])
    return f"{markdown_table(['', *columns], rows)}\n"


def _number(measured: Mapping[str, float], form: str = ".3f") -> str:
    value, low, high = (format(measured[end], form) for end in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


if __name__ == "__main__":
    typer.run(main)
