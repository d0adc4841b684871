"""What stands in the place of the answer: the answer, why there is none, or what will come."""

from html import escape
from types import ModuleType

from .example_lesions import Example


def empty_html(text: ModuleType) -> str:
    """What stands in the place of the answer before there is one."""
    points = "".join(f"<li>{escape(point)}</li>" for point in text.EMPTY_POINTS)
    return f'<div class="answer empty"><p>{escape(text.EMPTY)}</p><ul>{points}</ul></div>'


def failure_html(message: str, title: str) -> str:
    """Why there is no answer."""
    words = f"<h2>{escape(title)}</h2><p>{escape(message)}</p>"
    return f'<div class="answer refused"><div class="verdict"><div class="words">{words}</div></div></div>'


def field_error_html(message: str) -> str:
    """What is wrong with a field of the form, beside that field; "" where nothing is."""
    return f"<p>{escape(message)}</p>" if message else ""


def truth(example: Example | None, text: ModuleType) -> str:
    """What is known of an example."""
    if example is None:
        return ""
    how = text.TRUTH_HOW.get(example.dx_type, example.dx_type)
    return text.TRUTH.format(name=text.DIAGNOSES[example.dx], how=how)
