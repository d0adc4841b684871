"""HAM10000 in its published layout, or any folder with pictures and a table like it."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from ..model.image_reading import SUFFIXES
from ..model.labels import CLASSES
from .diagnoses import classes_among
from .folders import files_below, is_left
from .labelled import DataError, labelled_rows
from .places import decisive_folders, place
from .tables import MetadataTableError, Table, counted, normal, read_rows

MASK_SUFFIX = "_segmentation"  # <image_id>_segmentation.png
TABLE_SUFFIXES = (".csv", ".tab", ".tsv")
_NAMED = ("metadata", "groundtruth", "lesiongroupings")  # of the names of tables
_MASK_FOLDER = re.compile(r"(^|[ _-])(masks?|annotations?|segmentations?)($|[ _-])", re.IGNORECASE)


def load_ham10000(
    folder: str | Path,
    image_roots: Iterable[str | Path] = (),
    classes: Sequence[str] | None = None,
    usual: Sequence[str] = CLASSES,
) -> pd.DataFrame:
    """The whole table of a data folder, with the columns of `labelled.COLUMNS` and `path`: None where there is no file.

    `folder` holds a metadata table (HAM10000's CSV, Dataverse's .tab, an ISIC ground truth) and the pictures, in any
    subfolders. Tables that lie beside it fill in what it lacks: the lesions of an ISIC LesionGroupings.csv, the
    patients of an ISIC metadata table. `make_split` leaves the rows without a file out.

    Args:
        image_roots: further folders of pictures; they are searched first, in order, and the first that holds an id
            wins.
        classes: those of the task; rows of other diagnoses are left out. None: the `usual` ones where the table holds
            any of them, else its own.

    Raises:
        DataError: no table, no pictures, missing columns, an id twice, an unknown diagnosis, or two pictures of an id
            below one root.
    """
    folder = Path(folder)
    _refuse_no_folder(folder)
    tables = _read(find_tables(folder), classes or usual)
    table = labelled_rows(tables, classes, usual)
    known = set(table["image_id"])
    images = find_images([*image_roots, folder], known)
    strange = _in_other_folders(tables, images)
    table["path"] = [None if image_id in strange else images.get(image_id) for image_id in table["image_id"]]
    if strange:
        image_id, named = next(iter(strange.items()))
        table.attrs["notes"].append(
            f"{counted(len(strange), 'picture lies', 'pictures lie')} in another folder than the row of that name, "
            f"such as {images[image_id]} (row {named}), and may be another one; if they belong together, put that "
            "right in the table"
        )
    if table["path"].isna().all():
        if strange:
            raise DataError(table.attrs["notes"][-1])
        raise DataError(
            f"{folder}: no picture of the table's {counted(len(table), 'row', 'rows')} was found; images are named "
            "<image_id>.jpg"
        )
    table.attrs["files_without_row"] = [name for name in images if name not in known]
    return table


def classes_of(table: pd.DataFrame) -> tuple[str, ...]:
    """The classes of a table of [`load_ham10000`], or of one like it that does not say."""
    return tuple(table.attrs.get("classes") or classes_among(table["dx"]))


def gaps(table: pd.DataFrame) -> list[str]:
    """What is left out of a table of [`load_ham10000`], a line each: rows without a picture, pictures without a row,
    and what of the file is not used."""
    left_out = (
        (
            rows_without_file(table),
            "row of the table has no picture and is",
            "rows of the table have no picture and are",
        ),
        (
            table.attrs.get("files_without_row"),
            "picture has no row in the table and is",
            "pictures have no row in the table and are",
        ),
    )
    lines = [f"{counted(len(names), *words)} left out, such as {names[0]}" for names, *words in left_out if names]
    return [*table.attrs.get("notes", ()), *lines]


def rows_without_file(table: pd.DataFrame) -> list[str]:
    """The image ids of the rows of a table of [`load_ham10000`] that have no picture."""
    return table.loc[table["path"].isna(), "image_id"].tolist()


def find_tables(folder: Path) -> list[Path]:
    """The tables of a folder: files with "metadata", "GroundTruth" or "LesionGroupings" in their names.

    Raises:
        DataError: there is none.
    """
    tables = sorted(p for p in folder.iterdir() if p.suffix.lower() in TABLE_SUFFIXES and not is_left(p.name))
    named = [p for p in tables if any(name in p.name.lower().replace("_", "") for name in _NAMED)]
    if not named:
        raise DataError(f"{folder}: no metadata table; put HAM10000_metadata.csv (or .tab) or a *GroundTruth.csv there")
    # Dataverse's download brings HAM10000_metadata twice, as .csv and .tab: the first serves.
    return list({p.stem: p for p in reversed(named)}.values())[::-1]


def read_table(
    *paths: str | Path, classes: Sequence[str] | None = None, usual: Sequence[str] = CLASSES
) -> pd.DataFrame:
    """A metadata table with exactly the columns of `labelled.COLUMNS`; age is a float with NaN where it is missing, and
    `attrs["classes"]` says which classes it is of.

    Args:
        paths: one of them holds the diagnoses; the others fill in what it lacks, by image id.
        classes: see [`load_ham10000`].

    Raises:
        DataError: not readable, no diagnoses or two tables of them, an image twice, or an unknown diagnosis.
    """
    return labelled_rows(_read(paths, classes or usual), classes, usual)


def _read(paths: Iterable[str | Path], classes: Sequence[str]) -> list[Table]:
    try:
        return [read_rows(Path(path), classes) for path in paths]
    except MetadataTableError as error:
        raise DataError(str(error)) from None


def _in_other_folders(tables: list[Table], images: Mapping[str, Path]) -> dict[str, str]:
    """The image ids whose picture lies in another folder than a table says, and how it calls that picture."""
    strange = {}
    for table in tables:
        rows = [place(row["image_id"]) for row in table.rows]
        for row, at, count in zip(table.rows, rows, decisive_folders(rows), strict=True):
            if count and at.stem in images and at.ends()[count] not in place(str(images[at.stem].absolute())).ends():
                strange[at.stem] = row["image_id"]
    return strange


def find_images(roots: Iterable[str | Path], needed: Container[str] | None = None) -> dict[str, Path]:
    """Picture files by their name without suffix, below all roots; the first root that holds a name wins.

    Args:
        needed: ids that must be clear; None means all.

    Raises:
        DataError: a root is no folder, or two pictures of an id below one root.
    """
    found: dict[str, Path] = {}
    for root in map(Path, roots):
        here: dict[str, Path] = {}
        for image_id, path in pictures_below(root):
            if image_id in here and (needed is None or image_id in needed):
                raise DataError(f"{here[image_id]} and {path} are both the picture {image_id}; keep one of them")
            here.setdefault(image_id, path)
        found = here | found
    return found


def pictures_below(root: Path) -> Iterator[tuple[str, Path]]:
    """The picture files below a folder, each with its name without suffix; several may have one name.

    Masks are no pictures: what ends in `MASK_SUFFIX`, and what lies in a folder of masks, annotations or segmentations.

    Raises:
        DataError: it is no folder.
    """
    _refuse_no_folder(root)
    for file in files_below(root):
        path = Path(file)
        image_id = normal(path.stem)
        if path.suffix.lower() not in SUFFIXES or image_id.endswith(MASK_SUFFIX):
            continue
        if not any(map(_MASK_FOLDER.search, path.relative_to(root).parent.parts)):
            yield image_id, path


def _refuse_no_folder(path: Path) -> None:
    if not path.is_dir():
        reason = "is a file; give the folder that it lies in" if path.is_file() else "no such folder"
        raise DataError(f"{path}: {reason}")


def find_masks(root: str | Path) -> dict[str, Path]:
    """Segmentation masks below a folder, <image_id>_segmentation.png, by image id.

    Raises:
        DataError: no such folder, or no mask in it.
    """
    _refuse_no_folder(Path(root))
    found = {
        normal(path.stem).removesuffix(MASK_SUFFIX): path
        for path in map(Path, files_below(Path(root)))
        if path.suffix.lower() in SUFFIXES and path.stem.endswith(MASK_SUFFIX)
    }
    if not found:
        raise DataError(f"{root}: no masks; they are named <image_id>{MASK_SUFFIX}.png")
    return found
