"""`python -m hfskin.cli`."""

from . import app

app()
