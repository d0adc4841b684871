"""Whose pictures they are: rows of a table with age, sex and site, and the pictures that they belong to."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from ..model.metadata import FIELDS, Patient
from ..model.other_formats import DICOM_SUFFIXES, has_no_suffix
from .places import DEPTH, Place, decisive_folders, place
from .tables import MetadataTableError, counted, normal, read_rows

Key = TypeVar("Key", bound=Hashable)


class Patients:
    """The rows of a table, by what they call their pictures: an id, a file's name, or a path to it.

    Args:
        named: image id and patient of each row.
        notes: what of the table is not used, a line each.
    """

    def __init__(self, named: Iterable[tuple[str, Patient]], notes: Iterable[str] = ()):
        self.named, self.notes = list(named), list(notes)
        self._places = [place(image_id) for image_id, _ in self.named]
        self._rows: dict[str, list[int]] = defaultdict(list)  # by each end of a row's path, as "patient1/img" and "img"
        self._decided: dict[str, list[int]] = defaultdict(list)  # the same, without ends that lack a decisive folder
        self._depth = 0
        for i, decisive in enumerate(decisive_folders(self._places)):
            ends = self._places[i].ends()
            self._depth = max(self._depth, len(ends))
            for count, end in enumerate(ends):
                self._rows[end].append(i)
                if count >= decisive:
                    self._decided[end].append(i)

    def __len__(self) -> int:
        return len(self.named)

    def match(self, pictures: Mapping[Key, tuple[str, str]]) -> tuple[dict[Key, Patient], list[str]]:
        """Who is on which picture, and what is left over.

        A row and a picture belong together where most of their paths agrees, read from the end: folder and name before
        the name alone, the name with its ending before the one without. A row that names folders has no picture in
        others, which may be another patient's. No row serves two pictures.

        Args:
            pictures: name to show, and path: the whole one, or as much as is known, of an upload the name alone.

        Returns:
            The patients of the pictures that have one; and a line for each kind of what is left over, and where a row
            was found by the end of its path alone.
        """
        claims: dict[int, list[tuple[tuple[int, bool], Key]]] = defaultdict(list)
        unclear: list[Key] = []
        strange: dict[Key, str] = {}  # in another folder than the row that is of their name
        for key, (_, path) in pictures.items():
            rows, strength = self._best(picture := place(path))
            if len(rows) > 1:
                unclear.append(key)
            elif rows:
                claims[rows[0]].append((strength, key))
            elif namesakes := self._rows.get(picture.stem):
                strange[key] = self.named[namesakes[0]][0]
        found: dict[Key, Patient] = {}
        shared: dict[str, list[Key]] = {}
        partly: dict[Key, str] = {}
        for row, claimed in claims.items():
            strongest = max(strength for strength, _ in claimed)
            best = [key for strength, key in claimed if strength == strongest]
            name, patient = self.named[row]
            if len(best) > 1:
                shared[name] = best
                continue
            found[best[0]] = patient
            if strongest[0] < min(len(self._places[row].folders), DEPTH):
                partly[best[0]] = name
        in_doubt = {*unclear, *strange, *(key for keys in shared.values() for key in keys)}
        alone = [key for key in pictures if key not in found and key not in in_doubt]
        unseen = [] if unclear else sorted(self.named[i][0] for i in range(len(self)) if i not in claims)
        return found, self.notes + _notes(pictures, shared, partly, unclear, strange, alone, unseen)

    def _best(self, picture: Place) -> tuple[list[int], tuple[int, bool]]:
        """The rows that agree most with a picture, and how much: names in common from the end, and the ending."""
        ends = picture.ends()[: self._depth]
        for count in range(len(ends) - 1, -1, -1):
            is_all_known = count == len(picture.folders) and not picture.is_whole
            if rows := (self._rows if is_all_known else self._decided).get(ends[count]):
                same_ending = [row for row in rows if self._places[row].name == picture.name]
                return same_ending or rows, (count, bool(same_ending))
        return [], (0, False)


def _notes(
    pictures: Mapping[Key, tuple[str, str]],
    shared: dict[str, list[Key]],
    partly: dict[Key, str],
    unclear: list[Key],
    strange: dict[Key, str],
    alone: list[Key],
    unseen: list[str],
) -> list[str]:
    """A line for each of the kinds of [`Patients.match`] that there are."""

    def looked_at(keys: Iterable[Key]) -> str:
        paths = (pictures[key][1] for key in keys)
        its_own = any(path.lower().endswith(DICOM_SUFFIXES) or has_no_suffix(place(path).name) for path in paths)
        return f"looked at without age, sex and site{', but for what a DICOM file says itself' if its_own else ''}"

    names = {key: name for key, (name, _) in pictures.items()}
    notes = []
    if shared:
        row, keys = next(iter(shared.items()))
        some = " and ".join(names[key] for key in keys[:2])
        notes.append(
            f"{counted(len(shared), 'row fits', 'rows fit')} several pictures, such as {row} ({some}): used for none; "
            "name the folders in the table too, as in patient1/img.jpg"
        )
    if partly:
        key, row = next(iter(partly.items()))
        notes.append(
            f"{counted(len(partly), 'row was', 'rows were')} found by the end of the path alone, such as {row} for "
            f"{names[key]}: make sure that they belong together"
        )
    if unclear:
        notes.append(
            f"{counted(len(unclear), 'picture fits', 'pictures fit')} several rows, such as {names[unclear[0]]}: "
            f"{looked_at(unclear)}"
        )
    if strange:
        key, row = next(iter(strange.items()))
        notes.append(
            f"{counted(len(strange), 'picture lies', 'pictures lie')} in another folder than the row of that name, "
            f"such as {names[key]} (row {row}): {looked_at(strange)}; if they belong together, put that right in the "
            "table"
        )
    if alone:
        name = min(names[key] for key in alone)
        notes.append(
            f"{counted(len(alone), 'picture has', 'pictures have')} no row, such as {name}: {looked_at(alone)}"
        )
    if unseen:
        notes.append(f"{counted(len(unseen), 'row has', 'rows have')} no picture, such as {unseen[0]}: left out")
    return notes


def read_patients(path: Path) -> Patients:
    """Age, sex and site by image id, from a table; see [`read_rows`].

    Raises:
        MetadataTableError: not readable, none of the three fields, or two rows of an image that differ.
    """
    table = read_rows(path)
    if table.fields.isdisjoint(FIELDS):
        raise MetadataTableError(f"{table.name}: has none of the columns age, sex, localization; call them so")
    patients: dict[str, Patient] = {}
    for row in table.rows:
        patient = row["age"], row["sex"], row["localization"]
        if patients.setdefault(normal(row["image_id"]), patient) != patient:
            raise MetadataTableError(
                f"{table.name}: image {row['image_id'][:100]!r} stands twice, and differs; keep one row an image"
            )
    return Patients(patients.items(), table.notes)
