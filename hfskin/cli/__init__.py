"""`hfskin`: the command line."""

import dataclasses
import gc
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..checkpoints.layout import METRICS_FILE
from ..model.labels import CLASSES, shown_classes
from . import hub, predict
from .console import one_line_errors
from .outputs import output_file, output_folder

app = typer.Typer(help="A machine's second look at a skin lesion. Not a medical device.", no_args_is_help=True)

# Subcommands import what they need when they run: an answer should not wait for torch, gradio or datasets.
LIGHT = ("predict", "demo", "doctor")  # they answer by ONNX Runtime, and load torch only where that cannot


class Split(StrEnum):
    lesion = "lesion"
    paper = "paper"
    all = "all"


class RecipeName(StrEnum):
    paper = "paper"
    modern = "modern"
    go_on = "continue"
    teach = "teach"
    fine_tune = "fine-tune"
    partner = "partner"


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


ElsewhereOption = Annotated[
    Path | None,
    typer.Option(help="Lesions from other clinics: half of the patients fit the gate, the others judge it."),
]
NegativesOption = Annotated[
    Path | None, typer.Option(help="Pictures of other things: one half fits the gate, the other judges it.")
]


def _say_version(asked: bool) -> None:
    if asked:
        from .. import __version__

        typer.echo(f"hfskin {__version__}")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """A machine's second look at a skin lesion. Not a medical device."""
    if context.invoked_subcommand not in LIGHT:
        from ..checkpoints.hub import hide_loading_bars

        hide_loading_bars()
    gc.freeze()  # what was imported stays to the end


@app.command()
def train(
    data: Annotated[str, typer.Option(help="HAM10000 folder, or one like it.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Checkpoint folder; a run that was cut off resumes.")],
    backbone: Annotated[str | None, typer.Option(help="A name of `hfskin backbones`.")] = None,
    recipe: RecipeName = RecipeName.modern,
    split: Split = Split.lesion,
    backbone_weights: Annotated[
        str, typer.Option(help='"timm" (its Hub), "none", or a safetensors file with timm\'s names.')
    ] = "timm",
    images: Annotated[list[Path] | None, typer.Option(help="Further picture folders, searched first.")] = None,
    copies: Annotated[Path | None, typer.Option(help="Folder with other copies of the pictures, mixed in.")] = None,
    condition: Annotated[
        list[Condition] | None, typer.Option(help="What the paper compares, as a change to the recipe; several add up.")
    ] = None,
    image_size: Annotated[
        tuple[int, int] | None,
        typer.Option(help="Height and width, pixels; default 144 192, of the paper's recipe the backbone's own."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Instead of the recipe's.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Instead of the recipe's; of all processes together.")] = None,
    accumulation: Annotated[int | None, typer.Option(help="Parts to compute a batch in, to save memory.")] = None,
    precision: Annotated[Precision | None, typer.Option(help="On a GPU, instead of the recipe's.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that draw pictures; default by the machine.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Stop after this time; the same command goes on.")] = None,
    seed: int = 0,
    start: Annotated[
        Path | None,
        typer.Option("--from", help="In place of --backbone: a checkpoint of that split to go on from."),
    ] = None,
    teacher: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint of that split to learn from too; several are averaged.")
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(help="Folder of lesion masks, to teach Soft-Attention where to look.")
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            help="Separated by commas. Default: the seven, or those of --from; the table's own if it has none of them."
        ),
    ] = None,
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
    inputs = [data, backbone_weights, start, copies, masks, *(images or ()), *(teacher or ())]
    with one_line_errors(), output_folder(output, inputs):
        from ..data.ham10000 import find_images, find_masks
        from ..model.backbones import backbone_spec
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
            malignant=_names(malignant),
        )
        usual = CLASSES if start is None else shown_classes(HfskinConfig.from_pretrained(start))
        run(_load_table(data, split, images, _names(classes), usual), output, config, minutes, workers)
        typer.echo(f"saved {output}")
        _next(f"calibrate {output} --data {data} --split {split}")


