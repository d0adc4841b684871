"""Files that are whole or not there, and files of strangers."""

import json
import os
from pathlib import Path
from typing import Any

MAX_SETTINGS = 10**6  # bytes


def write_whole(path: Path, text: str) -> None:
    """Write UTF-8 under a temporary name first: a crash or a full disk leaves what was there before."""
    temporary = path.with_name(f".{path.name}.writing")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def read_settings(path: Path) -> dict[str, Any]:
    """The object that a small JSON file holds, whoever wrote it.

    Raises:
        OSError: it cannot be read.
        ValueError: too large, not JSON, or something else than an object.
    """
    if path.stat().st_size > MAX_SETTINGS:
        raise ValueError(f"its {path.name} is larger than {MAX_SETTINGS // 10**6} MB; copy it again")
    try:
        values = json.loads(path.read_bytes())
    except RecursionError:
        raise ValueError(f"its {path.name} is nested too deeply; copy it again") from None
    if not isinstance(values, dict):
        raise ValueError(f"its {path.name} holds no settings; copy it again")
    return values
