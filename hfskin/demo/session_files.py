"""Uploaded files live no longer than the visit that brought them."""

import threading
from itertools import islice
from pathlib import Path

FILE_MINUTES = 10  # an uploaded file lives no longer, whether its visit was ended or not


class SessionFiles:
    """Which visit uses which uploaded file. Equal uploads of two visits are one file, kept until both are gone."""

    def __init__(self):
        self._held: dict[str | None, set[Path]] = {}  # the visit that asked last stands last
        self._lock = threading.Lock()

    def hold(self, session: str | None, *paths: str | None) -> None:
        """Note that a visit uses these files."""
        with self._lock:
            self._held[session] = self._held.pop(session, set()) | {Path(path) for path in paths if path}
            # Not every program says when it is done; of two old visits, those are forgotten whose files are gone.
            for old in list(islice(self._held, 2)):
                if not any(path.exists() for path in self._held[old]):
                    del self._held[old]

    def release(self, session: str | None) -> None:
        """The visit is over: delete its files, except those that another one uses."""
        with self._lock:
            files = self._held.pop(session, set())
            for path in files - set().union(*self._held.values()):
                path.unlink(missing_ok=True)
