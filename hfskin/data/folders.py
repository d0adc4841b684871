"""What lies below a folder, as people's computers and disks leave it there."""

import os
from collections.abc import Iterator
from pathlib import Path

# Not anybody's pictures: what macOS, Office, Jupyter and network disks keep beside them.
_LEFT_FILES = ("._", "~$")
_LEFT_FOLDERS = {".ipynb_checkpoints", "@eaDir", "__MACOSX"}


def is_left(path: str) -> bool:
    """Whether a file, by its path with "/" between folders, is one that a system keeps for itself."""
    *folders, name = path.split("/")
    return name.startswith(_LEFT_FILES) or not _LEFT_FOLDERS.isdisjoint(folders)


def files_below(root: Path, unreadable: list[str] | None = None) -> Iterator[str]:
    """The files below a folder, by folder and name, links followed; a folder that is met again is not.

    Args:
        unreadable: gets the folders that cannot be read.
    """
    seen: set[tuple[int, int]] = set()
    failed = [] if unreadable is None else unreadable
    for folder, folders, files in os.walk(root, followlinks=True, onerror=lambda error: failed.append(error.filename)):
        here = os.stat(folder)
        if (here.st_dev, here.st_ino) in seen:
            folders.clear()
            continue
        seen.add((here.st_dev, here.st_ino))
        folders[:] = sorted(name for name in folders if name not in _LEFT_FOLDERS)
        for name in sorted(files):
            if not name.startswith(_LEFT_FILES):
                yield os.path.join(folder, name)