@app.command()
def average(
    checkpoints: Annotated[list[Path], typer.Argument(help="Runs that went on from one checkpoint (train --from).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Checkpoint folder.")],
) -> None:
    """Make one checkpoint of several: the mean of their weights. Calibrate it afterwards."""
    with one_line_errors(), output_folder(output, checkpoints):
        from ..training.merging import average_checkpoints

        typer.echo(f"saved {average_checkpoints(checkpoints, output)}")


@app.command("join", hidden=True)  # its name until 0.2
@app.command()
def ensemble(
    checkpoints: Annotated[list[Path], typer.Argument(help="Of one split and image size; the first one's maps count.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Checkpoint folder.")],
) -> None:
    """Make one checkpoint of several that answer together (an ensemble). Calibrate it afterwards."""
    with one_line_errors(), output_folder(output, checkpoints):
        from ..training.merging import ensemble_checkpoints

        typer.echo(f"saved {ensemble_checkpoints(checkpoints, output)}")


@app.command()
def calibrate(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder of `hfskin train`.")],
    data: Annotated[str, typer.Option(help="The data that it was trained on.")],
    split: Split = Split.lesion,
    copies: Annotated[Path | None, typer.Option(help="Other files of some of the pictures, for the gate.")] = None,
    lesions_elsewhere: ElsewhereOption = None,
    negatives: NegativesOption = None,
) -> None:
    """Fit temperature, thresholds and gate on the train and validation parts, and store them in the checkpoint."""
    with one_line_errors(), output_folder(checkpoint):
        from ..calibration.calibrate import calibrate_checkpoint
        from ..calibration.exposure import read_exposure
        from ..model.configuration_hfskin import HfskinConfig

        exposure = read_exposure(lesions_elsewhere, negatives, copies)
        classes = shown_classes(HfskinConfig.from_pretrained(checkpoint))
        config = calibrate_checkpoint(checkpoint, _load_table(data, split, classes=classes), exposure)
        fitted = "temperature", "malignant_threshold", "conformal_threshold", "gate_threshold", "unusual_threshold"
        for name in fitted:
            value = getattr(config, name)
            typer.echo(f"{name} {'none' if value is None else f'{value:.4f}'}")
        _next(f"evaluate --model {checkpoint} --data {data} --split {split}")


@app.command()
def evaluate(
    data: Annotated[str, typer.Option(help="HAM10000 folder, one like it, or hub:organisation/name.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="JSON to write; default metrics.json in the checkpoint's folder, unless --split is all.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Checkpoint folder, ONNX file or Hub id; default the embedded one.")
    ] = None,
    split: Split = Split.lesion,
    part: Annotated[str, typer.Option(help='"test" or "val" (the paper split has no test part).')] = "test",
    tta: Annotated[bool, typer.Option("--tta", help="Average over mirror images.")] = False,
    plots: Annotated[Path | None, typer.Option(help="Folder for confusion matrix, ROC and reliability plots.")] = None,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Also on transformed pictures: cropped, darker, ...")
    ] = False,
    shifts: Annotated[bool, typer.Option("--shifts", hidden=True)] = False,  # its name until 0.2
    copies: Annotated[Path | None, typer.Option(help="With --robustness: other files of some of the pictures.")] = None,
    masks: Annotated[Path | None, typer.Option(help="Lesion masks, to measure the explanations by.")] = None,
    lesions_elsewhere: ElsewhereOption = None,
    negatives: NegativesOption = None,
    backend: Annotated[
        predict.Backend, typer.Option(help="What answers, see `hfskin predict`.")
    ] = predict.Backend.auto,
) -> None:
    """Measure a checkpoint on a labelled data set, with 95 % intervals over lesions."""
    into_checkpoint = output is None and split != Split.all and model is not None and Path(model).is_dir()
    if into_checkpoint:
        output = Path(str(model), METRICS_FILE)
    with one_line_errors(), output_file(output, [model], suffix=".json"), output_folder(plots):
        from ..calibration.exposure import read_exposure
        from ..data.ham10000 import find_images
        from ..evaluation.plots import write_plots
        from ..evaluation.report import evaluate as run
        from ..evaluation.report import write_metrics
        from ..inference.backend import load

        others = find_images([copies]) if copies else None
        classes = shown_classes(load(model, backend, device="cpu").config)
        report = run(
            model, _load_table(data, split, classes=classes), split, part, data=_data_name(data, classes),
            tta=tta, robustness=robustness or shifts, copies=others, masks=masks, backend=backend,
            exposure=read_exposure(lesions_elsewhere, negatives),
        )  # fmt: skip
        if output:
            write_metrics(report, output)
        if plots:
            write_plots(report, plots)
        facts, metrics = report["data"], report["results"]["with_metadata"]["metrics"]
        leak = ", LEAKS lesions" if facts["leaks"] else ""
        typer.echo(f"{facts['images']} pictures of {facts['lesions']} lesions, split {split}/{part}{leak}")
        for name in ("bma", "auc_macro", "accuracy"):
            typer.echo(f"{name:<10} {_interval(**metrics[name])}")
        if into_checkpoint:
            typer.echo(f"saved {output}")
            _next(f"push {model} organisation/name")


