"""Five-fold cross-validation on the `lesion` split: answers of models, trained by schedule.py, to unseen lesions.

    python -m scripts.folds --data DIR --copies DIR --masks DIR --weights FILE --member-weights FILE \\
        [--folds 0,1] [--minutes M]
    python -m scripts.folds --record DIR
    python -m scripts.folds --render

Each fold trains on seven tenths of the lesions, chooses and calibrates on one, and answers two. Its answers go to
results/cross_validation/fold<k>.csv.gz; when any are there, metrics.json and docs/cross_validation.md are made from all
of them. A fold that is done is skipped, one that was cut off goes on. `--record` puts the validation figures of runs
DIR/fold<k>, however they were trained, into a table of the page. Needs neither `datasets` nor `gradio`.
"""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from hfskin.hub.formatting import number

from ..markdown import markdown_table
from ..runner import Job, TimeLimit, run_jobs, write_page, write_results

ROOT = Path(__file__).resolve().parents[2]
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
    "alarm_sensitivity": "malignant pictures called suspicious, wanted 0.95",
    "alarm_specificity": "benign pictures not called suspicious",
}
TRIED = "tried.json"
NAMES = {"bma": "BMA", "auc_macro": "macro AUC", "melanoma_sensitivity": "melanoma sensitivity"}


def main(
    data: Annotated[Path | None, typer.Option(help="HAM10000 folder.")] = None,
    render: Annotated[bool, typer.Option("--render", help="Only render the page from metrics.json.")] = False,
    record: Annotated[Path | None, typer.Option(help="Folder of runs whose validation figures to keep.")] = None,
    copies: Annotated[Path | None, typer.Option(help="Folder with other copies of the pictures, mixed in.")] = None,
    masks: Annotated[Path | None, typer.Option(help="Folder of lesion masks, for attention supervision.")] = None,
    backbone: Annotated[str, typer.Option(help="A name of `hfskin backbones`.")] = "efficientnet_lite0",
    weights: Annotated[str, typer.Option(help='"timm" (its Hub), or a safetensors file.')] = "timm",
    image_size: Annotated[tuple[int, int], typer.Option(help="Height and width, pixels.")] = (144, 192),
    epochs: Annotated[str, typer.Option(help="Of the first run and of each round after it, comma-separated.")] = "8,10",
    member_weights: Annotated[str, typer.Option(help="Likewise, of the small ensemble member.")] = "timm",
    folds: Annotated[str, typer.Option(help="Comma-separated, 0 to 4.")] = "0,1,2,3,4",
    minutes: Annotated[float | None, typer.Option(help="Stop after this time.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the answers.")] = RESULTS,
    runs: Annotated[Path, typer.Option(help="Where checkpoints are kept.")] = ROOT / "runs" / "cross_validation",
    page: Annotated[Path, typer.Option(help="Markdown to render.")] = PAGE,
) -> None:
    """Train and answer, fold by fold, where there is data; then measure and render."""
    if record is not None:
        record_runs(record, output)
    elif not render:
        if data is None:
            raise typer.BadParameter("give --data DIR, --record DIR, or --render")
        how = {"backbone": backbone, "weights": weights, "image_size": image_size, "member_weights": member_weights}
        how["epochs"] = tuple(map(int, epochs.split(",")))
        run_folds(data, copies, masks, how, folds, minutes, output, runs)
    if (output / "metrics.json").is_file():
        write_page(page, render_page(*read_results(output)), typer.echo)


def run_folds(data, copies, masks, how: dict, folds: str, minutes: float | None, output: Path, runs: Path) -> None:
    """`how`: the rest of [`Schedule`]."""
    from hfskin.data.ham10000 import find_images, find_masks, load_ham10000

    from .report import fold_split, summarise_folds
    from .schedule import Schedule, train_by_schedule

    others = find_images([copies]) if copies else None
    schedule = Schedule(**how, copies=others, masks=find_masks(masks) if masks else None)
    table = load_ham10000(data)
    limit = TimeLimit(minutes)
    output.mkdir(parents=True, exist_ok=True)

    def job(fold: int) -> Job:
        def work() -> bool:
            split = fold_split(table, fold)
            checkpoint = train_by_schedule(split, runs / f"fold{fold}", schedule, fold, limit)
            if checkpoint is not None:
                answer_fold(checkpoint, split, fold, others, output)
            return checkpoint is not None

        return Job(f"fold {fold}", answers_of(output, fold).is_file, work)

    run_jobs(map(job, map(int, folds.split(","))), limit, typer.echo)
    if files := sorted(output.glob("fold*.csv.gz")):
        report = summarise_folds(table, pd.concat([pd.read_csv(file) for file in files]))
        report["training"] = [json.loads(path.read_text()) for path in sorted(output.glob("fold*.json"))]
        write_results(output / "metrics.json", report)


def answer_fold(checkpoint: Path, split: pd.DataFrame, fold: int, copies: dict | None, output: Path) -> None:
    """Calibrate, and write what the model says to its fold's test part."""
    from hfskin.calibration.calibrate import calibrate_checkpoint
    from hfskin.checkpoints.history import read_training

    from .report import predict_fold

    calibrate_checkpoint(checkpoint, split)
    facts = read_training(checkpoint)
    write_results(output / f"fold{fold}.json", {k: facts[k] for k in facts if k != "history"})
    predict_fold(checkpoint, split, fold, copies).to_csv(answers_of(output, fold), index=False)


def record_runs(folder: Path, output: Path) -> None:
    """Keep what the validation part said at the end of each fold's run, under the folder's name."""
    runs = [json.loads(path.read_text()) for path in sorted(folder.glob("fold[0-9]/training.json"))]
    if not runs:
        raise typer.BadParameter(f"{folder} holds no run; they are looked for as fold<k>/training.json")
    tried = read_tried(output) | {folder.name: [run | {"history": run["history"][-1:]} for run in runs]}
    write_results(output / TRIED, tried)


