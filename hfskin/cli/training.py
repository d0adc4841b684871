"""The command line's part that makes checkpoints: `hfskin train`, `average`, `ensemble` and `backbones`."""

import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..model.labels import CLASSES, shown_classes
from .console import one_line_errors, say_next
from .labelled import ClassesOption, DataOption, ImagesOption, Split, load_table, names, same_data
from .outputs import output_folder


class RecipeName(StrEnum):
    paper = "paper"
    modern = "modern"
    go_on = "continue"
    attention_supervision = "attention-supervision"
    fine_tune = "fine-tune"
    member = "member"


class Condition(StrEnum):
    metadata = "metadata"
    augmented = "augmented"
    unweighted = "unweighted"
    inverse_share = "inverse_share"
    no_metadata = "no_metadata"
    no_attention = "no_attention"


class Precision(StrEnum):
    bf16 = "bf16"
    fp16 = "fp16"
    fp32 = "fp32"


SMALLEST = 32  # pixels
OLD_RECIPES = {"teach": RecipeName.attention_supervision, "partner": RecipeName.member}  # their names until 0.2


def recipe_name(name: str) -> RecipeName:
    """By its name or an old one."""
    try:
        return OLD_RECIPES.get(name) or RecipeName(name)
    except ValueError:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(RecipeName)}") from None


def mount(app: typer.Typer) -> None:
    """Add these commands to `hfskin`."""
    app.command()(train)
    app.command()(average)
    app.command()(ensemble)
    app.command("join", hidden=True)(ensemble)  # its name until 0.2
    app.command()(backbones)


def train(
    data: DataOption,
    output: Annotated[Path, typer.Option("--output", "-o", help="Checkpoint folder; a run that was cut off resumes.")],
    backbone: Annotated[str | None, typer.Option(help="A name of `hfskin backbones`.")] = None,
    recipe: Annotated[
        RecipeName, typer.Option(parser=recipe_name, metavar=f"[{'|'.join(RecipeName)}]")
    ] = RecipeName.modern,
    split: Split = Split.lesion,
    backbone_weights: Annotated[
        str, typer.Option(help='"timm" (its Hub), "none", or a safetensors file with timm\'s names.')
    ] = "timm",
    images: ImagesOption = None,
    copies: Annotated[Path | None, typer.Option(help="Folder with other copies of the pictures, mixed in.")] = None,
    condition: Annotated[
        list[Condition] | None, typer.Option(help="What the paper compares, as a change to the recipe; several add up.")
    ] = None,
    image_size: Annotated[
        tuple[int, int] | None,
        typer.Option(help="Height and width, pixels; default 144 192, of the paper's recipe the backbone's own."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0, help="Instead of the recipe's.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Instead of the recipe's; of all processes together.")
    ] = None,
    accumulation: Annotated[
        int | None, typer.Option(min=1, help="Compute a batch in so many parts, to save memory.")
    ] = None,
    precision: Annotated[Precision | None, typer.Option(help="On a GPU, instead of the recipe's.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that prepare pictures; default: what suits.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop after this time; the same command goes on.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, order and augmentation.")] = 0,
    start: Annotated[
        Path | None,
        typer.Option("--from", help="In place of --backbone: a checkpoint of that split to go on from."),
    ] = None,
    teacher: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint of that split to learn from too; several are averaged.")
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(help="Folder of lesion masks, for attention supervision."),
    ] = None,
    classes: ClassesOption = None,
    malignant: Annotated[
        str | None,
        typer.Option(help="Which of the classes are. Default: akiec, ak, bcc, mel, scc and malignant, where there."),
    ] = None,
) -> None:
    """Train a checkpoint on a labelled data set; resumes where it was cut off."""
    if (backbone is None) == (start is None):
        raise typer.BadParameter("give either --backbone NAME or --from CHECKPOINT")
    if split == Split.all:
        raise typer.BadParameter("all is for evaluate, and leaves nothing to train on; take lesion or paper")
    if image_size and min(image_size) < SMALLEST:
        raise typer.BadParameter(f"--image-size: no backbone reads pictures below {SMALLEST}x{SMALLEST} pixels")
    if backbone_weights not in ("timm", "none") and not Path(backbone_weights).is_file():
        raise typer.BadParameter(f'{backbone_weights}: no such file; give "timm", "none" or a safetensors file')
    _refuse_missing(*([start] if start else ()), *(teacher or ()))
    inputs = [data, backbone_weights, start, copies, masks, *(images or ()), *(teacher or ())]
    with one_line_errors(), output_folder(output, inputs):
        from ..data.ham10000 import find_images, find_masks
        from ..model.backbone_table import backbone_spec
        from ..model.configuration_hfskin import HfskinConfig
        from ..training.config import TrainConfig
        from ..training.recipes import CONDITIONS, RECIPES
        from ..training.run import train as run

        if backbone is not None:
            backbone_spec(backbone)  # a slip is said before the data are read
        chosen = RECIPES[recipe]
        for name in condition or ():
            chosen = dataclasses.replace(chosen, **CONDITIONS[name])
        instead: dict[str, Any] = {"epochs": epochs, "learning_rate": learning_rate, "batch_size": batch_size,
                   "accumulation": accumulation, "precision": precision and precision.value}  # fmt: skip
        chosen = dataclasses.replace(chosen, **{k: v for k, v in instead.items() if v is not None})
        config = TrainConfig(
            chosen,
            backbone,
            weights=None if backbone_weights == "none" else backbone_weights,
            image_size=image_size,
            copies=find_images([copies]) if copies else None,
            seed=seed,
            start=start,
            teachers=tuple(teacher or ()),
            masks=find_masks(masks) if masks else None,
            malignant=names(malignant),
        )
        usual = CLASSES if start is None else shown_classes(HfskinConfig.from_pretrained(start))
        run(load_table(data, split, images, names(classes), usual), output, config, minutes, workers)
        typer.echo(f"saved {output}")
        say_next("calibrate", output, *same_data(data, split, images))


