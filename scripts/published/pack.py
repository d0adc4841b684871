"""What a training on another machine needs, small enough to travel, and the way back.

    python -m scripts.published.pack there --data ../shared/ham10000 --copies ../shared/ham10000_224 \\
        --weights ../shared/weights -o .gpu
    python -m scripts.published.pack back runs/published $OUT

The first writes .gpu/data, .gpu/copies and .gpu/weights: pictures of the training and validation part as WebP, and of
the vision transformer the blocks that are used. Each is below 60 MB, to be carried in a call of its own. The second
writes every checkpoint of a folder in half precision and in parts of at most 15 MB, which `from_pretrained` puts
together again.
"""

import shutil
from pathlib import Path
from typing import Annotated

import torch
import typer
from PIL import Image
from safetensors.torch import load_file, save_file

from hfskin.checkpoints.layout import SPLIT_FILE, TRAINING_FILE
from hfskin.data.ham10000 import find_images, load_ham10000
from hfskin.data.splits import make_split
from hfskin.model.backbone_table import backbone_spec
from hfskin.model.image_processing_hfskin import HfskinImageProcessor
from hfskin.model.modeling_hfskin import HfskinForImageClassification

from .members import MEMBERS
from .train import LOG

TABLE = "HAM10000_metadata.csv"
QUALITY = 80  # of WebP; keeps 10,015 pictures of 200x150 below 45 MB
PART = "15MB"

app = typer.Typer(add_completion=False, help=__doc__)


@app.command()
def there(
    data: Annotated[Path, typer.Option(help="HAM10000 folder.")],
    copies: Annotated[Path, typer.Option(help="Folder of sharper copies of the pictures.")],
    weights: Annotated[Path, typer.Option(help="Folder of pretrained weights, with its weights.json.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A folder that git ignores.")],
) -> None:
    """Write the pictures and weights that travel."""
    table = make_split(load_ham10000(data), "lesion")
    used = table[table["split"] != "test"]
    learnt = set(table.loc[table["split"] == "train", "image_id"])
    sharper = {image_id: path for image_id, path in find_images([copies]).items() if image_id in learnt}
    _compress(dict(zip(used["image_id"], used["path"], strict=True)), output / "data" / "images")
    _compress(sharper, output / "copies")
    shutil.copy(data / TABLE, output / "data" / TABLE)
    (output / "weights").mkdir(parents=True, exist_ok=True)
    shutil.copy(weights / "weights.json", output / "weights")
    for member in MEMBERS.values():
        state = load_file(weights / member.weights)
        if blocks := backbone_spec(member.backbone).blocks:
            # One block more than is kept shows that the norm behind the last one was learnt for another place.
            state = {name: tensor for name, tensor in state.items() if _block(name) <= blocks[member.cut]}
        save_file(state, output / "weights" / member.weights)


@app.command()
def back(
    runs: Annotated[Path, typer.Argument(help="The folder of the checkpoints, one a member.")],
    output: Annotated[Path, typer.Argument(help="Where the parts go.")],
) -> None:
    """Write the checkpoints as they travel back."""
    for folder in sorted(path.parent for path in runs.glob(f"*/{TRAINING_FILE}")):
        model = HfskinForImageClassification.from_pretrained(folder, dtype=torch.float16)
        model.save_pretrained(output / folder.name, max_shard_size=PART)
        HfskinImageProcessor.from_pretrained(folder).save_pretrained(output / folder.name)
        for name in (TRAINING_FILE, SPLIT_FILE, LOG):
            shutil.copy(folder / name, output / folder.name)


def _compress(files: dict[str, Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for image_id, path in files.items():
        Image.open(path).convert("RGB").save(folder / f"{image_id}.webp", quality=QUALITY)


def _block(name: str) -> int:
    part = name.split(".")
    return int(part[1]) if part[0] == "blocks" else 0


if __name__ == "__main__":
    app()
