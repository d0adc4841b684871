"""The command line's `hfskin predict` and `hfskin export`."""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from tqdm.auto import tqdm

from ..checkpoints.layout import INT8_FILE, ONNX_FILE
from ..data.patients import read_patients
from ..inference.batch.formats import Format as RowFormat
from ..inference.batch.formats import formats
from ..inference.batch.items import STDIN, Item, Row, find_pictures, predict_items
from ..inference.batch.row_file import RowFile
from ..inference.batch.shards import WHOLE, Shard, put_together
from ..model.labels import shown_classes
from ..model.metadata import Patient, encode_metadata
from .console import ModelOption, one_line_errors, say_next
from .outputs import check_output_file, output_file

MANY = 1000  # pictures; from here on a log, too, shows how far it is
ONLY_REFUSED = 3  # exit code
LOG_SECONDS = 30  # between two lines of the bar there


class Format(StrEnum):
    table = "table"
    json = "json"
    csv = "csv"
    isic = "isic"


class Backend(StrEnum):
    auto = "auto"
    onnx = "onnx"
    torch = "torch"


def mount(app: typer.Typer) -> None:
    """Add these commands to `hfskin`."""
    app.command()(predict)
    app.command()(export)


def predict(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Pictures, or folders of pictures; - is a picture on stdin.")
    ],
    model: ModelOption = None,
    age: Annotated[str | None, typer.Option(help="Years.")] = None,
    sex: Annotated[str | None, typer.Option(help="female or male.")] = None,
    localization: Annotated[str | None, typer.Option(help='Body site, such as "back".')] = None,
    metadata: Annotated[Path | None, typer.Option(help="CSV with image_id, age, sex, localization.")] = None,
    format: Format = Format.table,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; default the screen.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the rows that this command wrote before it was cut off.")
    ] = False,
    backend: Annotated[
        Backend, typer.Option(help="auto: ONNX Runtime where there is no GPU and the checkpoint has a model.onnx.")
    ] = Backend.auto,
    tta: Annotated[
        bool, typer.Option("--tta", help="Mean over a picture and its three mirror images: four passes.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on stderr but what stops the command.")] = False,
    mirrored: Annotated[bool, typer.Option("--mirrored", hidden=True)] = False,  # its name until 0.2
) -> None:
    """Look at pictures. A file that cannot be read is reported, the others are done.

    Exit codes: 0; 1: a file could not be read; 2: nothing could be done; 3: every picture was refused, since none looks
    like a dermatoscopic picture of a lesion.

    Under torchrun or `accelerate launch` each process looks at its part, and the last one puts the parts together.
    """
    if metadata is not None and (age, sex, localization) != (None, None, None):
        raise typer.BadParameter("give either --metadata or --age, --sex and --localization, not both")
    if resume and (output is None or format == Format.table):
        raise typer.BadParameter("--resume needs --output and --format csv, json or isic")
    shard = Shard.from_environment()
    if shard.count > 1 and (output is None or format == Format.table):
        raise typer.BadParameter("several processes need --output and --format csv, json or isic")
    with one_line_errors():
        encode_metadata(age, sex, localization)  # a wrong option is wrong for every picture
        notes: list[str] = []
        patients: dict[str, Patient] = {}
        pictures = find_pictures(paths, notes)
        for note in notes:
            typer.echo(note, err=True)
        if metadata:
            whole = {path: (name, os.path.abspath(path)) for name, path in pictures}
            patients, notes = read_patients(metadata).match(whole)
            _report([f"{metadata.name}: {note}" for note in notes], quiet)

        from ..inference.backend import load

        if output is not None:
            check_output_file(output, chain([metadata, model], (path for _, path in pictures)))
        pipeline = load(model, backend=backend, device=shard.device())
        pipeline.tta = tta or mirrored
        form = formats(shown_classes(pipeline.config))[format]
        statuses: Counter[str] = Counter()

        def look(todo: list[tuple[str, str]]) -> Iterator[Row]:
            items = (
                Item(
                    name,
                    sys.stdin.buffer.read() if path == STDIN else path,
                    patients.get(path, (age, sex, localization)),
                )
                for name, path in todo
            )
            return _counted(predict_items(pipeline, items, workers=shard.cores()), statuses)

        if output is None:
            rows = look(pictures)
            bar = not (quiet or sys.stdout.isatty())
            failed = _to_screen(_with_bar(rows, len(pictures)) if bar else rows, form, quiet)
        else:
            with output_file(shard.path(output)):
                failed = _to_file(look, pictures, output, form, resume, shard, quiet)
    if failed:
        raise typer.Exit(1)
    if statuses["refused"] == len(pictures):
        raise typer.Exit(ONLY_REFUSED)