def _refuse_missing(*checkpoints: Path) -> None:
    """Stop at what is no checkpoint folder, before any work."""
    with one_line_errors():
        from ..checkpoints.hub import local_checkpoint

        for checkpoint in checkpoints:
            local_checkpoint(checkpoint)


def average(
    checkpoints: Annotated[list[Path], typer.Argument(help="Runs that went on from one checkpoint (train --from).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Checkpoint folder.")],
) -> None:
    """Make one checkpoint of several: the mean of their weights. Calibrate it afterwards."""
    _refuse_missing(*checkpoints)
    with one_line_errors(), output_folder(output, checkpoints):
        from ..training.merging import average_checkpoints

        typer.echo(f"saved {average_checkpoints(checkpoints, output)}")
        say_next("calibrate", output, "--data", "DATA")


def ensemble(
    checkpoints: Annotated[
        list[Path], typer.Argument(help="Of one split; the first one's maps count, and its image size, the largest.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Checkpoint folder.")],
    weight: Annotated[
        list[float] | None, typer.Option(help="Of a checkpoint in the mean, one for each; equal if left out.")
    ] = None,
) -> None:
    """Make one checkpoint of several that answer together (an ensemble). Calibrate it afterwards."""
    _refuse_missing(*checkpoints)
    with one_line_errors(), output_folder(output, checkpoints):
        from ..training.merging import ensemble_checkpoints

        typer.echo(f"saved {ensemble_checkpoints(checkpoints, output, weight)}")
        say_next("calibrate", output, "--data", "DATA")


def backbones() -> None:
    """The names that `hfskin train --backbone` knows, and the input size that each was made for."""
    from ..model.backbone_table import BACKBONES

    for name, spec in BACKBONES.items():
        typer.echo(f"{name:<22} {spec.input_size}x{spec.input_size}")
