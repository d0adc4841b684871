"""Write docs/api.md from the docstrings of the public names: `python -m scripts.api_page`."""

import inspect
from pathlib import Path

import hfskin

from .runner import write_page

PAGE = Path(__file__).resolve().parents[1] / "docs" / "api.md"
FIRST = ("load", "Prediction", "SkinLesionPipeline", "OnnxPipeline", "grad_cam", "overlay", "read_image")
CALLED = ("SkinLesionPipeline",)  # of these, what a call takes is told too


def render() -> str:
    """The whole page."""
    names = [*FIRST, *(name for name in hfskin.__all__ if name not in FIRST)]
    parts = ["# The public names\n\nRendered by `python -m scripts.api_page` from the docstrings; do not edit."]
    return "\n\n".join([*parts, *map(section, names)]) + "\n"


def section(name: str) -> str:
    """A name with its signature and docstring, or its value."""
    thing = getattr(hfskin, name)
    if not callable(thing):
        return f"## {name}\n\n```text\n{thing!r}\n```"
    text = f"## {name}\n\n{_signature(name, thing)}{_doc(thing)}"
    if name in CALLED:
        text += f"\n\n### A call\n\n{_doc(thing.__call__)}"
    return text


def _signature(name: str, thing) -> str:
    if inspect.isclass(thing) and not hasattr(thing, "__dataclass_fields__"):
        return ""
    try:
        return f"```text\n{name}{inspect.signature(thing)}\n```\n\n"
    except ValueError:
        return ""


def _doc(thing) -> str:
    """The docstring; its indented parts as code, so that they stand as they were written."""
    return f"~~~~text\n{inspect.cleandoc(thing.__doc__ or '')}\n~~~~"


if __name__ == "__main__":
    write_page(PAGE, render())
