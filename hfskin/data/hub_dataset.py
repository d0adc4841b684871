"""Labelled pictures as a data set of the Hub: parquet files with a card, and back to the table that everything else
reads."""

from collections.abc import Sequence
from pathlib import Path

import jinja2
import pandas as pd
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, Value, load_dataset
from datasets.exceptions import DatasetNotFoundError
from datasets.table import embed_table_storage
from huggingface_hub import DatasetCardData

from ..checkpoints.hub import HubError, check_name, hub_errors, no_repository
from ..model.labels import CLASSES, DIAGNOSES
from .diagnoses import class_indices
from .ham10000 import DataError, classes_of, load_ham10000, rows_without_file
from .labelled import COLUMNS
from .splits import make_split
from .tables import counted

HUB_PREFIX = "hub:"
PARTS = {"train": "train", "val": "validation", "test": "test"}  # ours -> the Hub's name
SHARD_BYTES = 400e6
CARD_FILE = "README.md"
CARD_TEMPLATE = Path(__file__).with_name("dataset_card_template.md")
COLUMN_TYPES = {
    "image": Image(),
    "image_id": Value("string"),
    "lesion_id": Value("string"),
    "dx": None,  # a ClassLabel of the table's classes
    "dx_type": Value("string"),
    "age": Value("float64"),
    "sex": Value("string"),
    "localization": Value("string"),
    "row": Value("int64"),
}


def load_table(
    source: str | Path, image_roots=(), classes: Sequence[str] | None = None, usual: Sequence[str] = CLASSES
) -> pd.DataFrame:
    """The table of a data folder, or of a data set of the Hub: "hub:org/name" or "hub:org/name@revision", whose classes
    are its own.

    Raises:
        DataError: see [`load_ham10000`].
        HubError: see [`load_hub_dataset`].
        ValueError: the data set of the Hub holds others than the `classes` that are asked for.
    """
    if not str(source).startswith(HUB_PREFIX):
        return load_ham10000(source, image_roots, classes, usual)
    repo_id, _, revision = str(source).removeprefix(HUB_PREFIX).partition("@")
    table = load_hub_dataset(repo_id, revision or None)
    if classes is not None:
        class_indices(table["dx"], classes)
    return table


def load_hub_dataset(repo_id: str, revision: str | None = None) -> pd.DataFrame:
    """The same table as [`load_ham10000`] of the folder that the data set was built from, in the same order.

    Its `path` holds the pictures' bytes, which `read_image` takes as well; its `split` is the one that was published.

    Raises:
        HubError: no such data set or revision, no right to read it, no network.
        DataError: a data set without the `PARTS` or the columns of `COLUMN_TYPES`.
    """
    check_name(repo_id)
    try:
        with hub_errors(repo_id, revision):
            parts = load_dataset(repo_id, revision=revision)
    except DatasetNotFoundError as error:  # `datasets` does not say from what it was raised
        raise HubError(no_repository(error, repo_id)) from error
    found = {ours: _to_table(parts[theirs], repo_id) for ours, theirs in PARTS.items() if theirs in parts}
    if not found:
        raise DataError(f"{repo_id}: has the parts {', '.join(parts)}, and none of {', '.join(PARTS.values())}")
    table = pd.concat([rows.assign(split=part) for part, rows in found.items()])
    table = table.sort_values("row", ignore_index=True)[[*COLUMNS, "path", "split"]]
    table.attrs["classes"] = tuple(next(iter(parts.values())).features["dx"].names)
    return table


def build_dataset(table: pd.DataFrame, seed: int = 0) -> DatasetDict:
    """The rows of `load_ham10000` in the parts of the `lesion` split; the pictures are read when they are asked for.

    Raises:
        DataError: a row has no picture, or see [`make_split`].
    """
    features = Features({**COLUMN_TYPES, "dx": ClassLabel(names=list(classes_of(table)))})
    if missing := rows_without_file(table):
        # Whoever loads the data set splits its rows again, and fewer rows fall into other parts.
        raise DataError(
            f"{counted(len(missing), 'row has', 'rows have')} no picture, such as {missing[0]}; add the pictures, or "
            "take the rows out of the table (it is then split anew)"
        )
    table = make_split(table.assign(row=range(len(table))), "lesion", seed)
    return DatasetDict({theirs: _to_dataset(table[table["split"] == ours], features) for ours, theirs in PARTS.items()})


