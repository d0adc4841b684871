"""The command line's part that goes to the Hub: `hfskin push`, `hfskin card` and `hfskin dataset build`."""

import json
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from ..inference.batch.row_file import OutputError
from .console import one_line_errors, say_next
from .labelled import ClassesOption, names
from .outputs import output_folder

dataset = typer.Typer(help="Labelled pictures as a data set of the Hub.", no_args_is_help=True)

KEPT_FILE = ".pushed.json"  # beside what a push kept in a folder: the files that it wrote there

Private = Annotated[bool, typer.Option("--private", help="Where the repository is new, only you can see it.")]


def mount(app: typer.Typer) -> None:
    """Add these commands to `hfskin`."""
    app.command()(push)
    app.command()(card)
    app.add_typer(dataset, name="dataset")


def push(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder of `hfskin train`.")],
    repository: Annotated[str, typer.Argument(help="organisation/name on the Hub.")],
    private: Private = False,
    space: Annotated[
        bool, typer.Option("--space", help="Also the Gradio Space of the same name that runs it.")
    ] = False,
    without_metrics: Annotated[bool, typer.Option("--without-metrics", help="Though it was never evaluated.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Send nothing; keep what would be sent here."),
    ] = None,
) -> None:
    """Send a checkpoint to the Hub, with its card and code, in one commit."""
    with one_line_errors(), output_folder(output, [checkpoint]):
        from ..checkpoints.hub import check_name, local_checkpoint

        check_name(repository)
        local_checkpoint(checkpoint)  # before torch is imported for what follows, which takes seconds

        from ..hub.push import push_checkpoint, push_space, stage_checkpoint, stage_space

        if output:
            _refuse_others(output)  # before any work
            with tempfile.TemporaryDirectory(dir=output, prefix=".") as temporary:
                (staged := Path(temporary, "model")).mkdir()
                stage_checkpoint(checkpoint, staged, repository, without_metrics)
                if space:
                    (staged := Path(temporary, "space")).mkdir()
                    stage_space(staged, repository)
                _keep(Path(temporary), output)
            typer.echo(f"saved {output}; the card is {output / 'model' / 'README.md'}")
            say_next("predict", "PICTURE", "--model", output / "model")
            return
        typer.echo(push_checkpoint(checkpoint, repository, private, without_metrics, echo=typer.echo))
        if space:
            typer.echo(push_space(repository, repository, private, echo=typer.echo))
            if private:
                typer.echo(
                    "The Space can read the private model once its settings hold a secret HF_TOKEN with read rights."
                )
        say_next("predict", "PICTURE", "--model", repository)


def _kept(output: Path) -> list[str]:
    """What an earlier push wrote to a folder; nothing, where its list is no list."""
    try:
        return [str(name) for name in json.loads((output / KEPT_FILE).read_bytes())]
    except (FileNotFoundError, ValueError, TypeError):
        return []


def _below(folder: Path) -> list[str]:
    """The files of a model and a Space in a folder; what begins with a dot is never sent."""
    files = [file for name in ("model", "space") for file in Path(folder, name).rglob("*") if file.is_file()]
    return sorted(file.relative_to(folder).as_posix() for file in files if not file.name.startswith("."))


def _refuse_others(output: Path) -> None:
    """What a push did not write would be taken for a part of the checkpoint."""
    if others := sorted(set(_below(output)) - set(_kept(output))):
        raise OutputError(
            f"{output / others[0]}: is not what an earlier push wrote, and would seem to be sent; move it, or give "
            "another folder"
        )


def _keep(staged: Path, output: Path) -> None:
    """Move staged files into a folder, in place of those of an earlier push."""
    for name in {*_kept(output)} & {*_below(output)}:  # whatever the list says, nothing outside the folder
        (output / name).unlink(missing_ok=True)
        for folder in (output / name).parents[: name.count("/")]:
            with suppress(OSError):  # something is left in it
                folder.rmdir()
    new = _below(staged)
    (output / KEPT_FILE).write_text(json.dumps(new), encoding="utf-8")
    for name in new:
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(staged / name, output / name)


def card(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder with metrics.json.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for NAME.md and what it was rendered from.")],
) -> None:
    """Render a checkpoint's model card."""
    from ..hub.card import write_card

    with one_line_errors(), output_folder(output):
        typer.echo(f"saved {write_card(checkpoint, output)}")


@dataset.command()
def build(
    data: Annotated[Path, typer.Argument(help="HAM10000 folder, or one like it.")],
    push: Annotated[str | None, typer.Option(help="organisation/name on the Hub.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Keep the files here.")] = None,
    private: Private = False,
    classes: ClassesOption = None,
) -> None:
    """Turn a folder of labelled pictures into parquet files with splits by lesion and a data card."""
    from ..checkpoints.hub import check_name
    from ..checkpoints.layout import folder_name
    from ..data.ham10000 import load_ham10000
    from ..data.hub_dataset import build_dataset, refuse_other_card, write_dataset
    from ..hub.push import push_folder

    if push is None and output is None:
        raise typer.BadParameter("give --push organisation/name, --output FOLDER, or both")
    with one_line_errors(), output_folder(output, [data]), tempfile.TemporaryDirectory() as temporary:
        folder = output or Path(temporary)
        if push:  # before any work
            check_name(push)
        refuse_other_card(folder)
        parts = build_dataset(load_ham10000(data, classes=names(classes)))
        written = write_dataset(parts, folder, push or folder_name(folder))
        if output:
            typer.echo(f"saved {output}")
        if push:
            typer.echo(push_folder(folder, push, "dataset", private=private, echo=typer.echo, only=written))
