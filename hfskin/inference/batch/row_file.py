"""Rows in a file that is written as they come, that a kill cannot spoil, and that a later run can go on with."""

import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from ...data.tables import counted
from .formats import Format, Record
from .items import Row


class OutputError(ValueError):
    """An output that cannot be written or gone on with; the message says what is left and what to do."""


class RowFile:
    """A file of rows. It grows under the temporary name `.NAME.writing`; what had its own name stays until it is whole.

    Where a run is killed, the temporary file holds whole rows and at most one that is cut off.

    Args:
        path: the file.
        format: of `FORMATS`.
        resume: go on after the rows of the temporary file, or of the file itself where there is none; else start anew.
        growing: another temporary name.

    Attributes:
        rows: how many rows stand in the file.
        errors: the messages of those without a prediction.

    Raises:
        OutputError: what is there cannot be read back, or is of another format.
    """

    def __init__(self, path: Path, format: Format, resume: bool = False, growing: Path | None = None):
        self.path, self.format = path, format
        self.growing = growing or path.with_name(f".{path.name}.writing")
        self.rows = 0
        self.errors: list[str] = []
        self._names: Counter[str] = Counter()
        self._size = 0  # bytes of the whole rows and the head before them
        if resume:
            with self._explained():
                self._take_up()

    def missing(self, pictures: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those of (name, path) that have no row yet; a name that stands there twice needs two rows."""
        left = self._names.copy()
        found = []
        for name, path in pictures:
            key = self.format.name(name)
            if left[key] > 0:
                left[key] -= 1
            else:
                found.append((name, path))
        return found

    def write(self, rows: Iterable[Row]) -> None:
        """Write rows behind those that are there, each before the next is asked for, and give the file its name.

        Raises:
            OutputError: the disk is full, or the folder cannot be written.
        """
        self.write_records(Record(row.name, row.error, self.format.write(row)) for row in rows)

    def write_records(self, records: Iterable[Record]) -> None:
        """As `write`, with rows that were read back from another file."""
        with self._explained():
            file = self.growing.open("r+b" if self._size else "wb", buffering=0)
        with file:
            with self._explained():
                file.truncate(self._size)
                file.seek(self._size)
                if not self._size:
                    _put(file, self.format.head)
            try:
                self._append(file, records)
            except KeyboardInterrupt as stop:
                stop.args = (self._kept(),)
                raise
            with self._explained():
                _put(file, self.format.tail)
                os.fsync(file.fileno())
                self.growing.replace(self.path)

    def _append(self, file: FileIO, records: Iterable[Record]) -> None:
        for record in records:
            if record.error is not None:
                self.errors.append(record.error)
            if record.text:
                with self._explained():
                    _put(file, (self.format.between if self.rows else "") + record.text)
                self.rows += 1

    def _take_up(self) -> None:
        if not self.growing.exists():
            if not self.path.exists():
                return
            shutil.copyfile(self.path, self.growing)
        size = 0
        for record in read_records(self.growing, self.format):
            size += len((self.format.between if self.rows else "").encode()) + len(_bytes(record.text))
            self.rows += 1
            self._names[record.name] += 1
            if record.error is not None:
                self.errors.append(record.error)
        if self.rows:
            self._size = len(self.format.head.encode()) + size

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror or error}){self._kept()}") from error

    def _kept(self) -> str:
        if not (self.rows and self.format.read):
            return ""
        return f"; {counted(self.rows, 'row is', 'rows are')} kept, and --resume goes on from there"


def read_records(path: Path, format: Format) -> Iterator[Record]:
    """The whole rows of a file, in order; one that was cut off at the end is left out.

    Raises:
        OutputError: the format is for people only, or the file is of another format.
        OSError: the file cannot be read.
    """
    if format.read is None:
        raise OutputError(f"{path}: a table cannot be read back; use --format csv, json or isic")
    # What is not UTF-8 survives: the last row may be cut off within a letter.
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        head = file.read(len(format.head))
        if not format.head.startswith(head):
            raise OutputError(f"{path}: is of another format; give the --format that it has, or leave out --resume")
        yield from format.read(file)


def _put(file: FileIO, text: str) -> None:
    """Hand over to the system at once: what a kill cannot take back."""
    data = _bytes(text)
    while data:
        data = data[file.write(data) :]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogateescape")
