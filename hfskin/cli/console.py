"""What every command does alike."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def one_line_errors() -> Iterator[None]:
    """What a person can put right is said in one line, without a traceback; the exit code is 2."""
    try:
        yield
    except (ValueError, OSError) as error:
        typer.echo(f"hfskin: {error}", err=True)
        raise SystemExit(2) from error  # not typer's Exit: app.py is no command of it
