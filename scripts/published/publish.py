"""Make a trained checkpoint an embedded one: calibrate, store in half precision, export, evaluate, write the card.

    python -m scripts.published.publish runs/model --data ../shared/ham10000 --copies ../shared/ham10000_224 \\
        --masks ../shared/ham10000/HAM10000_segmentations_lesion_tschandl --lesions-elsewhere ../shared/isic2020 \\
        --negatives ../shared/negatives/photos
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import torch
import typer

from hfskin import HfskinImageProcessor
from hfskin.checkpoints.history import StaleMetricsError, read_training, refuse_stale
from hfskin.checkpoints.layout import METRICS_FILE

from ..repeatability import main as measure_repeatability

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINTS = ROOT / "hfskin" / "checkpoints"
FOLDS = ROOT / "results" / "cross_validation" / "metrics.json"  # of scripts/folds, for the default one
# As far as training stretched pictures; a square one is then seen whole, and a squashed one as it was.
MAX_STRETCH = 4 / 3
FILES = ("config.json", "model.safetensors", "preprocessor_config.json", "training.json")

DataOption = Annotated[Path, typer.Option(help="HAM10000 folder.")]
CopiesOption = Annotated[Path | None, typer.Option(help="Folder with other copies of the pictures.")]
MasksOption = Annotated[Path | None, typer.Option(help="Folder of lesion masks, to measure explanations by.")]
ElsewhereOption = Annotated[Path | None, typer.Option(help="See `hfskin calibrate`.")]
NegativesOption = Annotated[Path | None, typer.Option(help="See `hfskin calibrate`.")]


def main(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder.")],
    data: DataOption,
    name: Annotated[str, typer.Option(help="Of the embedded checkpoint, as `hfskin.load` takes it.")] = "default",
    copies: CopiesOption = None,
    masks: MasksOption = None,
    lesions_elsewhere: ElsewhereOption = None,
    negatives: NegativesOption = None,
) -> None:
    """Calibrate a checkpoint, put it into the package, and measure it there."""
    see_more(checkpoint)
    on_data = ["--data", str(data), "--split", "lesion", *given("--copies", copies)]
    outside = [*given("--lesions-elsewhere", lesions_elsewhere), *given("--negatives", negatives)]
    hfskin("calibrate", str(checkpoint), *on_data, *outside)
    embedded = CHECKPOINTS / name
    embed(checkpoint, embedded)
    hfskin("export", str(embedded))
    measure = ["--robustness", *given("--masks", masks), "--plots", str(embedded / "plots")]
    hfskin("evaluate", "--model", str(embedded), *on_data, *outside, *measure, "-o", str(embedded / "metrics.json"))
    measure_repeatability(data, embedded)
    if name == "default" and FOLDS.is_file():
        from ..folds.report import put_into

        put_into(embedded / "metrics.json", FOLDS)
    hfskin("card", str(embedded), "-o", str(ROOT / "model_cards"))
    shutil.copy(ROOT / "model_cards" / f"{name}.md", embedded / "README.md")  # the page's About tab shows it


def see_more(checkpoint: Path) -> None:
    """Let the checkpoint's pictures be stretched by `MAX_STRETCH`."""
    processor = HfskinImageProcessor.from_pretrained(checkpoint)
    processor.max_stretch = MAX_STRETCH
    processor.save_pretrained(checkpoint)


def embed(run: Path, embedded: Path) -> None:
    """Copy a run's checkpoint into the package, its weights in half precision (loaded as float32 again)."""
    from safetensors.torch import load_file, save_file

    embedded.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy(run / name, embedded / name)
    state = {k: v.half() if v.dtype == torch.float32 else v for k, v in load_file(run / "model.safetensors").items()}
    save_file(state, embedded / "model.safetensors", metadata={"format": "pt"})


def is_published(run: Path, name: str) -> bool:
    """Whether the embedded checkpoint is this run's, and measured as it is."""
    embedded = CHECKPOINTS / name
    if read_training(run) != read_training(embedded):
        return False
    try:
        refuse_stale(embedded, json.loads((embedded / METRICS_FILE).read_text()))
    except (OSError, StaleMetricsError):
        return False
    return True


def given(option: str, value: Path | float | None) -> list[str]:
    """An option of a command, where it has a value."""
    return [] if value is None else [option, str(value)]


def hfskin(*args: str | Path) -> None:
    """Run a command of the package, in a process of its own.

    Raises:
        CalledProcessError: it failed.
    """
    run_module("hfskin.cli", *args)


def run_module(module: str, *args: str | Path) -> None:
    """As [`hfskin`], any module's."""
    subprocess.run([sys.executable, "-m", module, *args], check=True)


if __name__ == "__main__":
    typer.run(main)
