"""Who is trained on, who is looked at while choosing, who is tested on."""

from collections.abc import Collection
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from .ham10000 import DataError

SPLITS = ("lesion", "paper", "all")
N_FOLDS = 10  # the "lesion" split goes by tenths of the lesions: one is the test part, one the validation part


def make_split(table: pd.DataFrame, name: str, seed: int = 0) -> pd.DataFrame:
    """A copy of the table with a column `split`.

    - "lesion": train/val/test 80/10/10, stratified by diagnosis; all pictures of a lesion, and the 18 known
      near-duplicate pairs with different lesion ids (Abhishek et al. 2024), stay together.
    - "paper": train/val 90/10 by picture, stratified; rows without an age are dropped (paper, section 2.1). It LEAKS:
      pictures of one lesion stand on both sides.
    - "all": everything is test, for a data set that the model has not seen.

    Raises:
        ValueError: no such split.
        DataError: too few pictures of a class to split.
    """
    if name not in SPLITS:
        raise ValueError(f"unknown split {name!r}; choose one of: {', '.join(SPLITS)}")
    if name == "all":
        return table.assign(split="test")
    try:
        return lesion_split(table, seed=seed) if name == "lesion" else _paper_split(table, seed)
    except ValueError as error:
        raise DataError(
            f"cannot split {len(table)} pictures: {error}; a class has too few lesions. To evaluate without a "
            "split, use --split all"
        ) from None


def lesion_split(
    table: pd.DataFrame, test: Collection[int] = (0,), val: Collection[int] = (1,), seed: int = 0
) -> pd.DataFrame:
    """The "lesion" split with chosen tenths of the lesions (0 to 9) as test and validation part; the rest is train.

    Raises:
        ValueError: too few lesions of a class.
        DataError: a lesion stands in several parts.
    """
    fold = folds(table, N_FOLDS, seed)
    split = table.assign(
        split=np.select([np.isin(fold, list(test)), np.isin(fold, list(val))], ["test", "val"], "train")
    )
    if leaks := check_leaks(split):
        raise DataError(f"{leaks} lesions stand in several parts of the split; this is a bug, please report it")
    return split


def lesion_groups(table: pd.DataFrame) -> pd.Series:
    """One name a group of pictures that must stay together: the lesion id, merged over near-duplicate pairs."""
    groups = table["lesion_id"].copy()
    lesion_of = dict(zip(table["image_id"], table["lesion_id"], strict=True))
    with resources.files(__package__).joinpath("near_duplicates.csv").open() as file:
        pairs = pd.read_csv(file)
    for a, b in zip(pairs["image_id_a"], pairs["image_id_b"], strict=True):
        if a in lesion_of and b in lesion_of:
            of = dict(zip(table["image_id"], groups, strict=True))  # read again: pairs may chain
            groups = groups.replace(of[b], of[a])
    return groups


def check_leaks(table: pd.DataFrame) -> int:
    """How many groups of `lesion_groups` have pictures in more than one part of `split`; 0 is clean."""
    parts = table.groupby(lesion_groups(table))["split"].nunique()
    return int((parts > 1).sum())


def write_split(table: pd.DataFrame, path: str | Path) -> None:
    """Write image_id, lesion_id, dx and split as CSV."""
    table[["image_id", "lesion_id", "dx", "split"]].to_csv(path, index=False)


def folds(table: pd.DataFrame, n: int, seed: int = 0) -> np.ndarray:
    """The fold, 0 to n-1, of every row, grouped and stratified as the "lesion" split."""
    splitter = StratifiedGroupKFold(n_splits=n, shuffle=True, random_state=seed)
    fold = np.empty(len(table), dtype=int)
    for i, (_, rows) in enumerate(splitter.split(table, table["dx"], lesion_groups(table))):
        fold[rows] = i
    return fold


def _paper_split(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    table = table[table["age"].notna()].reset_index(drop=True)
    _, val = train_test_split(table.index, test_size=0.1, stratify=table["dx"], random_state=seed)
    return table.assign(split=np.where(table.index.isin(val), "val", "train"))
