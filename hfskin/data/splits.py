"""Who is trained on, who is looked at while choosing, who is tested on."""

import hashlib
import warnings
from collections.abc import Collection, Iterable
from importlib import resources

import numpy as np
import pandas as pd
import sklearn
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from .ham10000 import DataError
from .tables import counted

SPLITS = ("lesion", "paper", "all")
FEWEST = 3  # lesions of a class, or no split is possible
N_FOLDS = 10  # the "lesion" split goes by tenths of the lesions: one is the test part, one the validation part

# The tenths that the published models were trained and tested on, as digests: of the table, and of what seed 0 makes of
# it. Another scikit-learn might shuffle otherwise, and training pictures would be tested on without a word.
PUBLISHED = {
    "217a1c39c77e20d33ed71455cfbdd680": "cf6226788d98602d0e48a9a28dc43442",
}


def make_split(table: pd.DataFrame, name: str, seed: int = 0) -> pd.DataFrame:
    """A copy of the table with a column `split`, without the rows whose `path` is None.

    The parts depend on the table alone, not on which of its pictures are there.

    - "lesion": train/val/test, stratified by diagnosis; all pictures of a lesion, and the 18 known near-duplicate pairs
      with different lesion ids (Abhishek et al. 2024), stay together. 80/10/10 where some class has ten pictures
      ([`lesion_split`]); of fewer, more is for validation and test: `attrs["parts"]` says one in how many for each.
    - "paper": train/val 90/10 by picture, stratified; rows without an age are dropped (paper, section 2.1). It LEAKS:
      pictures of one lesion stand on both sides.
    - "all": everything is test, for a data set that the model has not seen.

    Raises:
        ValueError: no such split.
        DataError: too few lesions of a class to split; or see [`lesion_split`].
    """
    if name not in SPLITS:
        raise ValueError(f"unknown split {name!r}; choose one of: {', '.join(SPLITS)}")
    pictures = _with_files(table)
    if name == "all":
        return pictures.assign(split="test")
    try:
        return lesion_split(table, seed=seed) if name == "lesion" else _paper_split(table, seed)
    except DataError:
        raise
    except ValueError:
        if name == "lesion":
            return _coarse_split(table, seed)
        aged = counted(int(pictures["age"].notna().sum()), "picture with an age is", "pictures with an age are")
        raise DataError(
            f"{aged} too few for the paper's split, which drops the others and takes a tenth for validation: add "
            "pictures of the rarest class, or take the lesion split"
        ) from None


def lesion_split(
    table: pd.DataFrame, test: Collection[int] = (0,), val: Collection[int] = (1,), seed: int = 0
) -> pd.DataFrame:
    """The "lesion" split with chosen tenths of the lesions (0 to 9) as test and validation part; the rest is train.

    Rows whose `path` is None are left out of it. Where a class has fewer than ten lesions, test and validation part get
    one each all the same, as long as one is left to train on.

    Raises:
        ValueError: no class has ten pictures.
        DataError: a lesion stands in several parts, or HAM10000 falls into other tenths than the published ones.
    """
    fold = folds(table, N_FOLDS, seed)
    if seed == 0:
        _check_published(table, fold)
    split = table.assign(
        split=np.select([np.isin(fold, list(test)), np.isin(fold, list(val))], ["test", "val"], "train")
    )
    _give_each_part_every_class(split)
    if leaks := check_leaks(split):
        raise DataError(f"{leaks} lesions stand in several parts of the split; this is a bug, please report it")
    return _with_files(split)


def _give_each_part_every_class(split: pd.DataFrame) -> None:
    """Move a lesion out of the training part, in place, for each class that the test or the validation part lacks: of
    a class with fewer lesions than tenths some tenths have none. One lesion of each class stays."""
    lacking = [
        (part, dx)
        for part in ("test", "val")
        for dx in sorted(set(split["dx"]).difference(split["dx"][split["split"] == part]))
        if (split["split"] == part).any()
    ]
    if not lacking:
        return
    groups = lesion_groups(split)
    for part, dx in lacking:
        trained_on = sorted(set(groups[(split["dx"] == dx) & (split["split"] == "train")]))
        if len(trained_on) > 1:
            split.loc[groups == trained_on[0], "split"] = part


def _coarse_split(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """As the "lesion" split where no class has ten pictures: as many parts as the rarest class has lesions, of which
    one is tested on and one is for validation. `attrs["parts"]` says how many. No lesion is moved for the sake of a
    class that a part lacks.

    Raises:
        DataError: not even three.
    """
    lesions = lesion_groups(table).groupby(table["dx"]).nunique()
    if (parts := int(lesions.min())) < FEWEST:
        raise DataError(
            f"{lesions.idxmin()} has {counted(parts, 'lesion', 'lesions')}, and training, validation and test need "
            f"{FEWEST} of each class; add some. A finished model is measured on all pictures with `hfskin evaluate "
            "--split all`"
        )
    fold = folds(table, parts, seed)
    split = _with_files(table.assign(split=np.select([fold == 0, fold == 1], ["test", "val"], "train")))
    split.attrs["parts"] = parts
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


def folds(table: pd.DataFrame, n: int, seed: int = 0) -> np.ndarray:
    """The fold, 0 to n-1, of every row, grouped and stratified as the "lesion" split."""
    splitter = StratifiedGroupKFold(n_splits=n, shuffle=True, random_state=seed)
    fold = np.empty(len(table), dtype=int)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)  # see `lesion_split`
        for i, (_, rows) in enumerate(splitter.split(table, table["dx"], lesion_groups(table))):
            fold[rows] = i
    return fold


def _paper_split(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    table = table[table["age"].notna()].reset_index(drop=True)
    _, val = train_test_split(table.index, test_size=0.1, stratify=table["dx"], random_state=seed)
    return _with_files(table.assign(split=np.where(table.index.isin(val), "val", "train")))


def _with_files(table: pd.DataFrame) -> pd.DataFrame:
    """Comes last: a lesion's part must not change with the files that are there. A bare table (`read_table`) stays."""
    return table[table["path"].notna()].reset_index(drop=True) if "path" in table else table


def _check_published(table: pd.DataFrame, fold: np.ndarray) -> None:
    published = PUBLISHED.get(digest(table["image_id"], table["lesion_id"], table["dx"]))
    if published and digest(table["image_id"], fold.astype(str)) != published:
        raise DataError(
            f"scikit-learn {sklearn.__version__} splits HAM10000 otherwise than it was for the published models, which "
            "would be tested on pictures they were trained on; install scikit-learn 1.9.1"
        )


def digest(*columns: Iterable[str]) -> str:
    """Of the rows of some columns, the same whatever their order."""
    rows = sorted(zip(*columns, strict=True))
    return hashlib.blake2b("\n".join(map(" ".join, rows)).encode(), digest_size=16).hexdigest()
