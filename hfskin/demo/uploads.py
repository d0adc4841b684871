"""What people upload to the Batch tab, pictures and zip files of them, as items. Nothing is unpacked to disk."""

import zipfile
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ..inference.batch.items import IMAGE_SUFFIXES, Item, MetadataTableError, Patient, Row, read_patients
from ..words import en as text

MAX_FILE = 50 * 10**6  # bytes, of an uploaded file and of an unpacked picture
MAX_PICTURES = 300  # at a time
MAX_DIRECTORY = 10**6  # bytes of a zip file's table of contents
MAX_TABLE = 10 * 10**6  # bytes of a metadata CSV

UNKNOWN: Patient = (None, None, None)


class Upload:
    """The pictures among some uploaded files, read when they are asked for.

    Args:
        paths: pictures and zip files.
        patients: age, sex and site by image id (a file's name without its ending).

    Attributes:
        names: of all pictures, those beyond the limit too.
        refused: one row for each file that is not looked at; complete after `items` has run.
        total: how many items there will be at most.
    """

    def __init__(self, paths: list[Path], patients: dict[str, Patient]):
        self.refused: list[Row] = []
        self._order: list[str] = []  # every name, as it was uploaded
        self._patients = patients
        self._found: list[tuple[str, Path, zipfile.ZipInfo | None]] = []  # name, file, member of the zip file
        for path in paths:
            self._order.append(path.name)
            if path.suffix.lower() == ".zip":
                self._look_into(path)
            else:
                self._add(path.name, path)
        self.names = [name for name, *_ in self._found]
        for name in self.names[MAX_PICTURES:]:
            self._refuse(name, text.TOO_MANY.format(pictures=MAX_PICTURES))
        del self._found[MAX_PICTURES:]
        self.total = len(self._found)

    def items(self) -> Iterator[Item]:
        """One item a picture; a zip file's members are unpacked one at a time, in memory."""
        for name, path, member in self._found:
            image = path if member is None else self._unpack(name, path, member)
            if image is not None:
                yield Item(name, image, self._patients.get(PurePosixPath(name).stem, UNKNOWN))

    def _look_into(self, path: Path) -> None:
        try:
            if _directory_size(path) > MAX_DIRECTORY:
                self._refuse(path.name, text.ZIP_TOO_MANY.format(pictures=MAX_PICTURES))
                return
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            self._refuse(path.name, text.ZIP_BROKEN)
            return
        seen: set[str] = set()
        for member in members:
            if not member.filename:
                self._refuse(path.name, text.ZIP_BROKEN)  # and zipfile cannot say whether it is a folder
                continue
            parts = PurePosixPath(member.filename.replace("\\", "/")).parts
            if member.is_dir() or "__MACOSX" in parts or parts[-1:] == (".DS_Store",):
                continue
            self._order.append(member.filename)
            if member.filename.startswith(("/", "\\")) or ".." in parts or ":" in member.filename:
                self._refuse(member.filename, text.ZIP_CLIMBS)
            elif member.flag_bits & 1:
                self._refuse(member.filename, text.ZIP_ENCRYPTED)
            elif member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # zipfile unpacks the other methods without regard to how much comes out.
                self._refuse(member.filename, text.ZIP_METHOD)
            elif member.filename in seen:
                self._refuse(member.filename, text.ZIP_TWICE)
            else:
                seen.add(member.filename)
                self._add(member.filename, path, member)

    def _add(self, name: str, path: Path, member: zipfile.ZipInfo | None = None) -> None:
        if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES:
            self._found.append((name, path, member))
        else:
            self._refuse(name, text.NOT_A_PICTURE)

    def _unpack(self, name: str, path: Path, member: zipfile.ZipInfo) -> bytes | None:
        try:
            with zipfile.ZipFile(path) as archive, archive.open(member) as file:
                data = file.read(MAX_FILE + 1)  # the size that the zip file states may be a lie
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError):
            self._refuse(name, text.ZIP_BROKEN)
            return None
        if len(data) > MAX_FILE:
            self._refuse(name, text.ZIP_TOO_LARGE.format(megabytes=MAX_FILE // 10**6))
            return None
        return data

    def in_order(self, rows: list[Row]) -> list[Row]:
        """These rows and the refused ones, as the files were uploaded."""
        places: dict[str, deque[int]] = {}
        for place, name in enumerate(self._order):
            places.setdefault(name, deque()).append(place)
        all_rows = [*rows, *self.refused]
        last = len(self._order)
        place_of = [places[row.name].popleft() if places.get(row.name) else last for row in all_rows]
        return [row for _, row in sorted(zip(place_of, all_rows, strict=True), key=lambda pair: pair[0])]

    def _refuse(self, name: str, why: str) -> None:
        self.refused.append(Row(name, error=f"{name}: {why}"))


def read_uploaded_patients(path: Path) -> dict[str, Patient]:
    """Like `read_patients`, of a file that a stranger sent.

    Raises:
        MetadataTableError: too large, and as in `read_patients`.
    """
    if path.stat().st_size > MAX_TABLE:
        raise MetadataTableError(f"{path.name}: {text.TABLE_TOO_LARGE.format(megabytes=MAX_TABLE // 10**6)}")
    return read_patients(path)


def _directory_size(path: Path) -> int:
    """Bytes of a zip file's table of contents, all of which `ZipFile` would read at once."""
    with path.open("rb") as file:
        end = zipfile._EndRecData(file)  # no public way to ask before reading
    if not end:
        raise zipfile.BadZipFile(path.name)
    return end[zipfile._ECD_SIZE]
