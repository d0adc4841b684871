"""Five-fold cross-validation of a recipe on the `lesion` split: answers of models to lesions that they never saw.

    python scripts/cross_validate.py --data DIR --copies DIR --weights FILE [--again E] [--folds 0,1] [--minutes M]
    python scripts/cross_validate.py --render

Each fold trains on seven tenths of the lesions, chooses and calibrates on one, and answers two. With `--again` the
training has a second part: from there twice more by the `continue` recipe, and the mean of the three. Its answers go to
results/cross_validation/fold<k>.csv.gz; when any are there, metrics.json and docs/cross_validation.md are made from all
of them. A fold that is done is skipped, one that was cut off goes on. Needs neither `datasets` nor `gradio`.
"""

import dataclasses
import json
import math
import time
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from hfskin.evaluation.markdown import markdown_table
from hfskin.hub.card import number

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "cross_validation"
PAGE = ROOT / "docs" / "cross_validation.md"
FIGURES = {
    "bma": "balanced multiclass accuracy (BMA)",
    "auc_macro": "macro AUC",
    "accuracy": "accuracy",
    "melanoma_sensitivity": "melanoma sensitivity, most probable class",
    "ece": "calibration error (ECE, 15 bins)",
    "coverage": "prediction sets: coverage, wanted 0.90",
    "mean_size": "prediction sets: mean size",
}
NAMES = {"bma": "BMA", "auc_macro": "macro AUC", "melanoma_sensitivity": "melanoma sensitivity"}


def main(
    data: Annotated[Path | None, typer.Option(help="HAM10000 folder.")] = None,
    render: Annotated[bool, typer.Option("--render", help="Only render the page from metrics.json.")] = False,
    copies: Annotated[Path | None, typer.Option(help="Folder with other copies of the pictures, mixed in.")] = None,
    backbone: Annotated[str, typer.Option(help="A name of `hfskin backbones`.")] = "efficientnet_lite0",
    weights: Annotated[str, typer.Option(help='"timm" (its Hub), or a safetensors file.')] = "timm",
    image_size: Annotated[tuple[int, int], typer.Option(help="Height and width, pixels.")] = (144, 192),
    epochs: Annotated[int | None, typer.Option(help="Instead of the modern recipe's.")] = None,
    again: Annotated[int, typer.Option(help="Epochs of each of two runs that go on from the first; 0: none.")] = 0,
    folds: Annotated[str, typer.Option(help="Comma-separated, 0 to 4.")] = "0,1,2,3,4",
    minutes: Annotated[float | None, typer.Option(help="Stop after this time.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the answers.")] = RESULTS,
    runs: Annotated[Path, typer.Option(help="Where checkpoints are kept.")] = ROOT / "runs" / "cross_validation",
    page: Annotated[Path, typer.Option(help="Markdown to render.")] = PAGE,
) -> None:
    """Train and answer, fold by fold, where there is data; then measure and render."""
    if not render:
        if data is None:
            raise typer.BadParameter("give --data DIR, or --render")
        run_folds(data, copies, (backbone, weights, image_size), (epochs, again), folds, minutes, output, runs)
    if (output / "metrics.json").is_file():
        page.write_text(render_page(json.loads((output / "metrics.json").read_text())), encoding="utf-8")
        typer.echo(f"wrote {page}")


def run_folds(data, copies, model: tuple, epochs: tuple, folds: str, minutes: float | None, output: Path, runs: Path):
    from hfskin.data.ham10000 import find_images, load_ham10000
    from hfskin.evaluation.cross_validation import summarise_folds
    from hfskin.evaluation.report import write_metrics

    table, others = load_ham10000(data), find_images([copies]) if copies else None
    deadline = math.inf if minutes is None else time.monotonic() + 60 * minutes
    output.mkdir(parents=True, exist_ok=True)
    for fold in map(int, folds.split(",")):
        if not answers_of(output, fold).is_file() and time.monotonic() < deadline:
            run_fold(table, others, fold, model, epochs, deadline, output, runs)
    if files := sorted(output.glob("fold*.csv.gz")):
        report = summarise_folds(table, pd.concat([pd.read_csv(file) for file in files]))
        report["training"] = [json.loads(path.read_text()) for path in sorted(output.glob("fold*.json"))]
        write_metrics(report, output / "metrics.json")


def run_fold(table, copies, fold: int, model: tuple, epochs: tuple, deadline: float, output: Path, runs: Path) -> None:
    """Train, calibrate and answer one fold; nothing is written where the time was too short."""
    from hfskin.evaluation.calibrate import calibrate_checkpoint
    from hfskin.evaluation.cross_validation import fold_split, predict_fold
    from hfskin.training.run import TRAINING_FILE

    split = fold_split(table, fold)
    checkpoint = train_fold(split, copies, fold, model, epochs, deadline, runs)
    if checkpoint is None:
        typer.echo(f"fold {fold}: cut off by the time limit; the same command goes on")
        return
    calibrate_checkpoint(checkpoint, split)
    facts = json.loads((checkpoint / TRAINING_FILE).read_text())
    (output / f"fold{fold}.json").write_text(
        json.dumps({k: facts[k] for k in facts if k != "history"}, indent=1) + "\n"
    )
    predict_fold(checkpoint, split, fold).to_csv(answers_of(output, fold), index=False)


