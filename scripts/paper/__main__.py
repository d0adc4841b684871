"""Run the paper's conditions, time its backbones, and render its Tables 4 to 9 beside ours.

    python -m scripts.paper --data DIR [--backbones a,b] [--conditions metadata,augmented] [--minutes M] ...
    python -m scripts.paper --time [--backbones a,b] [--device cuda]
    python -m scripts.paper --render

Every run trains on the paper's split, which LEAKS lesions, and leaves metrics.json and training.json in
`--output`/<run>/. Checkpoints go to `--runs`, which git ignores. A run that is finished is skipped, one that was cut
off goes on, and after `--minutes` the script stops with a checkpoint; its best epoch so far is measured, and the page
says how many epochs it had.
"""

import argparse
import dataclasses
import os
import sys
from pathlib import Path

from hfskin.checkpoints.layout import METRICS_FILE, TRAINING_FILE

from ..runner import Job, TimeLimit, is_trained, run_jobs, write_page, write_results

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results" / "paper"
PAGE = ROOT / "docs" / "paper_tables.md"


def main() -> None:
    args = parse_arguments()
    if args.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before torch looks
    try:
        if args.render:
            render_page(args.output, PAGE)
        elif args.time:
            write_timing(args)
        else:
            run_all(args)
    except (ValueError, OSError) as error:
        sys.exit(f"scripts.paper: {error}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--data", type=Path, help="HAM10000 folder: run the conditions on it")
    mode.add_argument("--time", action="store_true", help="Table 9: measure the time of a prediction")
    mode.add_argument("--render", action="store_true", help="write docs/paper_tables.md from the results")
    parser.add_argument("--weights-dir", type=Path, help="pretrained safetensors files; default timm's Hub")
    parser.add_argument("--backbones", help="comma-separated, best first; default all")
    parser.add_argument("--conditions", default="metadata,augmented", help="comma-separated, of training/recipes.py")
    parser.add_argument("--recipe", choices=("paper", "modern", "fine-tune"), default="paper")
    parser.add_argument("--from", dest="start", type=Path, help="a run's checkpoint to go on from")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--minutes", type=float, help="stop after this time")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default the GPU if there is one")
    parser.add_argument("--image-size", type=int, nargs=2, metavar=("H", "W"), help="default the backbone's own")
    parser.add_argument("--seed", type=int, default=0, help="of the split and of the training")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, help="default results/paper")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "paper", help="checkpoints; default runs/paper")
    return parser.parse_args()


def run_all(args: argparse.Namespace) -> None:
    """The wanted runs in order: all conditions of the first backbone, then of the next."""
    from PIL import Image

    from hfskin.data.ham10000 import load_ham10000
    from hfskin.data.splits import make_split
    from hfskin.training.recipes import CONDITIONS

    limit = TimeLimit(args.minutes)
    check_device(args.device)
    backbones, conditions = wanted_backbones(args), args.conditions.split(",")
    if unknown := set(conditions) - set(CONDITIONS):
        raise ValueError(f"unknown condition {min(unknown)!r}; choose from: {', '.join(CONDITIONS)}")
    table = make_split(load_ham10000(args.data), "paper", args.seed)
    with Image.open(table["path"].iloc[0]) as picture:
        picture_size = picture.size
    jobs = (job(args, table, picture_size, b, condition, limit) for b in backbones for condition in conditions)
    run_jobs(jobs, limit)


