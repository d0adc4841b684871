"""Train the embedded checkpoint by the schedule of scripts/published/schedule.py, and publish it.

    python -m scripts.published.train_default --data ../shared/ham10000 --copies ../shared/ham10000_224 \\
        --masks ../shared/ham10000/HAM10000_segmentations_lesion_tschandl \\
        --weights ../shared/weights/tf_efficientnet_lite0.safetensors \\
        --member-weights ../shared/weights/mobilenetv3_small_100.safetensors

A run that was cut off resumes.
"""

from pathlib import Path
from typing import Annotated

import typer

from hfskin.data.ham10000 import find_images, find_masks, load_ham10000
from hfskin.data.splits import make_split

from . import publish
from .schedule import Schedule, train_by_schedule


def main(
    data: publish.DataOption,
    copies: publish.CopiesOption = None,
    masks: publish.MasksOption = None,
    lesions_elsewhere: publish.ElsewhereOption = None,
    negatives: publish.NegativesOption = None,
    weights: Annotated[str, typer.Option(help='"timm", or a safetensors file of the ImageNet weights.')] = "timm",
    member_weights: Annotated[str, typer.Option(help="Likewise, of the small ensemble member.")] = "timm",
    runs: Annotated[Path, typer.Option(help="Where the runs are kept.")] = publish.ROOT / "runs" / "default",
) -> None:
    """Train the embedded checkpoint and replace it."""
    schedule = Schedule(
        weights=weights,
        member_weights=member_weights,
        copies=find_images([copies]) if copies else None,
        masks=find_masks(masks) if masks else None,
    )
    checkpoint = train_by_schedule(make_split(load_ham10000(data), "lesion"), runs, schedule)
    publish.main(checkpoint, data, copies, masks, lesions_elsewhere, negatives)


if __name__ == "__main__":
    typer.run(main)
