"""The model card of a checkpoint, ready for the About tab."""

import base64
import mimetypes
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from types import ModuleType

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<file>(?:[\w-]+/)*[\w.-]+\.(?:png|jpg|jpeg|webp))\)")
_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
_HEADING = re.compile(r"^(#{1,5}) ", re.MULTILINE)


def render_card(find: Callable[[str], Path | None], text: ModuleType) -> str:
    """The card's Markdown with its plots in it, tables that scroll, headings one level lower and without its YAML.

    Args:
        find: gives the path of a file of the checkpoint by its name, as in plots/roc.png, or None.
    """
    readme = find("README.md")
    if readme is None:
        return text.NO_CARD
    card = _FRONT_MATTER.sub("", readme.read_text(encoding="utf-8", errors="replace"))

    def embed(match: re.Match) -> str:
        path = find(match["file"])
        return match[0] if path is None else f"![{match['alt']}]({data_uri(path.read_bytes(), path.name)})"

    # On a phone a wide table would be cut into columns of two letters; what scrolls must be reached by keyboard.
    card = _TABLE.sub(r'<div class="scroll" tabindex="0">\n\n\g<0>\n</div>\n\n', card)
    return _HEADING.sub(r"#\1 ", _IMAGE.sub(embed, card))


def plots_html(find: Callable[[str], Path | None], text: ModuleType) -> str:
    """The plots that stand beside the weights, with what they show; "" where there are none.

    Args:
        find: as for `render_card`.
    """
    found = {caption: path for name, caption in text.PLOTS.items() if (path := find(name)) is not None}
    figures = "".join(
        f'<figure><img src="{data_uri(path.read_bytes(), path.name)}" alt="{escape(caption)}">'
        f'<figcaption aria-hidden="true">{escape(caption)}</figcaption></figure>'
        for caption, path in found.items()
    )
    return f'<div class="plots">{figures}</div>' if figures else ""


def data_uri(data: bytes, name: str) -> str:
    """Bytes as a data: address; the type follows the name's ending. Nothing has to be stored to be shown."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
