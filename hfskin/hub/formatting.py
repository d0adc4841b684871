"""Values as they stand in a card: numbers, shares, and any text so that it cannot break the page."""

import math

import jinja2
import numpy as np

NOTHING = "–"


def plain(value):
    """numpy's scalars and arrays as Python's, and without what is None or not a number, at any depth."""
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, dict):
        inner = {key: plain(entry) for key, entry in value.items()}
        return {key: entry for key, entry in inner.items() if entry is not None}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def number(value, digits: int = 3) -> str:
    """A number, or one with its interval: "0.801 (0.752 to 0.846)"; a dash where there is none."""
    if isinstance(value, dict):
        if value.get("low") is None or value.get("high") is None:
            return number(value.get("value"), digits)
        low, high = (number(value[end], digits) for end in ("low", "high"))
        return f"{number(value.get('value'), digits)} ({low} to {high})"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return NOTHING
    return f"{value:.{digits}f}" if isinstance(value, float) else f"{value:,}"


def percent(value) -> str:
    """0.9 -> "90 %"; a dash where there is none. An interval's ends are left out."""
    value = value.get("value") if isinstance(value, dict) else value
    return NOTHING if isinstance(value, bool) or not isinstance(value, int | float) else f"{100 * value:.0f} %"


def of_100(value, missed: bool = False) -> str:
    """How many of a hundred a share is: 0.939 -> "94"; those that are `missed`: "6"; a dash where there is none."""
    count = percent(value).removesuffix(" %")
    return str(100 - int(count)) if missed and count != NOTHING else count


def cell(value) -> str:
    """Any value as text that cannot break out of a line or of a table's cell, nor become HTML."""
    if value is None or isinstance(value, jinja2.Undefined):
        return NOTHING
    text = " ".join(str(value).split())
    for character, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|"), ("`", "'")):
        text = text.replace(character, safe)
    return text


def code(value) -> str:
    """Any value as text that cannot end a fenced block of code."""
    return "" if value is None or isinstance(value, jinja2.Undefined) else str(value).replace("```", "'''")
