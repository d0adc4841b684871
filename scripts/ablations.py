"""Try changes to the recipe on lesions that are not the test part, and render the table of what they did.

    python -m scripts.ablations --data DIR [--copies DIR] [--weights FILE] [--experiments a,b] [--seeds 0,1,2] ...
    python -m scripts.ablations --render

One row a run: the change, the seed, BMA and AUC on validation lesions, minutes. Seed s trains with random seed s and
validates on tenth 1 + s of the lesions, so that runs of one seed can be compared in pairs; tenth 0, the test part, is
in none. Rows go to results/experiments.json as they come; a run that stands there is skipped, one that was cut off goes
on, and after `--minutes` the script stops with a checkpoint. What one change does depends on the recipe that it
changes, so there is a table for each of them.
"""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from scipy import stats

from .markdown import markdown_table
from .runner import Job, TimeLimit, is_trained, run_jobs, write_page, write_results

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "experiments.json"
PAGE = ROOT / "docs" / "experiments.md"

# The recipes that are changed, and what each of them was before what was found here changed it.
BASELINES: dict[str, dict] = {"modern": {"sampling_power": 0.0}, "member": {}}
UNCHANGED = "unchanged"
EXPERIMENTS: dict[str, dict] = {
    UNCHANGED: {},
    "no Soft-Attention": {"attention_maps": 0},
    "no metadata": {"metadata_hidden": 0, "metadata_dropout": 0.0},
    "neither": {"attention_maps": 0, "metadata_hidden": 0, "metadata_dropout": 0.0},
    "metadata layer of 4096": {"metadata_hidden": 4096},
    "flattened instead of averaged": {"pooling": "flatten", "start_scale": 1.0},
    # Copies and metadata dropout go with the augmentation.
    "no augmentation or sharper copies or metadata dropout or progressive resizing": {
        "augment": 0.0,
        "metadata_dropout": 0.0,
        "start_scale": 1.0,
    },
    "augmentation at 0.2 of its strength": {"augment": 0.2},
    "augmentation at half its strength": {"augment": 0.5},
    "no class weights": {"weight_power": 0.0},
    "square root of the class weights": {"weight_power": 0.5},
    "the paper's class weights": {"weight_power": 1.0},
    "twice melanoma's weight": {"melanoma_weight": 2.0},
    "square-root sampling": {"sampling_power": 0.5},
    "classes sampled alike": {"sampling_power": 1.0},
    "early layers kept": {"freeze_early": True},
    "no label smoothing": {"label_smoothing": 0.0},
    "no averaged weights": {"ema_decay": 0.0},
    "no stochastic depth": {"drop_path_rate": 0.0},
    "stochastic depth at 0.2": {"drop_path_rate": 0.2},
    "stochastic depth at 0.3": {"drop_path_rate": 0.3},
    "half the learning rate": {"learning_rate": 3e-4},
    "twice the learning rate": {"learning_rate": 1.2e-3},
    "metadata left out half the time": {"metadata_dropout": 0.5},
}
# What makes two runs comparable: runs that differ in it stand in tables of their own.
SETTING = ("recipe", "backbone", "backbone_weights", "image_size", "epochs")


def main(
    data: Annotated[Path | None, typer.Option(help="HAM10000 folder; without it only the page is rendered.")] = None,
    render: Annotated[bool, typer.Option("--render", help="Only render the page.")] = False,
    copies: Annotated[Path | None, typer.Option(help="Folder with other copies of the pictures, mixed in.")] = None,
    recipe: Annotated[str, typer.Option(help=f"What is changed: {' or '.join(BASELINES)}.")] = "modern",
    backbone: Annotated[str, typer.Option(help="A name of `hfskin backbones`.")] = "efficientnet_lite0",
    weights: Annotated[str, typer.Option(help='"timm" (its Hub), or a safetensors file.')] = "timm",
    image_size: Annotated[tuple[int, int], typer.Option(help="Height and width, pixels.")] = (144, 192),
    epochs: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
    experiments: Annotated[str, typer.Option(help="Comma-separated names.")] = ",".join(EXPERIMENTS),
    seeds: Annotated[str, typer.Option(help="Comma-separated, 0 to 8.")] = "0,1,2",
    minutes: Annotated[float | None, typer.Option(help="Stop after this time.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON of the rows.")] = RESULTS,
    runs: Annotated[Path, typer.Option(help="Where checkpoints are kept.")] = ROOT / "runs" / "experiments",
) -> None:
    """Run experiments, seed by seed, where there is data; then render the page."""
    names = experiments.split(",")
    if unknown := set(names) - set(EXPERIMENTS):
        raise typer.BadParameter(f"unknown experiment {min(unknown)!r}; choose from: {', '.join(EXPERIMENTS)}")
    if recipe not in BASELINES:
        raise typer.BadParameter(f"unknown recipe {recipe!r}; choose one of: {', '.join(BASELINES)}")
    if data is not None and not render:
        from hfskin.data.ham10000 import find_images, load_ham10000

        table, others = load_ham10000(data), find_images([copies]) if copies else None
        setting = (recipe, backbone, weights, image_size, epochs)
        limit = TimeLimit(minutes)
        jobs = (
            job(table, others, name, seed, setting, limit, runs, output)
            for seed in map(int, seeds.split(","))
            for name in names
        )
        run_jobs(jobs, limit, typer.echo)
    if output == RESULTS:
        write_page(PAGE, render_page(read_rows(output)), typer.echo)


