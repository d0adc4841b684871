"""What every command does alike."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import typer


class Stopped(KeyboardInterrupt):
    """SIGTERM: the command ends as with Ctrl-C, and tidies up."""


@contextmanager
def one_line_errors() -> Iterator[None]:
    """What a person can put right is said in one line, without a traceback; the exit code is 2.

    Ctrl-C and SIGTERM are a line too, and the exit codes are a shell's: 130 and 143. Where nobody reads the output any
    more, as behind `| head`, nothing is said; 141.
    """
    try:
        with _sigterm_tidies_up():
            yield
    except BrokenPipeError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to flush at the end
        raise SystemExit(128 + signal.SIGPIPE) from error
    except (ValueError, OSError) as error:
        typer.echo(f"hfskin: {error}", err=True)
        raise SystemExit(2) from error  # not typer's Exit: app.py is no command of it
    except KeyboardInterrupt as error:
        typer.echo(f"hfskin: stopped{error}", err=True)
        number = signal.SIGTERM if isinstance(error, Stopped) else signal.SIGINT
        raise SystemExit(128 + number) from error


@contextmanager
def _sigterm_tidies_up() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # elsewhere Python sets no handler
        yield
        return
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(number: int, frame: object) -> None:
    raise Stopped


def say_next(command: str) -> None:
    """Name the command that usually follows."""
    typer.echo(f"next: hfskin {command}")
