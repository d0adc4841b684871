"""Whose pictures they are: rows of a table with age, sex and site, and the pictures that they belong to."""

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..model.metadata import Patient
from .tables import PATIENT, MetadataTableError, normal, read_rows, without_suffix

DEPTH = 8  # folders of a path that are compared


class _Picture(NamedTuple):
    folders: tuple[str, ...]
    stem: str
    name: str


class Patients:
    """The rows of a table, by what they call their pictures: an id, a file's name, or a path to it.

    Args:
        named: image id and patient of each row.
        notes: what of the table is not used, a line each.
    """

    def __init__(self, named: Iterable[tuple[str, Patient]], notes: Iterable[str] = ()):
        self.named, self.notes = list(named), list(notes)
        self._rows: dict[str, list[int]] = defaultdict(list)  # by each end of a row's path, as "patient1/img" and "img"
        self._depth = 0
        for i, (image_id, _) in enumerate(self.named):
            ends = _ends(_parts(image_id))
            self._depth = max(self._depth, len(ends))
            for end in ends:
                self._rows[end].append(i)

    def __len__(self) -> int:
        return len(self.named)

    def match(self, pictures: Iterable[tuple[str, str]]) -> tuple[dict[str, Patient], list[str]]:
        """Who is on which picture, and what is left over.

        A row and a picture belong together where most of their paths agrees, read from the end: folder and name before
        the name alone, the name with its ending before the one without. No row serves two pictures.

        Args:
            pictures: name to show, and path.

        Returns:
            The patients by path, of the pictures that have one; and a line for each kind of what is left over.
        """
        names = {path: name for name, path in pictures}
        claims: dict[int, list[tuple[tuple[int, bool], str]]] = defaultdict(list)
        unclear = []
        for path in names:
            rows, strength = self._best(path)
            if len(rows) > 1:
                unclear.append(path)
            elif rows:
                claims[rows[0]].append((strength, path))
        found, shared = {}, {}
        for row, claimed in claims.items():
            strongest = max(strength for strength, _ in claimed)
            best = [path for strength, path in claimed if strength == strongest]
            if len(best) == 1:
                found[best[0]] = self.named[row][1]
            else:
                shared[self.named[row][0]] = best
        return found, self.notes + self._left_over(names, found, unclear, shared, claims.keys())

    def _best(self, path: str) -> tuple[list[int], tuple[int, bool]]:
        """The rows that agree most with a picture, and how much: names in common from the end, and the ending."""
        picture = _parts(os.path.abspath(path))
        ends = _ends(picture)[: self._depth]
        for count in range(len(ends), 0, -1):
            if rows := self._rows.get(ends[count - 1]):
                same_ending = [row for row in rows if _parts(self.named[row][0]).name == picture.name]
                return same_ending or rows, (count, bool(same_ending))
        return [], (0, False)

    def _left_over(self, names, found, unclear, shared, used) -> list[str]:
        in_doubt = {*unclear, *(path for paths in shared.values() for path in paths)}
        alone = sorted(name for path, name in names.items() if path not in found and path not in in_doubt)
        unseen = sorted(self.named[i][0] for i in range(len(self)) if i not in used)
        notes = []
        if shared:
            row, paths = next(iter(shared.items()))
            some = " and ".join(names[path] for path in paths[:2])
            notes.append(
                f"{len(shared)} rows fit several pictures, such as {row} ({some}): used for none; name the folders in "
                "the table too, as in patient1/img.jpg"
            )
        if unclear:
            name = names[unclear[0]]
            notes.append(f"{len(unclear)} pictures fit several rows, such as {name}: looked at without any")
        if alone:
            notes.append(f"{len(alone)} pictures have no row, such as {alone[0]}: looked at without age, sex and site")
        if unseen and not unclear:
            notes.append(f"{len(unseen)} rows have no picture, such as {unseen[0]}: left out")
        return notes


def read_patients(path: Path) -> Patients:
    """Age, sex and site by image id, from a table; see [`read_rows`].

    Raises:
        MetadataTableError: not readable, none of the three fields, or two rows of an image that differ.
    """
    table = read_rows(path)
    if table.fields.isdisjoint(PATIENT):
        raise MetadataTableError(f"{table.name}: has none of the columns age, sex, localization; call them so")
    patients: dict[str, Patient] = {}
    for row in table.rows:
        patient = row["age"], row["sex"], row["localization"]
        if patients.setdefault(normal(row["image_id"]), patient) != patient:
            raise MetadataTableError(
                f"{table.name}: image {row['image_id'][:100]!r} stands twice, and differs; keep one row an image"
            )
    return Patients(patients.items(), table.notes)


def _parts(path: str) -> _Picture:
    *folders, name = [part.strip() for part in normal(path).split("/") if part.strip() not in ("", ".")] or [""]
    return _Picture(tuple(folders), without_suffix(name), name)


def _ends(picture: _Picture) -> list[str]:
    """From the stem alone to the whole path, as far as it matters."""
    folders = picture.folders[-DEPTH:]
    return ["/".join((*folders[len(folders) - count :], picture.stem)) for count in range(len(folders) + 1)]
