"""Files that are whole or not there, and files of strangers."""

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write UTF-8 under a temporary name first: a crash or a full disk leaves what was there before."""
    temporary = path.with_name(f".{path.name}.writing")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
