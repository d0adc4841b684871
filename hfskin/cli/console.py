"""What every command does alike."""

import os
import shlex
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

ModelOption = Annotated[
    str | None, typer.Option(help='Checkpoint folder, ONNX file, Hub id, or "large"; default the embedded one.')
]


PACKAGE = Path(__file__).parents[1]


class Stopped(KeyboardInterrupt):
    """SIGTERM: the command ends as with Ctrl-C, and tidies up."""


_waiting: list[int] | None = None  # the signals that came inside `unbroken`; None outside


@contextmanager
def one_line_errors() -> Iterator[None]:
    """What a person can put right is said in one line, without a traceback; the exit code is 2.

    Ctrl-C and SIGTERM are a line too, and the exit codes are a shell's: 130 and 143. Where nobody reads the output any
    more, as behind `| head`, nothing is said; 141.
    """
    try:
        with _signals_tidy_up():
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
def unbroken() -> Iterator[None]:
    """Inside, Ctrl-C and SIGTERM wait: for the few lines between making something and the `try` that removes it."""
    global _waiting
    _waiting = []
    try:
        yield
    finally:
        came, _waiting = _waiting, None
        for number in came:
            _stop(number, None)


@contextmanager
def _signals_tidy_up() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # elsewhere Python sets no handler
        yield
        return
    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell's background job ignores it
        numbers.append(signal.SIGINT)
    before = [signal.signal(number, _stop) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _stop(number: int, frame: object) -> None:
    if _waiting is not None:
        _waiting.append(number)
        return
    raise Stopped if number == signal.SIGTERM else KeyboardInterrupt


def say_own_warnings() -> None:
    """From here on our warnings are a line, without the place in the code that they are from."""
    usual = warnings.formatwarning

    def line(message, category, filename, lineno, line=None) -> str:
        ours = Path(filename).is_relative_to(PACKAGE)
        return f"hfskin: {message}\n" if ours else usual(message, category, filename, lineno, line)

    warnings.formatwarning = line


def say_next(*words: object) -> None:
    """Name the command that usually follows, as a shell takes it: a path may hold spaces."""
    typer.echo(f"next: {shlex.join(['hfskin', *map(str, words)])}")
