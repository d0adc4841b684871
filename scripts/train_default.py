"""Train the embedded checkpoint: train; go on twice and average; teach the attention by masks and average; calibrate,
store in half precision, export, evaluate.

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
FILES = ("config.json", "model.safetensors", "preprocessor_config.json", "training.json")


def main(
    data: Annotated[Path, typer.Option(help="HAM10000 folder.")],
    weights: Annotated[str, typer.Option(help='"timm", or a safetensors file of the ImageNet weights.')] = "timm",
    copies: Annotated[Path | None, typer.Option(help="Folder with other copies of the pictures.")] = None,
    masks: Annotated[Path | None, typer.Option(help="Folder of lesion masks, to teach Soft-Attention by.")] = None,
    run: Annotated[Path, typer.Option(help="Where the runs are kept.")] = ROOT / "runs" / "default",
) -> None:
    """Train the embedded checkpoint and replace it."""
    on_data = ["--data", str(data), "--split", "lesion"]
    extra = ["--copies", str(copies)] if copies else []
    first = run / "first"
    _hfskin("train", "--backbone", "efficientnet_lite0", "--recipe", "modern", "--epochs", "14", *on_data, *extra,
            "--backbone-weights", weights, "-o", str(first))  # fmt: skip
    best = _go_on(first, run / "second", ["1", "2"], "--recipe", "modern", "--epochs", "12", "--learning-rate", "3e-4",
                  *on_data, *extra)  # fmt: skip
    by_masks = ["--masks", str(masks)] if masks else []
    if masks:
        best = _go_on(best, run / "third", ["1"], "--recipe", "teach", *by_masks, *on_data, *extra)
    _hfskin("calibrate", str(best), *on_data)
    embed(best)
    _hfskin("export", str(EMBEDDED))
    folds = ["--fold-report", str(FOLDS)] if FOLDS.is_file() else []
    _hfskin("evaluate", "--model", str(EMBEDDED), *on_data, "--shifts", *extra, *by_masks, *folds,
            "-o", str(EMBEDDED / "metrics.json"), "--plots", str(EMBEDDED / "plots"))  # fmt: skip
    _hfskin("card", str(EMBEDDED), "-o", str(ROOT / "model_cards"))
    shutil.copy(ROOT / "model_cards" / "default.md", EMBEDDED / "README.md")  # the page's About tab shows it


def _go_on(start: Path, output: Path, seeds: list[str], *how: str) -> Path:
    """Train on from a checkpoint with every seed; the mean of what comes out and the start."""
    runs = [Path(f"{output}-{seed}") for seed in seeds]
    for seed, one in zip(seeds, runs, strict=True):
        _hfskin("train", "--from", str(start), "--seed", seed, *how, "-o", str(one))
    _hfskin("average", *map(str, runs), str(start), "-o", str(output))
    return output


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