@app.command()
def backbones() -> None:
    """The names that `hfskin train --backbone` knows, and the input size that each was made for."""
    from ..model.backbones import BACKBONES

    for name, spec in BACKBONES.items():
        typer.echo(f"{name:<22} {spec.input_size}x{spec.input_size}")


@app.command()
def demo(
    model: Annotated[str | None, typer.Option(help="Checkpoint folder or Hub id; default the embedded one.")] = None,
    host: Annotated[
        str | None, typer.Option(help='Default GRADIO_SERVER_NAME, else this machine alone; "0.0.0.0": any.')
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Default GRADIO_SERVER_PORT, else the next free from 7860."),
    ] = None,
) -> None:
    """Serve the page on this machine."""
    with one_line_errors():
        from ..demo.ui import build_page, launch_options

        build_page(model).launch(server_name=host, server_port=port, **launch_options())


@app.command()
def doctor(
    model: Annotated[str | None, typer.Option(help="Checkpoint folder or Hub id; default the embedded one.")] = None,
) -> None:
    """Say what is installed, what answers, and whether the checkpoint is whole; exit code 1 where it is not."""
    from .doctor import examine

    with one_line_errors():
        lines, sound = examine(model)
    for line in lines:
        typer.echo(line)
    if not sound:
        raise typer.Exit(1)


def _load_table(
    data: str,
    split: Split,
    images: list[Path] | None = None,
    classes: Sequence[str] | None = None,
    usual: Sequence[str] = CLASSES,
):
    from ..data.ham10000 import gaps, load_ham10000
    from ..data.splits import make_split

    if data.startswith("hub:"):
        from ..data.hub_dataset import load_table  # `datasets` is only needed here

        table = load_table(data, images or (), classes, usual)
    else:
        table = load_ham10000(data, images or (), classes, usual)
    for line in gaps(table):
        typer.echo(f"{data}: {line}", err=True)
    parts = make_split(table, split)
    if few := parts.attrs.get("parts"):
        typer.echo(
            f"{data}: few lesions a class, so one in {few} is for validation and one in {few} for test", err=True
        )
    return parts


def _names(listed: str | None) -> tuple[str, ...] | None:
    return None if listed is None else tuple(name.strip() for name in listed.split(",") if name.strip())


def _data_name(data: str, classes: Sequence[str]) -> str:
    """What metrics.json and the card call the data: the Hub's name of a data set there, or, since it has other classes
    than HAM10000, a folder's own."""
    if data.startswith("hub:"):
        return data.removeprefix("hub:")
    return "HAM10000" if classes == CLASSES else Path(data).resolve().name


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "undefined: the pictures are too few, or of one class"
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f}  [{low:.3f}, {high:.3f}]"


def _next(command: str) -> None:
    typer.echo(f"next: hfskin {command}")


predict.mount(app)
hub.mount(app)

if __name__ == "__main__":
    app()
