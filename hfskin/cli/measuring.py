"""The command line's part that measures checkpoints: `hfskin calibrate` and `hfskin evaluate`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..checkpoints.layout import METRICS_FILE
from ..data.tables import counted
from ..model.labels import shown_classes
from .console import ModelOption, one_line_errors, say_next
from .labelled import DataOption, ImagesOption, Split, data_name, load_table, same_data
from .outputs import output_file, output_folder
from .predict import Backend

ElsewhereOption = Annotated[
    Path | None,
    typer.Option(help="Lesions from other clinics: half of the patients fit the gate, the others judge it."),
]
NegativesOption = Annotated[
    Path | None, typer.Option(help="Pictures of other things: one half fits the gate, the other judges it.")
]


class Part(StrEnum):
    test = "test"
    val = "val"


def mount(app: typer.Typer) -> None:
    """Add these commands to `hfskin`."""
    app.command()(calibrate)
    app.command()(evaluate)


def calibrate(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder of `hfskin train`.")],
    data: Annotated[str, typer.Option(help="The data that it was trained on.")],
    split: Split = Split.lesion,
    images: ImagesOption = None,
    copies: Annotated[Path | None, typer.Option(help="Other files of some of the pictures, for the gate.")] = None,
    lesions_elsewhere: ElsewhereOption = None,
    negatives: NegativesOption = None,
) -> None:
    """Fit temperature, thresholds and gate on the train and validation parts, and store them in the checkpoint."""
    from ..checkpoints.hub import local_checkpoint

    with one_line_errors(), output_folder(local_checkpoint(checkpoint)):
        from ..calibration.calibrate import calibrate_checkpoint
        from ..calibration.exposure import read_exposure
        from ..model.configuration_hfskin import HfskinConfig

        exposure = read_exposure(lesions_elsewhere, negatives, copies)
        classes = shown_classes(HfskinConfig.from_pretrained(checkpoint))
        config = calibrate_checkpoint(checkpoint, load_table(data, split, images, classes), exposure)
        fitted = "temperature", "malignant_threshold", "conformal_threshold", "gate_threshold", "unusual_threshold"
        for name in fitted:
            value = getattr(config, name)
            typer.echo(f"{name:<19} {'none' if value is None else f'{value:.4f}'}")
        typer.echo(f"saved {checkpoint}")
        say_next("evaluate", "--model", checkpoint, *same_data(data, split, images))


def evaluate(
    data: DataOption,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="JSON to write; default metrics.json in the checkpoint's folder, unless --split is all.",
        ),
    ] = None,
    model: ModelOption = None,
    split: Split = Split.lesion,
    images: ImagesOption = None,
    part: Annotated[Part, typer.Option(help="The paper split has no test part.")] = Part.test,
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
    backend: Annotated[Backend, typer.Option(help="What answers, see `hfskin predict`.")] = Backend.auto,
) -> None:
    """Measure a checkpoint on a labelled data set, with 95 % intervals over lesions."""
    beside = Path(model, METRICS_FILE) if model and Path(model).is_dir() else None
    if output is None and split != Split.all:
        output = beside
    with one_line_errors(), output_file(output, [model], suffix=".json"), output_folder(plots):
        from ..data.ham10000 import find_images
        from ..inference.backend import load

        others = find_images([copies]) if copies else None
        pipeline = load(model, backend)  # before torch is imported for what follows, which takes seconds

        from ..calibration.exposure import read_exposure
        from ..evaluation.plots import write_plots
        from ..evaluation.report import evaluate as run
        from ..evaluation.report import write_metrics

        exposure = read_exposure(lesions_elsewhere, negatives)
        classes = shown_classes(pipeline.config)
        table = load_table(data, split, images, classes)
        report = run(
            model, table, split.value, part.value, data=data_name(data, table, classes), tta=tta,
            robustness=robustness or shifts, copies=others, masks=masks, exposure=exposure, pipeline=pipeline,
        )  # fmt: skip
        if output:
            write_metrics(report, output)
        if plots:
            write_plots(report, plots)
        facts, metrics = report["data"], report["results"]["with_metadata"]["metrics"]
        leak = ", LEAKS lesions" if facts["leaks"] else ""
        pictures, lesions = (
            counted(facts[f"{name}s"], said, f"{said}s") for name, said in (("image", "picture"), ("lesion", "lesion"))
        )
        typer.echo(f"{pictures} of {lesions}, split {split}/{part}{leak}")
        for name in ("bma", "auc_macro", "accuracy"):
            typer.echo(f"{name:<10} {_interval(**metrics[name])}")
        if output:
            typer.echo(f"saved {output}")
        if output and beside and output.absolute() == beside.absolute():
            say_next("push", model, "organisation/name")


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "undefined: the pictures are too few, or of one class"
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f}  [{low:.3f}, {high:.3f}]"