def job(args, table, picture_size: tuple[int, int], backbone: str, condition: str, limit: TimeLimit) -> Job:
    """Train (or go on training), evaluate and write the results of one run."""
    from hfskin.checkpoints.history import is_finished, read_training
    from hfskin.model.backbone_table import ELSEWHERE, backbone_spec
    from hfskin.training.config import TrainConfig
    from hfskin.training.recipes import CONDITIONS, RECIPES

    side = backbone_spec(backbone).input_size
    height, width = args.image_size or (side, side)
    recipe = dataclasses.replace(RECIPES[args.recipe], **CONDITIONS[condition])
    if args.epochs is not None:
        recipe = dataclasses.replace(recipe, epochs=args.epochs)
    name = f"{backbone}-{condition}-{args.recipe}-{height}x{width}-{recipe.epochs}epochs-seed{args.seed}"
    results, checkpoint = args.output / name, args.runs / name
    weights = find_weights(backbone, args.weights_dir)
    given = None if args.start else backbone, weights, (height, width)
    config = TrainConfig(recipe, *given, seed=args.seed, start=args.start)

    def work() -> bool:
        print(f"{name}: training from {weights or 'random weights' + ELSEWHERE.get(backbone, '')}")
        trained = is_trained(table, checkpoint, config, limit)
        if trained or ((checkpoint / TRAINING_FILE).is_file() and read_training(checkpoint)["history"]):
            measure(args, table, picture_size, condition, config, checkpoint, results)
        return trained

    return Job(name, lambda: is_finished(results), work)


def measure(args, table, picture_size, condition: str, config, checkpoint: Path, results: Path) -> None:
    """Measure a run that is trained, and keep what the tables need of it."""
    from hfskin.checkpoints.history import read_training
    from hfskin.evaluation.report import evaluate

    (height, width), epochs, backbone = config.image_size, config.recipe.epochs, results.name.split("-")[0]
    facts = read_training(checkpoint)
    facts |= {"condition": condition, "recipe_name": args.recipe, "picture_size": list(picture_size)}
    if facts.get("before"):
        del facts["before"]["command"]  # it stands in the results of that run
    facts["command"] = (
        f"python -m scripts.paper --data DIR --backbones {backbone} --conditions {condition} "
        f"--recipe {args.recipe} --epochs {epochs} --image-size {height} {width} --seed {args.seed}"
        + (f" --from {args.runs.name}/{args.start.name}" if args.start else "")
    )
    report = evaluate(checkpoint, table, split="paper", part="val", cautious=False)  # as the paper measures
    report["training"] = {key: value for key, value in facts.items() if key != "history"}
    for result in report["results"].values():
        del result["roc"]  # curves are half of the file, and no table shows them
    write_results(results / TRAINING_FILE, facts)
    write_results(results / METRICS_FILE, report)
    metrics = report["results"]["with_metadata"]["metrics"]
    accuracy, recall = metrics["accuracy"]["value"], metrics["bma"]["value"]
    print(f"{results.name}: accuracy {accuracy:.3f}, mean recall {recall:.3f} on a split that leaks")


def write_timing(args: argparse.Namespace) -> None:
    """Measure and write timing.json."""
    from .timing import time_backbones

    device = check_device(args.device)
    timing = time_backbones(wanted_backbones(args), device)
    write_results(args.output / "timing.json", timing)
    print(f"wrote {args.output / 'timing.json'}")


def render_page(results: Path, page: Path) -> None:
    """Write the tables of the results in `results` to `page`."""
    from .runs import load_runs, load_timing
    from .tables import render

    write_page(page, render(load_runs(results), load_timing(results)))


def check_device(wanted: str | None) -> str:
    """The device that will be used: "cpu" or "cuda".

    Raises:
        ValueError: CUDA is wanted and not there.
    """
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: torch finds no GPU here; use --device cpu")
    return "cuda" if torch.cuda.is_available() else "cpu"


def wanted_backbones(args: argparse.Namespace) -> list[str]:
    from hfskin.model.backbone_table import BACKBONES, backbone_spec

    names = args.backbones.split(",") if args.backbones else [n for n, spec in BACKBONES.items() if not spec.blocks]
    for name in names:
        backbone_spec(name)  # a wrong name is said before hours of work
    return names


def find_weights(backbone: str, folder: Path | None) -> str | None:
    """The file of a backbone in `folder`, None (random weights) where it has none; without a folder timm's Hub."""
    from hfskin.model.backbone_table import backbone_spec

    spec = backbone_spec(backbone)
    if folder is None:
        return "timm" if spec.pretrained_tag else None
    names = (spec.timm_id, spec.timm_id.removeprefix("tf_"))
    files = [folder / f"{name}.safetensors" for name in names]
    return next((str(file) for file in files if file.is_file()), None)


if __name__ == "__main__":
    main()
