"""Train the embedded checkpoint (scripts/published/stages.py); calibrate, store in half precision, export, evaluate.

    python -m scripts.published.train_default --data ../shared/ham10000 --copies ../shared/ham10000_224 \\
        --masks ../shared/ham10000/HAM10000_segmentations_lesion_tschandl \\
        --weights ../shared/weights/tf_efficientnet_lite0.safetensors \\
        --partner-weights ../shared/weights/mobilenetv3_small_100.safetensors

A run that was cut off resumes.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import torch
import typer

ROOT = Path(__file__).resolve().parents[2]
EMBEDDED = ROOT / "hfskin" / "checkpoints" / "default"
FOLDS = ROOT / "results" / "cross_validation" / "metrics.json"  # of scripts/folds
FILES = ("config.json", "model.safetensors", "preprocessor_config.json", "training.json")


def main(
    data: Annotated[Path, typer.Option(help="HAM10000 folder.")],
    copies: Annotated[Path | None, typer.Option(help="Folder with other copies of the pictures, mixed in.")] = None,
    masks: Annotated[Path | None, typer.Option(help="Folder of lesion masks, to teach Soft-Attention by.")] = None,
    weights: Annotated[str, typer.Option(help='"timm", or a safetensors file of the ImageNet weights.')] = "timm",
    partner_weights: Annotated[str, typer.Option(help="Likewise, of the small network that answers too.")] = "timm",
    runs: Annotated[Path, typer.Option(help="Where the runs are kept.")] = ROOT / "runs" / "default",
) -> None:
    """Train the embedded checkpoint and replace it."""
    from hfskin.data.ham10000 import find_images, find_masks, load_ham10000
    from hfskin.data.splits import make_split

    from ..folds.report import put_into
    from .stages import Stages, train_in_stages

    stages = Stages(
        weights=weights,
        partner_weights=partner_weights,
        copies=find_images([copies]) if copies else None,
        masks=find_masks(masks) if masks else None,
    )
    checkpoint = train_in_stages(make_split(load_ham10000(data), "lesion"), runs, stages)
    on_data = ["--data", str(data), "--split", "lesion"]
    _hfskin("calibrate", str(checkpoint), *on_data)
    embed(checkpoint)
    _hfskin("export", str(EMBEDDED))
    extra = [*(["--copies", str(copies)] if copies else []), *(["--masks", str(masks)] if masks else [])]
    _hfskin("evaluate", "--model", str(EMBEDDED), *on_data, "--robustness", *extra,
            "-o", str(EMBEDDED / "metrics.json"), "--plots", str(EMBEDDED / "plots"))  # fmt: skip
    if FOLDS.is_file():
        put_into(EMBEDDED / "metrics.json", FOLDS)
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
