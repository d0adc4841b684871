"""What is done to a picture before it is answered, judged at home and on lesions from other clinics.

    python -m scripts.elsewhere default large --data ../shared/ham10000 --lesions-elsewhere ../shared/isic2020

Each way is measured on HAM10000's validation part, by which one was chosen, on its test part, and on the lesions from
other clinics, of which nothing was fitted to but the gate. Writes results/elsewhere.json, which keeps what other
checkpoints had, and renders docs/elsewhere.md.
"""

import json
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

import hfskin
from hfskin.calibration.exposure import lesions_elsewhere
from hfskin.data.ham10000 import load_ham10000
from hfskin.data.splits import make_split
from hfskin.evaluation.bootstrap import LesionBootstrap, interval
from hfskin.evaluation.elsewhere import MELANOMA, at_camera_aspect
from hfskin.evaluation.metrics import balanced_accuracies, mean_over_classes, roc_aucs, weighted_auc
from hfskin.inference.batch.predictions import Predictions, predict_pictures, predict_table
from hfskin.inference.onnx import OnnxPipeline
from hfskin.model.labels import CLASSES

from .markdown import markdown_table
from .runner import write_page, write_results

ROOT = Path(__file__).resolve().parents[1]


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
    data: Annotated[Path | None, typer.Option(help="HAM10000 folder; without it only the page is rendered.")] = None,
    elsewhere: Annotated[Path | None, typer.Option("--lesions-elsewhere", help="See `hfskin calibrate`.")] = None,
    output: Annotated[Path, typer.Option(help="JSON to write.")] = ROOT / "results" / "elsewhere.json",
    page: Annotated[Path, typer.Option(help="Markdown to render.")] = ROOT / "docs" / "elsewhere.md",
) -> None:
    """Measure, where there is data, and render the page."""
    results = json.loads(output.read_text(encoding="utf-8")) if output.is_file() else {}
    if data is not None:
        if elsewhere is None or not models:
            raise typer.BadParameter("--data needs --lesions-elsewhere and the names of checkpoints")
        table, lesions = make_split(load_ham10000(data), "lesion"), lesions_elsewhere(elsewhere)
        for name in models:
            results[name] = measure(hfskin.load(name, backend="onnx"), table, lesions)
            write_results(output, results)
    write_page(page, render(results), typer.echo)


def measure(pipeline: OnnxPipeline, table: pd.DataFrame, lesions: pd.DataFrame) -> dict:
    """By way: BMA and macro AUC of the validation and the test part, and the AUC of melanoma elsewhere, each from the
    picture alone, with its difference to the checkpoint as it is published."""
    parts = {part: table[table["split"] == part].reset_index(drop=True) for part in ("val", "test")}
    patients = LesionBootstrap(lesions["patient"].to_numpy(dtype=str)).weights(slice(None))
    is_melanoma = (lesions["dx"] == MELANOMA).to_numpy()

    @cache
    def of(way: Way) -> dict[str, np.ndarray]:
        answering = copy(pipeline)
        answering.preprocessing = replace(pipeline.preprocessing, colour_strength=way.colour_strength)
        answering.tta = way.tta
        found = {}
        for part, rows in parts.items():
            found |= _at_home(part, predict_table(answering, rows, use_metadata=False, tta=way.tta))
        scores = predict_pictures(answering, map(at_camera_aspect, lesions["path"])).probabilities
        found["melanoma elsewhere"] = weighted_auc(is_melanoma, scores[:, CLASSES.index(MELANOMA)], patients)
        return found

    published = of(Way(pipeline.preprocessing.colour_strength if pipeline.preprocessing.colour_reference else 0.0))
    return {name: _compared(of(way), published) for name, way in WAYS.items()}


def _at_home(part: str, predictions: Predictions) -> dict[str, np.ndarray]:
    bootstrap = LesionBootstrap(predictions.lesion_ids)
    labels, probabilities = predictions.labels, predictions.probabilities
    aucs, _ = roc_aucs(labels, probabilities, bootstrap)
    return {
        f"BMA, {part}": balanced_accuracies(labels, probabilities.argmax(axis=1), bootstrap),
        f"AUC, {part}": mean_over_classes(aucs),
    }


def _compared(found: Mapping[str, np.ndarray], published: Mapping[str, np.ndarray]) -> dict:
    return {
        name: {"value": interval(values), "difference": interval(values - published[name])}
        for name, values in found.items()
    }


def render(results: Mapping[str, Mapping]) -> str:
    """The page: a table a checkpoint."""
    text = (
        "# At home and elsewhere\n\n"
        "Rendered by `python -m scripts.elsewhere`; do not edit. From the picture alone, each checkpoint without "
        "further training. Elsewhere is the AUC of melanoma against the rest on ISIC 2020 pictures of other clinics "
        "(25 melanomas, so its interval is wide). In brackets 95 % bootstrap intervals, by lesion at home and by "
        "patient elsewhere; the second line is the paired difference to the checkpoint as it is published. What is "
        "published was chosen by the validation part and with a look elsewhere, so both are a little kind.\n"
    )
    for name, ways in results.items():
        columns = ["", *next(iter(ways.values()))]
        rows = []
        for way, row in ways.items():
            rows.append([way, *(_number(cell["value"]) for cell in row.values())])
            if any(cell["difference"]["value"] for cell in row.values()):
                rows.append(["", *(_number(cell["difference"], "+.3f") for cell in row.values())])
        text += f"\n## {name}\n\n{markdown_table(columns, rows)}\n"
    return text


def _number(measured: Mapping[str, float], form: str = ".3f") -> str:
    value, low, high = (format(measured[end], form) for end in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


if __name__ == "__main__":
    typer.run(main)
