"""Where a table says that a picture lies, and whether a file lies there: one patient's img.jpg is not another's."""

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from .tables import normal, without_suffix

DEPTH = 8  # folders of a path that are compared, from its end
_ROOT = re.compile(r"/|[a-z]:", re.IGNORECASE)


class Place(NamedTuple):
    """A path, or as much of it as is known.

    Attributes:
        folders: without drive.
        is_whole: whether it begins where the disk does.
    """

    folders: tuple[str, ...]
    stem: str
    name: str
    is_whole: bool

    def ends(self) -> list[str]:
        """From the stem alone to as much of the path as is compared."""
        folders = self.folders[-DEPTH:]
        return ["/".join((*folders[len(folders) - count :], self.stem)) for count in range(len(folders) + 1)]


def place(path: str) -> Place:
    """As a table or a file system writes it, with "/" or a backslash between the folders."""
    path = normal(path)
    root = _ROOT.match(path)
    parts = (part.strip() for part in path[root.end() if root else 0 :].split("/"))
    *folders, name = [part for part in parts if part not in ("", ".")] or [""]
    return Place(tuple(folders), without_suffix(name), name, root is not None)


def decisive_folders(rows: Sequence[Place]) -> list[int]:
    """How many folders, from the last, must be those of a picture, for each row of a table.

    All of them; but where whole paths begin alike, the files may have been moved, so that only what sets the rows apart
    counts there, and the last folder in any case.
    """
    shared = len(os.path.commonprefix([row.folders for row in rows if row.is_whole]))  # noqa: RUF071  (of tuples)
    counts = (max(len(row.folders) - shared, 1) if row.is_whole else len(row.folders) for row in rows)
    return [min(count, len(row.folders), DEPTH) for row, count in zip(rows, counts, strict=True)]
