"""Pages that are rendered from results: what a test compares of them, so that a sentence may be put better."""

import re


def figures(page: str) -> tuple[list[str], list[str]]:
    """The headings of a Markdown page, and all its numbers in their order."""
    return re.findall(r"^#+ .*$", page, re.MULTILINE), re.findall(r"\d+(?:\.\d+)?", page)
