"""`hfskin`: the command line."""

import gc
from typing import Annotated

import typer

from . import hub, measuring, predict, training
from .console import ModelOption, one_line_errors, say_own_warnings

app = typer.Typer(help="A machine's second look at a skin lesion. Not a medical device.", no_args_is_help=True)

# Subcommands import what they need when they run: an answer should not wait for torch, gradio or datasets.
LIGHT = ("predict", "demo", "doctor")  # they answer by ONNX Runtime, and load torch only where that cannot


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
    say_own_warnings()
    gc.freeze()  # what was imported stays to the end


@app.command()
def demo(
    model: Annotated[
        str | None, typer.Option(help='Checkpoint folder, Hub id, or "large"; default the embedded one.')
    ] = None,
    host: Annotated[
        str | None, typer.Option(help='Default GRADIO_SERVER_NAME, else this machine alone; "0.0.0.0": any.')
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Default: the next free from GRADIO_SERVER_PORT, else from 7860."),
    ] = None,
) -> None:
    """Serve the page on this machine."""
    with one_line_errors():
        from ..demo.ui import build_page, launch_options

        build_page(model).launch(server_name=host, server_port=port, **launch_options())


@app.command()
def doctor(model: ModelOption = None) -> None:
    """Say what is installed, what answers, and whether the checkpoint is whole; exit code 1 where it is not."""
    from .doctor import examine

    with one_line_errors():
        lines, sound = examine(model)
    for line in lines:
        typer.echo(line)
    if not sound:
        raise typer.Exit(1)


predict.mount(app)
training.mount(app)
measuring.mount(app)
hub.mount(app)

if __name__ == "__main__":
    app()
