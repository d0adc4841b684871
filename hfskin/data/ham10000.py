"""HAM10000 in its published layout, or any folder with pictures and a table like it."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ..model.image_reading import SUFFIXES
from ..model.labels import CLASSES
from ..model.metadata import parse_age, parse_sex, parse_site

COLUMNS = ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization"]
MASK_SUFFIX = "_segmentation"  # <image_id>_segmentation.png
TABLE_SUFFIXES = (".csv", ".tab", ".tsv")


class DataError(ValueError):
    """A data set that cannot be used as it is; the message says what is wrong and what to do."""


def load_ham10000(folder: str | Path, image_roots: Iterable[str | Path] = ()) -> pd.DataFrame:
    """The whole table of a data folder, with the columns of `COLUMNS` and `path`: None where there is no file.

    `folder` holds one metadata table (HAM10000's CSV, Dataverse's .tab, or an ISIC ground-truth CSV) and the pictures,
    in any subfolders. `make_split` leaves the rows without a file out.

    Args:
        image_roots: further folders of pictures; they are searched first, in order, and the first that holds an id
            wins.

    Raises:
        DataError: no table, no pictures, missing columns, an id twice, an unknown diagnosis.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    table = read_table(find_table(folder))
    images = find_images([*image_roots, folder])
    table["path"] = [images.get(image_id) for image_id in table["image_id"]]
    if table["path"].isna().all():
        raise DataError(
            f"{folder}: none of the table's {len(table)} pictures was found; images are named <image_id>.jpg"
        )
    known = set(table["image_id"])
    table.attrs["files_without_row"] = [name for name in images if name.removesuffix(MASK_SUFFIX) not in known]
    return table


def gaps(table: pd.DataFrame) -> list[str]:
    """What is left out of a table of [`load_ham10000`], a line each: rows without a picture, pictures without a row."""
    left_out = (
        (rows_without_file(table), "rows of the table have no picture"),
        (table.attrs.get("files_without_row"), "pictures have no row in the table"),
    )
    return [f"{len(names)} {text} and are left out, such as {names[0]}" for names, text in left_out if names]


def rows_without_file(table: pd.DataFrame) -> list[str]:
    """The image ids of the rows of a table of [`load_ham10000`] that have no picture."""
    return table.loc[table["path"].isna(), "image_id"].tolist()


def find_table(folder: Path) -> Path:
    """The one metadata table of a folder: the file with "metadata" or "GroundTruth" in its name.

    Raises:
        DataError: there is none, or several.
    """
    tables = sorted(p for p in folder.iterdir() if p.suffix.lower() in TABLE_SUFFIXES)
    named = [p for p in tables if "metadata" in p.name.lower() or "groundtruth" in p.name.lower()]
    # Dataverse's download brings HAM10000_metadata twice, as .csv and .tab: the first serves.
    stems = {p.stem for p in named}
    if len(stems) == 1:
        return named[0]
    if not stems:
        raise DataError(f"{folder}: no metadata table; put HAM10000_metadata.csv (or .tab) or a *GroundTruth.csv there")
    raise DataError(f"{folder}: several metadata tables ({', '.join(p.name for p in named)}); keep one")


def read_table(path: str | Path) -> pd.DataFrame:
    """A metadata table with exactly the columns of `COLUMNS`; age is a float with NaN where it is missing.

    Raises:
        DataError: not readable, missing columns, an image twice, an unknown diagnosis, or a value of age, sex or site
            that is not known (the message names the row).
    """
    path = Path(path)
    try:
        table = pd.read_csv(path, sep="," if path.suffix.lower() == ".csv" else "\t", dtype=str, keep_default_na=False)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        why = " ".join(str(error).split())
        raise DataError(f"{path.name}: not a readable table ({why}); save it as UTF-8 CSV") from None
    if "image" in table.columns and {c.upper() for c in CLASSES} <= set(table.columns):
        table = _from_isic_ground_truth(table, path.name)
    absent = [c for c in ("image_id", "dx") if c not in table.columns]
    if absent:
        columns = " ".join(", ".join(table.columns).split())  # a broken table may have line breaks in a name
        raise DataError(f"{path.name}: column {absent[0]!r} is missing; it has {columns[:200]}")
    for column in COLUMNS:
        if column not in table.columns:
            table[column] = ""
    # A picture without a lesion id counts as a lesion of its own.
    table["lesion_id"] = table["lesion_id"].mask(table["lesion_id"].str.strip() == "", table["image_id"])
    doubled = table["image_id"][table["image_id"].duplicated()]
    if len(doubled):
        raise DataError(
            f"{path.name}: image {doubled.iloc[0][:100]!r} stands {len(doubled) + 1} times; keep one row an image"
        )
    unknown = table.loc[~table["dx"].isin(CLASSES), "dx"]
    if len(unknown):
        raise DataError(f"{path.name}: unknown dx {unknown.iloc[0][:100]!r}; it must be one of {', '.join(CLASSES)}")
    table = table[COLUMNS].copy()
    for column, parse in (("age", parse_age), ("sex", parse_sex), ("localization", parse_site)):
        table[column] = [_parse(parse, value, path.name, i) for i, value in enumerate(table[column], start=2)]
    table["age"] = table["age"].astype(float)
    return table


def find_images(roots: Iterable[str | Path]) -> dict[str, Path]:
    """Picture files by their name without suffix, below all roots; the first root that holds a name wins.

    Masks lie beside the pictures in HAM10000's layout; `MASK_SUFFIX` in their names keeps them from colliding.
    """
    found: dict[str, Path] = {}
    for root in roots:
        for path in sorted(Path(root).rglob("*")):
            if path.suffix.lower() in SUFFIXES:
                found.setdefault(path.stem, path)
    return found


def find_masks(root: str | Path) -> dict[str, Path]:
    """Segmentation masks below a folder, <image_id>_segmentation.png, by image id.

    Raises:
        DataError: there is none.
    """
    found = {
        name.removesuffix(MASK_SUFFIX): path for name, path in find_images([root]).items() if name.endswith(MASK_SUFFIX)
    }
    if not found:
        raise DataError(f"{root}: no masks; they are named <image_id>{MASK_SUFFIX}.png")
    return found


def _from_isic_ground_truth(table: pd.DataFrame, name: str) -> pd.DataFrame:
    try:
        scores = table[[c.upper() for c in CLASSES]].astype(float)
    except ValueError as error:
        raise DataError(f"{name}: a column of a class holds no number ({str(error)[:200]})") from None
    if not (scores.isin((0, 1)).all(axis=1) & (scores.sum(axis=1) == 1)).all():
        raise DataError(f"{name}: a ground-truth row must have one 1.0 and else 0.0")
    columns = {"image_id": table["image"], "dx": scores.idxmax(axis=1).str.lower()}
    kept = [c for c in COLUMNS if c in table.columns and c not in columns]
    return pd.DataFrame(columns).join(table[kept])


def _parse(parse, value, name: str, row: int):
    try:
        return parse(value)
    except ValueError as error:
        raise DataError(f"{name}, row {row}: {error}") from None