def refuse_other_card(folder: Path) -> None:
    """Let no README.md be lost that [`write_dataset`] did not write.

    Raises:
        DataError: the folder holds one, and no data set.
    """
    if (folder / CARD_FILE).exists() and not any(folder.glob("data/*-of-*.parquet")):
        raise DataError(f"{folder / CARD_FILE}: is not what an earlier build wrote; move it, or give another folder")


def write_dataset(parts: DatasetDict, folder: str | Path, repo_id: str, seed: int = 0) -> list[str]:
    """Write parquet files and the data card, as they lie in the repository, in place of those of an earlier call.

    Returns:
        The names of the files, relative to the folder.
    """
    card, data = Path(folder, CARD_FILE), Path(folder, "data")
    written = [card]
    data.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        for old in data.glob(f"{name}-*-of-*.parquet"):  # other shards: whoever loads the folder would read both
            old.unlink()
        shards = max(1, round(_picture_bytes(part) / SHARD_BYTES))
        for i in range(shards):
            shard = _embed_pictures(part.shard(shards, i, contiguous=True))
            written.append(data / f"{name}-{i:05}-of-{shards:05}.parquet")
            shard.to_parquet(written[-1])
    card.write_text(render_dataset_card(parts, repo_id, seed), encoding="utf-8")
    return [file.relative_to(folder).as_posix() for file in written]


def render_dataset_card(parts: DatasetDict, repo_id: str, seed: int = 0) -> str:
    """README.md of the data set; its counts are counted. Of other classes than HAM10000's, source and licence are for
    its owner to say."""
    size = sum(map(len, parts.values()))
    classes = tuple(parts["train"].features["dx"].names)
    name = repo_id.split("/")[-1]
    data = DatasetCardData(
        license="cc-by-nc-4.0" if classes == CLASSES else None,
        pretty_name=f"{'HAM10000' if classes == CLASSES else name}, split by lesion",
        task_categories=["image-classification"],
        tags=["medical", "dermatology", "dermatoscopy", "skin-lesion"],
        size_categories=["10K<n<100K" if size >= 10_000 else "1K<n<10K" if size >= 1000 else "n<1K"],
        configs=[
            {
                "config_name": "default",
                "data_files": [{"split": name, "path": f"data/{name}-*"} for name in parts],
            }
        ],
    )
    rows = []
    for name, part in parts.items():
        labels = part.with_format(None)["dx"][:]
        rows.append(
            {
                "name": name,
                "pictures": len(part),
                "lesions": len(set(part["lesion_id"][:])),
                "counts": [labels.count(i) for i in range(len(classes))],
            }
        )
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    return environment.from_string(CARD_TEMPLATE.read_text(encoding="utf-8")).render(
        yaml=data.to_yaml(),
        name=name,
        repo_id=repo_id,
        seed=seed,
        parts=rows,
        classes=classes,
        hams=classes == CLASSES,
        diagnoses=DIAGNOSES,
    )


def _to_dataset(rows: pd.DataFrame, features: Features) -> Dataset:
    columns = {name: rows[name].tolist() for name in features if name not in ("image", "age")}
    columns["image"] = [str(path) for path in rows["path"]]
    columns["age"] = [None if pd.isna(age) else age for age in rows["age"]]
    return Dataset.from_dict({name: columns[name] for name in features}, features=features)


def _embed_pictures(part: Dataset) -> Dataset:
    """Files' bytes instead of their paths, in memory."""
    return part.with_format("arrow").map(embed_table_storage, batched=True, batch_size=500, keep_in_memory=True)


def _picture_bytes(part: Dataset) -> int:
    return sum(
        Path(picture["path"]).stat().st_size for picture in part.cast_column("image", Image(decode=False))["image"]
    )


def _to_table(part: Dataset, repo_id: str) -> pd.DataFrame:
    absent = [name for name in COLUMN_TYPES if name not in part.features]
    if absent:
        raise DataError(
            f"{repo_id}: column {absent[0]!r} is missing; `hfskin dataset build` makes a data set that fits"
        )
    if not isinstance(part.features["dx"], ClassLabel):
        raise DataError(f"{repo_id}: column 'dx' does not say its classes; `hfskin dataset build` makes one that does")
    plain = part.cast_column("image", Image(decode=False)).with_format(None)
    columns = {name: plain[name][:] for name in COLUMN_TYPES}
    table = pd.DataFrame({name: columns[name] for name in COLUMNS}).astype({"age": float})
    table["dx"] = [part.features["dx"].names[i] for i in columns["dx"]]
    return table.assign(path=[picture["bytes"] for picture in columns["image"]], row=columns["row"])