def train_fold(split, copies, fold: int, model: tuple, epochs: tuple, deadline: float, runs: Path) -> Path | None:
    """The checkpoint of one fold, not yet calibrated; None where the time was too short."""
    from hfskin.training.averaging import average_checkpoints
    from hfskin.training.recipes import CONTINUE, MODERN
    from hfskin.training.run import TRAINING_FILE, is_finished, train

    backbone, weights, image_size = model
    of_first, of_others = epochs

    def finished(run: Path, recipe, name: str | None, **how) -> bool:
        if is_finished(run):
            stored = json.loads((run / TRAINING_FILE).read_text())["recipe"]
            if {key: getattr(recipe, key) for key in stored} != stored:
                raise ValueError(f"{run} was trained in another way; remove it, or give another --runs")
            return True
        left = (deadline - time.monotonic()) / 60
        if left <= 0:
            return False
        limit = None if left == math.inf else left
        train(split, run, recipe, name, weights, image_size, copies, max_minutes=limit, **how)
        return is_finished(run)

    first = runs / f"fold{fold}"
    recipe = MODERN if of_first is None else dataclasses.replace(MODERN, epochs=of_first)
    if not finished(first, recipe, backbone, seed=fold):
        return None
    if not of_others:
        return first
    others = [runs / f"fold{fold}-again{i}" for i in (1, 2)]
    recipe = dataclasses.replace(CONTINUE, epochs=of_others)
    for i, run in enumerate(others, start=1):
        if not finished(run, recipe, None, start=first, seed=10 * i + fold):
            return None
    return average_checkpoints([*others, first], runs / f"fold{fold}-average")


def answers_of(output: Path, fold: int) -> Path:
    return output / f"fold{fold}.csv.gz"


def folds_of(report: dict) -> str:
    """Which folds a report holds, in words."""
    from hfskin.evaluation.cross_validation import FOLDS

    names = ", ".join(map(str, report["folds"]))
    return (
        "all five folds"
        if len(report["folds"]) == FOLDS
        else f"folds {names} of 0 to {FOLDS - 1} (the others were not run)"
    )


def render_page(report: dict) -> str:
    """The page as Markdown."""
    from hfskin.evaluation.cross_validation import KNOWN, describe_training

    parts = [
        "# Five folds",
        "Rendered by `python scripts/cross_validate.py --render` from results/cross_validation/metrics.json; do not "
        f"edit. HAM10000, `lesion` split, {folds_of(report)}: {report['images']:,} pictures "
        f"of {report['lesions']:,} lesions, each answered by a model that saw no picture of its lesion. "
        f"{describe_training(report['training'])}. In brackets, 95 % intervals over lesions.",
        _figures(report["results"]),
        "By fold, with age, sex and site:",
        _by_fold(report["folds"], report["results"][KNOWN]["by_fold"]),
        "By diagnosis, with age, sex and site. Where the mean probability is greater than the share of the pictures, a "
        "class is said more often than it is found.",
        _by_class(report["results"][KNOWN]),
        "By group, with age, sex and site. A dash stands where there are too few lesions; BMA is the mean over the "
        "classes with enough of them. HAM10000 does not record skin colour; there is hardly any dark skin in it.",
        _by_group(report["subgroups"]),
    ]
    return "\n\n".join(parts) + "\n"


def _figures(results: dict) -> str:
    from hfskin.evaluation.cross_validation import KNOWN, UNKNOWN, headlines

    known, unknown = (headlines(results[name]) for name in (KNOWN, UNKNOWN))
    rows = [[title, number(known[key]), number(unknown[key])] for key, title in FIGURES.items()]
    return markdown_table(["", "with age, sex, site", "picture alone"], rows)


def _by_fold(folds: list[int], by_fold: dict) -> str:
    rows = [[str(fold), *(number(by_fold[name]["values"][i]) for name in NAMES)] for i, fold in enumerate(folds)]
    means = (number(by_fold[name]["mean"]) + " ± " + number(by_fold[name]["sd"]) for name in NAMES)
    return markdown_table(["fold", *NAMES.values()], [*rows, ["mean ± sd", *means]])


def _by_class(result: dict) -> str:
    rows = []
    for dx, row in result["metrics"]["per_class"].items():
        shares = result["calibration"]["class_shares"][dx]
        figures = row["n"], row["sensitivity"], row["specificity"], row["auc"], shares["said"], shares["found"]
        rows.append([dx, *map(number, figures)])
    return markdown_table(["class", "pictures", "sensitivity", "specificity", "AUC", "mean probability", "share"], rows)


def _by_group(subgroups: dict) -> str:
    rows = []
    for field, groups in subgroups.items():
        for name, row in groups.items():
            figures = row["images"], row["bma"], len(row["bma_classes"]), row["melanoma_sensitivity"], row["ece"]
            rows.append([f"{field}: {name}", *map(number, figures)])
    return markdown_table(["group", "pictures", "BMA", "over classes", "melanoma sensitivity", "ECE"], rows)


if __name__ == "__main__":
    typer.run(main)