def job(table, copies, name: str, seed: int, setting: tuple, limit: TimeLimit, runs: Path, output: Path) -> Job:
    """One run, and its row."""
    from hfskin.checkpoints.history import read_training
    from hfskin.data.splits import lesion_split
    from hfskin.training.config import TrainConfig
    from hfskin.training.recipes import RECIPES

    baseline, backbone, weights, image_size, epochs = setting
    recipe = dataclasses.replace(RECIPES[baseline], **BASELINES[baseline] | EXPERIMENTS[name])
    recipe = recipe if epochs is None else dataclasses.replace(recipe, epochs=epochs)
    size = f"{image_size[0]}x{image_size[1]}"
    run = f"{backbone}-{size}-{baseline}-{recipe.epochs}epochs-{name.replace(' ', '-')}-seed{seed}"
    config = TrainConfig(recipe, backbone, weights, image_size, copies if recipe.augment else None, seed=seed)

    def work() -> bool:
        if not is_trained(lesion_split(table, test=(0,), val=(1 + seed,)), runs / run, config, limit):
            return False
        row = {"run": run, "change": name, "seed": seed, "recipe": baseline, **measured(read_training(runs / run))}
        write_results(output, sorted([*read_rows(output), row], key=lambda row: row["run"]))
        typer.echo(f"{run}: BMA {row['bma']:.3f}, AUC {row['auc']:.3f}")
        return True

    return Job(run, lambda: any(row["run"] == run for row in read_rows(output)), work)


def measured(facts: dict) -> dict:
    """A row's figures from training.json: those after the last epoch, which the choice of an epoch does not flatter."""
    last = facts["history"][-1]
    return {
        **{key: facts[key] for key in ("backbone", "backbone_weights", "image_size", "n_copies")},
        "epochs": facts["recipe"]["epochs"],
        "bma": last["eval_bma"],
        "auc": last["eval_auc"],
        "accuracy": last["eval_accuracy"],
        "melanoma_sensitivity": last["eval_melanoma"],
        "minutes": facts["minutes_of_last_session"],
        "device": facts["device"],
    }


def read_rows(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


def render_page(rows: list[dict]) -> str:
    """docs/experiments.md: for every setting the means by change, their paired differences, and the runs."""
    parts = [
        "# What changes to the recipe did\n\nRendered by `python -m scripts.ablations --render` from "
        "results/experiments.json; do not edit. HAM10000, `lesion` split by tenths: seed s validates on tenth 1 + s, "
        "and tenth 0, the test part, is in none. Figures are of the last epoch's averaged weights on about 1,000 "
        "validation pictures. A difference is the mean over the seeds of the difference to the unchanged recipe with "
        "the same seed, ± half the width of its 95 % interval by Student's t; a difference smaller than that says "
        "nothing. `modern` is measured as it was, and has square-root sampling since."
    ]
    for setting in dict.fromkeys(map(_setting, rows)):
        mine = [row for row in rows if _setting(row) == setting]
        parts += [_title(mine), _means(mine), "Every run:", _runs(mine)]
    return "\n\n".join(parts) + "\n"


def _setting(row: dict) -> str:
    """The same for rows that may be compared."""
    return json.dumps([row[key] for key in SETTING])


def _title(rows: list[dict]) -> str:
    row = rows[0]
    height, width = row["image_size"]
    sharper = ", some training pictures with a sharper copy" if any(row["n_copies"] for row in rows) else ""
    return (
        f"## `{row['recipe']}`: {row['backbone']}, {width}x{height}, {row['epochs']} epochs\n\n"
        f"From {row['backbone_weights'] or 'random weights'}{sharper}; {row['device']}."
    )


def _means(rows: list[dict]) -> str:
    baseline = {row["seed"]: row for row in rows if row["change"] == UNCHANGED}
    lines = []
    for name in EXPERIMENTS:
        mine = [row for row in rows if row["change"] == name]
        if not mine:
            continue
        cells = [name, str(len(mine))]
        for key in ("bma", "auc"):
            cells.append(f"{np.mean([row[key] for row in mine]):.3f}")
            cells.append("" if name == UNCHANGED else _difference(mine, baseline, key))
        lines.append([*cells, f"{np.mean([row['melanoma_sensitivity'] for row in mine]):.3f}"])
    return markdown_table(["change", "seeds", "BMA", "difference", "AUC", "difference", "melanoma sensitivity"], lines)


def _difference(rows: list[dict], baseline: dict[int, dict], key: str) -> str:
    """Mean of the paired differences and half the width of its 95 % interval."""
    pairs = [row[key] - baseline[row["seed"]][key] for row in rows if row["seed"] in baseline]
    if not pairs:
        return "–"
    if len(pairs) == 1:
        return f"{pairs[0]:+.3f}"
    # With two or three seeds the normal distribution's 1.96 would be far too little.
    half_width = stats.t.ppf(0.975, len(pairs) - 1) * np.std(pairs, ddof=1) / len(pairs) ** 0.5
    return f"{np.mean(pairs):+.3f} ± {half_width:.3f}"


def _runs(rows: list[dict]) -> str:
    lines = []
    for row in sorted(rows, key=lambda row: (list(EXPERIMENTS).index(row["change"]), row["seed"])):
        figures = (f"{row[key]:.3f}" for key in ("bma", "auc", "accuracy", "melanoma_sensitivity"))
        lines.append([row["change"], str(row["seed"]), *figures, f"{row['minutes']:.1f}"])
    return markdown_table(
        ["change", "seed", "BMA", "AUC", "accuracy", "melanoma sensitivity", "minutes of the last session"], lines
    )


if __name__ == "__main__":
    typer.run(main)