def read_tried(output: Path) -> dict[str, list]:
    """What was recorded, in that order."""
    return json.loads((output / TRIED).read_text()) if (output / TRIED).is_file() else {}


def read_results(output: Path) -> tuple[dict, dict[str, list]]:
    """What the page is rendered from."""
    return json.loads((output / "metrics.json").read_text()), read_tried(output)


def answers_of(output: Path, fold: int) -> Path:
    return output / f"fold{fold}.csv.gz"


def folds_of(report: dict) -> str:
    """Which folds a report holds, in words."""
    from .report import FOLDS

    names = ", ".join(map(str, report["folds"]))
    return (
        "all five folds"
        if len(report["folds"]) == FOLDS
        else f"folds {names} of 0 to {FOLDS - 1} (the others were not run)"
    )


def render_page(report: dict, tried: dict[str, list]) -> str:
    """The page as Markdown."""
    from .report import KNOWN, UNKNOWN, describe_training

    parts = [
        "# Five folds",
        "Rendered by `python -m scripts.folds --render` from results/cross_validation/metrics.json; do not "
        f"edit. HAM10000, `lesion` split, {folds_of(report)}: {report['images']:,} pictures "
        f"of {report['lesions']:,} lesions, each answered by a model that saw no picture of its lesion. "
        f"{describe_training(report['training'])}. In brackets, 95 % intervals over lesions.",
        "The training was chosen by the validation parts of these folds, which other folds test on, and fold 4 "
        "validates on the published model's test part. So the figures here and there are a little kind.",
        _figures(report["results"]),
        *([_copies(report["copies"])] if report["copies"] else []),
        "By fold, with age, sex and site:",
        _by_fold(report["folds"], report["results"][KNOWN]["by_fold"]),
        "By diagnosis, with age, sex and site. Where the mean probability is greater than the share of the pictures, a "
        "class is said more often than it is found.",
        _by_class(report["results"][KNOWN]),
        "By group, with age, sex and site. A dash stands where there are too few lesions; BMA is the mean over the "
        "classes with enough of them. HAM10000 does not record skin colour; there is hardly any dark skin in it.",
        _by_group(report["subgroups"][KNOWN], report["subgroups"][UNKNOWN]),
    ]
    if tried:
        parts += [
            "What was tried in these folds, by the last epoch of a run on the fold's validation part, a tenth of the "
            "lesions: mean ± standard deviation over the folds. By these figures the training was chosen, so they are "
            "no estimate.",
            _by_training(tried),
        ]
    return "\n\n".join(parts) + "\n"


def _figures(results: dict) -> str:
    from .report import KNOWN, TTA, UNKNOWN, headlines

    views = [headlines(results[name]) for name in (KNOWN, UNKNOWN, TTA)]
    rows = [[title, *(number(view[key]) for view in views)] for key, title in FIGURES.items()]
    head = ["", "with age, sex, site", "picture alone", "with age, sex, site, mean over mirror images"]
    return markdown_table(head, rows)


def _copies(copies: dict) -> str:
    return (
        f"From other, sharper files of {number(copies['n'])} of the pictures the BMA is {number(copies['bma'])}; from "
        f"their own files it is {number(copies['unchanged'])}, a difference of {number(copies['difference'])}."
    )


def _by_fold(folds: list[int], by_fold: dict) -> str:
    rows = [[str(fold), *(number(by_fold[name]["values"][i]) for name in NAMES)] for i, fold in enumerate(folds)]
    means = (number(by_fold[name]["mean"]) + " ± " + number(by_fold[name]["sd"]) for name in NAMES)
    return markdown_table(["fold", *NAMES.values()], [*rows, ["mean ± sd", *means]])


def _by_training(tried: dict[str, list]) -> str:
    from .report import describe_training

    rows = []
    for runs in tried.values():
        figures = [[run["history"][-1][key] for run in runs] for key in ("eval_bma", "eval_auc", "eval_melanoma")]
        told = [f"{number(np.mean(v))} ± {number(np.std(v, ddof=1))}" if len(v) > 1 else number(v[0]) for v in figures]
        minutes = np.mean([run["minutes_of_last_session"] for run in runs])
        rows.append([describe_training(runs), str(len(runs)), *told, f"{minutes:.1f}"])
    return markdown_table(["training", "folds", *NAMES.values(), "minutes of the last run"], rows)


def _by_class(result: dict) -> str:
    rows = []
    for dx, row in result["metrics"]["per_class"].items():
        shares = result["calibration"]["class_shares"][dx]
        figures = row["n"], row["sensitivity"], row["specificity"], row["auc"], shares["said"], shares["found"]
        rows.append([dx, *map(number, figures)])
    return markdown_table(["class", "pictures", "sensitivity", "specificity", "AUC", "mean probability", "share"], rows)


def _by_group(subgroups: dict, alone: dict) -> str:
    rows = []
    for field, groups in subgroups.items():
        for name, row in groups.items():
            suspicious = row["alarm_sensitivity"], alone[field][name]["alarm_sensitivity"], row["alarm_specificity"]
            figures = row["images"], row["bma"], len(row["bma_classes"]), row["melanoma_sensitivity"], *suspicious
            rows.append([f"{field}: {name}", *map(number, (*figures, row["ece"]))])
    alarm = ["malignant called suspicious", "so from the picture alone", "benign not called so"]
    return markdown_table(["group", "pictures", "BMA", "over classes", "melanoma sensitivity", *alarm, "ECE"], rows)


if __name__ == "__main__":
    typer.run(main)
