"""Train the embedded checkpoint: train, go on and average (two rounds), calibrate, store in half precision, export,
evaluate.

    python scripts/train_default.py --data ../shared/ham10000 --copies ../shared/ham10000_224 \\
        --weights ../shared/weights/tf_efficientnet_lite0.safetensors \\
        --masks ../shared/ham10000/HAM10000_segmentations_lesion_tschandl

Every step is the public command; this script only says which, in which order. A run that was cut off resumes.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import torch
import typer

ROOT = Path(__file__).parent.parent
EMBEDDED = ROOT / "hfskin" / "checkpoints" / "default"
FOLDS = ROOT / "results" / "cross_validation" / "metrics.json"  # of scripts/cross_validate.py
# Each round goes on from the last average, once with each seed, and averages these runs and what they started from (in
# the first round its last epoch, while they started from the one that validation chose).
ROUNDS = (
    (("1", "2"), ("--recipe", "modern", "--epochs", "12", "--learning-rate", "3e-4")),
    (("3", "4"), ("--recipe", "continue", "--epochs", "7")),
)
FILES = ("config.json", "model.safetensors", "preprocessor_config.json", "training.json")


def main(
    data: Annotated[Path, typer.Option(help="HAM10000 folder.")],
    weights: Annotated[str, typer.Option(help='"timm", or a safetensors file of the ImageNet weights.')] = "timm",
    copies: Annotated[Path | None, typer.Option(help="Folder with other copies of the pictures.")] = None,
    masks: Annotated[Path | None, typer.Option(help="Folder of lesion masks, to measure the explanations by.")] = None,
    run: Annotated[Path, typer.Option(help="Where the runs are kept.")] = ROOT / "runs" / "default",
) -> None:
    """Train the embedded checkpoint and replace it."""
    on_data = ["--data", str(data), "--split", "lesion"]
    extra = ["--copies", str(copies)] if copies else []
    checkpoint = run / "first"
    _hfskin("train", "--backbone", "efficientnet_lite0", "--recipe", "modern", "--epochs", "14", *on_data, *extra,
            "--backbone-weights", weights, "-o", str(checkpoint))  # fmt: skip
    for seeds, how in ROUNDS:
        others = [run / f"seed-{seed}" for seed in seeds]
        for seed, other in zip(seeds, others, strict=True):
            _hfskin("train", "--from", str(checkpoint), *how, "--seed", seed, *on_data, *extra, "-o", str(other))
        average = run / f"average-{'-'.join(seeds)}"
        _hfskin("average", *map(str, others), str(checkpoint), "-o", str(average))
        checkpoint = average
    _hfskin("calibrate", str(checkpoint), *on_data)
    embed(checkpoint)
    _hfskin("export", str(EMBEDDED))
    measured = ["--masks", str(masks)] if masks else []
    measured += ["--fold-report", str(FOLDS)] if FOLDS.is_file() else []
    _hfskin("evaluate", "--model", str(EMBEDDED), *on_data, "--shifts", *extra, *measured,
            "-o", str(EMBEDDED / "metrics.json"), "--plots", str(EMBEDDED / "plots"))  # fmt: skip
    _hfskin("card", str(EMBEDDED), "-o", str(ROOT / "model_cards"))
    shutil.copy(ROOT / "model_cards" / "default.md", EMBEDDED / "README.md")  # the page's About tab shows it


def embed(run: Path) -> None:
    """Copy a run's checkpoint into the package, its weights in half precision (loaded as float32 again)."""
    from safetensors.torch import load_file, save_file

    EMBEDDED.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy(run / name, EMBEDDED / name)
    state = {k: v.half() if v.dtype == torch.float32 else v for k, v in load_file(run / "model.safetensors").items()}
    save_file(state, EMBEDDED / "model.safetensors", metadata={"format": "pt"})


def _hfskin(*args: str) -> None:
    subprocess.run([sys.executable, "-m", "hfskin.cli", *args], check=True)


if __name__ == "__main__":
    typer.run(main)
