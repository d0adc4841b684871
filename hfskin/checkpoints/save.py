"""Files and checkpoints that are whole or not there: a crash or a full disk leaves what was there before."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .layout import WEIGHTS_FILE

if TYPE_CHECKING:
    import torch

    from ..model.image_processing_hfskin import HfskinImageProcessor
    from ..model.modeling_hfskin import HfskinForImageClassification

WIDTH = 120  # of a line of JSON


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Inside, a name beside `path` to write to; it becomes `path` at the end, and is removed where something fails."""
    temporary = path.with_name(f".{path.name}.writing")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write UTF-8."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, facts: Mapping, allow_nan: bool = True) -> None:
    """Write JSON that a diff can be read of, and that is no longer than it must be."""
    write_whole(path, _lines(facts, allow_nan) + "\n")


def _lines(value, allow_nan: bool, depth: int = 0) -> str:
    """One line where it fits into `WIDTH` or holds no further mapping, else one for each item."""
    line = json.dumps(value, allow_nan=allow_nan)
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    if depth + len(line) <= WIDTH or not any(isinstance(part, Mapping | list | tuple) for part in parts):
        return line
    inner = [_lines(part, allow_nan, depth + 1) for part in parts]
    if isinstance(value, Mapping):
        inner = [f"{json.dumps(key)}: {text}" for key, text in zip(value, inner, strict=True)]
    start, end = "{}" if isinstance(value, Mapping) else "[]"
    return f"{start}\n{' ' * (depth + 1)}" + f",\n{' ' * (depth + 1)}".join(inner) + f"\n{' ' * depth}{end}"


def save_checkpoint(
    folder: Path,
    model: "HfskinForImageClassification",
    processor: "HfskinImageProcessor | None" = None,
    stored: "torch.dtype | None" = None,
) -> None:
    """Write a model, with its code for `trust_remote_code`, and its processor where one is given into a checkpoint
    folder, whose other files stay.

    `stored` is the precision of the weights on disk, by default the model's own. Config.json says the model's in any
    case: what transformers loads it in again.

    All is written beside the folder first. The weights move in before the rest: to the old config a gate that they hold
    is unknown and harmless, while the new config would ask old weights for one.
    """
    temporary = Path(os.path.abspath(folder) + ".writing")  # of "." too
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        weights = model.state_dict()
        if stored is not None:
            weights = {k: v.to(stored) if v.is_floating_point() else v for k, v in weights.items()}
        model.save_pretrained(temporary, state_dict=weights)
        if processor is not None:
            processor.save_pretrained(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(temporary.iterdir(), key=lambda file: file.name != WEIGHTS_FILE):
            os.replace(file, folder / file.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
