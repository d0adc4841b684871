"""What the package around the model adds to it, where it is installed: hfskin.auto fills this in.

A stranger who loads the code that travels with a checkpoint has only that code, and gets what transformers does.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass


@dataclass
class Surroundings:
    """
    Attributes:
        hub_errors: given the source and the revision of what is loaded, a context that says in one line what went
            wrong.
        push_model: in place of transformers' `push_to_hub`; None leaves that as it is.
    """

    hub_errors: Callable[..., AbstractContextManager] = lambda source, revision=None: nullcontext()
    push_model: Callable[..., str] | None = None


surroundings = Surroundings()