def export(
    checkpoint: Annotated[str, typer.Argument(help="Checkpoint folder, or, with --output, Hub id.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File that holds everything; default model.onnx in the checkpoint folder."),
    ] = None,
    int8: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            help="Compute in 8 bits; a folder of pictures like its training's. Default file: model.int8.onnx.",
        ),
    ] = None,
) -> None:
    """Write a checkpoint as ONNX, for `hfskin predict` and the page, or for programs without torch.

    In the checkpoint folder it is small: the weights stay in the model.safetensors beside it. In 8 bits it
    answers a little differently, on some machines faster (docs/benchmark.md); it is used where its file is named:
    `hfskin predict --model model.int8.onnx`.
    """
    if output is None and not Path(checkpoint).is_dir():
        raise typer.BadParameter(f"{checkpoint}: no such folder, and a repository of the Hub needs --output FILE.onnx")
    target = output or Path(checkpoint, INT8_FILE if int8 else ONNX_FILE)
    with one_line_errors(), output_file(target, suffix=".onnx"):
        from ..checkpoints.hub import checkpoint_folder, hub_errors
        from ..export.onnx import export_onnx

        with hub_errors(checkpoint):
            folder = checkpoint_folder(checkpoint)
        if int8 is None:
            typer.echo(f"saved {export_onnx(folder, output)}")
        else:
            from ..data.ham10000 import MASK_SUFFIX
            from ..export.int8 import export_int8

            files = (Path(path) for _, path in find_pictures([int8]))
            pictures = [path for path in files if not path.stem.endswith(MASK_SUFFIX)]
            typer.echo(f"saved {export_int8(folder, pictures, output)}")
        say_next("predict", "PICTURE", "--model", target if output or int8 else checkpoint)


def _to_screen(rows: Iterable[Row], format: RowFormat, quiet: bool) -> bool:
    """Whether a picture could not be read."""
    failed: list[str] = []
    for piece in format.pieces(_noting_failures(rows, failed)):
        typer.echo(piece, nl=False)
    _report(failed, quiet)
    return bool(failed)


def _to_file(
    look, pictures: list[tuple[str, str]], output: Path, format: RowFormat, resume: bool, shard: Shard, quiet: bool
) -> bool:
    """Whether a picture could not be read."""
    path, mine = shard.path(output), shard.part(pictures)
    if shard.count > 1 and not resume:
        path.unlink(missing_ok=True)  # of an earlier run: it must not be put together with this one's
    file = RowFile(path, format, resume)
    todo = file.missing(mine)
    rows = look(todo) if todo else ()
    file.write(rows if quiet else _with_bar(rows, len(mine), len(mine) - len(todo), shard))
    _report(file.errors, quiet)
    if shard.count == 1:
        return bool(file.errors)
    # A launcher stops all processes when one of them fails, so the exit code is left to the last one.
    whole = put_together(output, shard, format)
    return whole is not None and (bool(whole.errors) or whole.rows < len(pictures))


def _with_bar(rows: Iterable[Row], total: int, done: int = 0, shard: Shard = WHOLE) -> Iterable[Row]:
    """The rows, with a bar on stderr where somebody looks or where it takes long; of several processes the first's."""
    on_terminal = sys.stderr.isatty()
    shown = shard.rank == 0 and (on_terminal or total >= MANY)
    title = "predict" if shard.count == 1 else f"predict, part 1 of {shard.count}"
    seconds = 0.1 if on_terminal else LOG_SECONDS
    return tqdm(rows, title, total, initial=done, unit="picture", mininterval=seconds, disable=not shown)


def _noting_failures(rows: Iterable[Row], failed: list[str]) -> Iterator[Row]:
    for row in rows:
        if row.error is not None:
            failed.append(row.error)
        yield row


def _counted(rows: Iterable[Row], statuses: Counter[str]) -> Iterator[Row]:
    for row in rows:
        statuses[row.prediction.status if row.prediction else "failed"] += 1
        yield row


def _report(messages: list[str], quiet: bool) -> None:
    for message in () if quiet else messages:
        typer.echo(message, err=True)
