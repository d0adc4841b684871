"""The page's own folder of uploads: what lies in it, who uses it, when it goes. Nothing outside it is touched."""

import logging
import os
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

FILE_MINUTES = 10  # an uploaded file lives no longer, whether its visit was ended or not
SWEEP_SECONDS = 30  # from one sweep to the next
ENDED_SECONDS = 60  # without a word, after which a visit that had ended is over; and a page that sent a file, gone

logger = logging.getLogger("hfskin.demo")


class NotUploadedError(ValueError):
    """A path that is not of the page's own folder of uploads."""


class UploadFolder:
    """Files that visitors sent. One is deleted when the last visit that uses it ends, and when its time is up.

    Equal uploads of two visits are one file, kept until both are gone. A visit may still speak after its end: what it
    had asked before arrives late, or only its connection had broken. What it then uses is deleted once it is silent.

    Args:
        path: the folder; its name tells it from other pages' beside it (see `sweep`).
    """

    def __init__(self, path: Path):
        self.path = path
        self._held: dict[str | None, set[Path]] = {}
        self._ended: dict[str | None, float] = {}  # visits that ended, and when they were last heard of
        self._arrived: dict[Path, float] = {}  # what pages sent and no visit has used yet, and when
        self._lock = threading.Lock()
        self._sweeper: threading.Thread | None = None

    def make(self) -> None:
        """Make the folder, for nobody else's eyes."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def own(self, path: str | Path) -> Path:
        """The path without links, of a file of this folder or of one that was deleted from it.

        This is the one place that says which paths are the page's own.

        Raises:
            NotUploadedError: it leads elsewhere, by links or otherwise, or is none.
        """
        try:
            resolved = Path(path).resolve()
        except (OSError, ValueError, RuntimeError):  # too long, a zero byte, links in a circle
            raise NotUploadedError(path) from None
        if self.path not in resolved.parents:
            raise NotUploadedError(path)
        return resolved

    def arrived(self, *paths: str | Path) -> None:
        """Note what a page sent: it tells at once whose visit that is, unless it was closed meanwhile.

        Raises:
            NotUploadedError: one is not of this folder.
        """
        own = {self.own(path) for path in paths}
        with self._lock:
            self._arrived |= dict.fromkeys(own, time.monotonic())

    def hold(self, session: str | None, *paths: str | Path) -> None:
        """Note that a visit uses these files.

        Raises:
            NotUploadedError: one is not of this folder; then none is held.
        """
        own = {self.own(path) for path in paths}
        with self._lock:
            self._held.setdefault(session, set()).update(own)
            for path in own:
                self._arrived.pop(path, None)
            if session in self._ended:
                self._ended[session] = time.monotonic()

    def release(self, session: str | None) -> None:
        """The visit has ended: delete its files, except those that another one uses."""
        with self._lock:
            self._delete_held(session)
            self._ended[session] = time.monotonic()

    def sweep(self) -> None:
        """Delete what was last written more than `FILE_MINUTES` ago, broken-off uploads and unused copies too.

        What visits use that ended and were then silent for `ENDED_SECONDS` goes as well, and what a page sent that was
        then as silent.
        Also in the folders of other pages beside this one: whatever is as old there was left by one that was killed.
        """
        deadline = time.time() - 60 * FILE_MINUTES + SWEEP_SECONDS
        os.utime(self.path)  # it is in use, however empty
        _delete_older(self.path, deadline)
        for folder in self._others():
            _delete_older(folder, deadline)
            _delete_if_older(folder, deadline)
        with self._lock:
            held = {session: {path for path in paths if path.exists()} for session, paths in self._held.items()}
            self._held = {session: paths for session, paths in held.items() if paths}
            over = time.monotonic() - ENDED_SECONDS
            for session in [session for session, heard in self._ended.items() if heard <= over]:
                self._delete_held(session)
                del self._ended[session]
            left = {path for path, since in self._arrived.items() if since <= over}
            self._delete_unused(left)
            for path in left:
                del self._arrived[path]

    def keep_swept(self) -> None:
        """Sweep from time to time, in the background, until the program ends."""
        if self._sweeper is None:
            self._sweeper = threading.Thread(target=self._sweep_for_ever, name="sweep", daemon=True)
            self._sweeper.start()

    def remove(self) -> None:
        """Delete the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _delete_held(self, session: str | None) -> None:
        """Delete what this visit uses and no other one; the lock is held."""
        self._delete_unused(self._held.pop(session, set()) - self._arrived.keys())  # those were just sent again

    def _delete_unused(self, files: set[Path]) -> None:
        for path in files - set().union(*self._held.values()):
            with suppress(NotUploadedError, OSError):  # OSError: it went by itself, or is no file
                self.own(path).unlink()

    def _others(self) -> Iterator[Path]:
        """Other pages' folders beside this one, which may be those of pages that were killed."""
        own = self.path.lstat()
        for folder in self.path.parent.glob("hfskin-*"):
            with suppress(OSError):
                found = folder.lstat()
                # Made the way this one was, by the same user, for him alone: nobody can put a link in our way.
                if folder != self.path and (found.st_uid, found.st_mode) == (own.st_uid, own.st_mode):
                    yield folder

    def _sweep_for_ever(self) -> None:
        while True:
            try:
                self.sweep()
            except OSError as error:
                logger.warning("the folder of uploads cannot be swept: %s", error)
            time.sleep(SWEEP_SECONDS)


def _delete_older(folder: Path, deadline: float) -> None:
    """Delete files and empty folders in it that were last changed before the deadline; links are not followed."""
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            _delete_if_older(Path(parent, name), deadline)


def _delete_if_older(path: Path, deadline: float) -> None:
    with suppress(OSError):  # it went by itself, or holds something newer
        found = path.lstat()
        if found.st_ctime < deadline:  # not st_mtime, which for a copy is its original's
            path.rmdir() if stat.S_ISDIR(found.st_mode) else path.unlink()
