"""What people upload to the Batch tab, pictures and zip files of them, as items. Nothing is unpacked to disk."""

import stat
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path, PurePosixPath

from ..data.folders import is_left
from ..data.patients import Patients, read_patients
from ..data.tables import MetadataTableError
from ..inference.batch.items import Item, Row
from ..model.image_reading import OTHER_SUFFIXES, SUFFIXES
from ..model.metadata import UNKNOWN_PATIENT
from ..model.other_formats import has_no_suffix
from ..words import en as text

MAX_FILE = 50 * 10**6  # bytes, of an uploaded file and of an unpacked picture
# Of everything that is looked at together:
MAX_PICTURES = 300
MAX_NAMED = 1_000  # files, other than pictures too; each gets a row
MAX_DIRECTORY = 10**6  # bytes of the zip files' tables of contents
MAX_UNPACKED = 100 * 10**6  # bytes, beyond twice those of the zip files: pictures hardly grow
MAX_NAME = 500  # characters
MAX_TABLE = 10 * 10**6  # bytes of a metadata CSV
MAX_ROWS = 100_000  # of a metadata CSV
MAX_ROW = 10_000  # bytes of one


class Upload:
    """The pictures among some uploaded files, read when they are asked for.

    A zip file is opened once, and what it says about itself is added up before anything is unpacked.

    Args:
        paths: pictures and zip files.
        patients: the rows of a table.

    Attributes:
        notes: what of pictures and patients lies without the other, a line each.
        refused: one row for each file that is not looked at; complete after `items` has run.
        total: how many items there will be at most.
    """

    def __init__(self, paths: list[Path], patients: Patients | None):
        self.refused: list[Row] = []
        self._order: list[str] = []  # names as they were uploaded; what is refused later stands there twice
        self._found: list[tuple[str, Callable[[], bytes] | Path]] = []  # name, and file or what unpacks it
        self._left = {"directories": MAX_DIRECTORY, "unpacked": MAX_UNPACKED}
        self._archives = ExitStack()
        for i, path in enumerate(paths):
            if self._seen >= MAX_NAMED:
                self._leave_out(path.name, len(paths) - i)
                break
            if path.suffix.lower() == ".zip":
                self._look_into(path)
            else:
                self._add(path.name, path)
        named = {i: (name, name) for i, (name, _) in enumerate(self._found)}
        found, self.notes = patients.match(named) if patients else ({}, [])
        self._patients = [found.get(i, UNKNOWN_PATIENT) for i in named]
        for name, _ in self._found[MAX_PICTURES:]:
            self._refuse(name, text.TOO_MANY.format(pictures=MAX_PICTURES))
        del self._found[MAX_PICTURES:]
        self.total = len(self._found)

    def items(self) -> Iterator[Item]:
        """One item a picture; a zip file's members are unpacked one at a time, in memory."""
        with self._archives:
            for (name, source), patient in zip(self._found, self._patients, strict=False):
                image = source if isinstance(source, Path) else self._unpack(name, source)
                if image is not None:
                    yield Item(name, image, patient)

    @property
    def _seen(self) -> int:
        return len(self._found) + len(self.refused)

    def _look_into(self, path: Path) -> None:
        try:
            self._left["directories"] -= _directory_size(path)
            if self._left["directories"] < 0:
                self._refuse(path.name, text.ZIP_TOO_MANY.format(pictures=MAX_PICTURES))
                return
            archive = self._archives.enter_context(zipfile.ZipFile(path))
            size = path.stat().st_size
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            self._refuse(path.name, text.ZIP_BROKEN)
            return
        members = archive.infolist()
        if sum(member.compress_size for member in members) > size:
            self._refuse(path.name, text.ZIP_OVERLAPS)
            return
        self._left["unpacked"] += 2 * size
        taken: set[str] = set()
        for i, member in enumerate(members):
            if self._seen >= MAX_NAMED:
                self._leave_out(path.name, len(members) - i)
                break
            if not 0 < len(member.filename) <= MAX_NAME:
                self._refuse(path.name, text.ZIP_BROKEN)
            elif not _is_nothing(name := member.filename.replace("\\", "/")):
                self._add_member(name, archive, member, taken)

    def _add_member(self, name: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, taken: set[str]) -> None:
        """Add a picture, or a row that says why not.

        Args:
            taken: names of the archive's pictures so far; added to.
        """
        if why := _objection(name, member):
            self._refuse(name, why)
        elif name in taken:
            self._refuse(name, text.ZIP_TWICE)
        elif self._add(name, partial(_read_member, archive, member)):
            taken.add(name)
            self._left["unpacked"] -= member.file_size  # zipfile unpacks no more than that
            if self._left["unpacked"] < 0:
                self._found.pop()
                self._refuse(name, text.ZIP_SUM.format(megabytes=MAX_UNPACKED // 10**6))

    def _add(self, name: str, source: Callable[[], bytes] | Path) -> bool:
        """Whether it is a picture."""
        known = name.lower().endswith((*SUFFIXES, *OTHER_SUFFIXES))  # the others' rows say what helps
        if not known and not has_no_suffix(PurePosixPath(name).name):
            self._refuse(name, text.NOT_A_PICTURE)
            return False
        self._found.append((name, source))
        self._order.append(name)
        return True

    def _unpack(self, name: str, read: Callable[[], bytes]) -> bytes | None:
        try:
            return read()
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError):
            self._refuse(name, text.ZIP_BROKEN)
            return None

    def in_order(self, rows: list[Row]) -> list[Row]:
        """These rows and the refused ones, as the files were uploaded."""
        places: dict[str, deque[int]] = {}
        for place, name in enumerate(self._order):
            places.setdefault(name, deque()).append(place)
        placed = [(places[row.name].popleft(), row) for row in [*rows, *self.refused]]
        return [row for _, row in sorted(placed, key=lambda pair: pair[0])]

    def _refuse(self, name: str, why: str) -> None:
        self._order.append(name)
        self.refused.append(Row(name, error=f"{name}: {why}"))

    def _leave_out(self, name: str, files: int) -> None:
        """One row for all files from here on: of a list, or of a zip file."""
        self._refuse(name, text.TOO_MANY_FILES.format(files=files, most=MAX_NAMED))


def _is_nothing(name: str) -> bool:
    """A folder, or what a system puts beside the files."""
    return name.endswith(("/", ".DS_Store")) or is_left(name)


def _objection(name: str, member: zipfile.ZipInfo) -> str | None:
    """Why a member is not even unpacked."""
    if name.startswith("/") or ".." in PurePosixPath(name).parts or ":" in name:
        return text.ZIP_CLIMBS
    if stat.S_ISLNK(member.external_attr >> 16):
        return text.ZIP_LINK
    if member.flag_bits & 1:
        return text.ZIP_ENCRYPTED
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return text.ZIP_METHOD  # zipfile unpacks the others without regard to how much comes out
    if member.file_size > MAX_FILE:
        return text.ZIP_TOO_LARGE.format(megabytes=MAX_FILE // 10**6)
    return None


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        return file.read()


def read_uploaded_patients(path: Path) -> Patients:
    """Like `read_patients`, of a file that a stranger sent.

    Raises:
        MetadataTableError: gone, too large, too many rows or too long ones, and as in `read_patients`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TABLE + 1)
    except OSError as error:
        raise MetadataTableError(f"{path.name}: cannot be opened ({error.strerror})") from None
    if len(data) > MAX_TABLE:
        raise MetadataTableError(f"{path.name}: {text.TABLE_TOO_LARGE.format(megabytes=MAX_TABLE // 10**6)}")
    rows = data.splitlines()
    if len(rows) > MAX_ROWS or max(map(len, rows), default=0) > MAX_ROW:
        raise MetadataTableError(f"{path.name}: {text.TABLE_TOO_LONG.format(rows=MAX_ROWS, bytes=MAX_ROW)}")
    return read_patients(path)


def _directory_size(path: Path) -> int:
    """Bytes of a zip file's table of contents, all of which `ZipFile` would read at once."""
    with path.open("rb") as file:
        end = zipfile._EndRecData(file)  # type: ignore[attr-defined]  # no public way to ask before reading
    if not end:
        raise zipfile.BadZipFile(path.name)
    return end[zipfile._ECD_SIZE]  # type: ignore[attr-defined]
