"""What other collections call our seven classes, and which classes a table is of."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np

from ..model.labels import CLASSES

# Columns of ISIC ground truth with one 1.0 a row, 2018's and 2019's; the last two are classes that we do not have.
ONE_HOT = {
    "mel": "mel", "nv": "nv", "bcc": "bcc", "akiec": "akiec", "ak": "akiec", "bkl": "bkl", "df": "df", "vasc": "vasc",
    "scc": "scc", "unk": "unk",
}  # fmt: skip
_SYNONYMS = {
    "actinic keratosis": "akiec", "solar or actinic keratosis": "akiec", "bowen's disease": "akiec",
    "ak": "akiec", "ack": "akiec", "squamous cell carcinoma in situ": "akiec", "intraepithelial carcinoma": "akiec",
    "basal cell carcinoma": "bcc",
    "seborrheic keratosis": "bkl", "sek": "bkl", "lichenoid keratosis": "bkl", "lichen planus like keratosis": "bkl",
    "solar lentigo": "bkl", "pigmented benign keratosis": "bkl", "benign keratosis": "bkl",
    "dermatofibroma": "df",
    "melanoma": "mel", "melanoma nos": "mel", "melanoma in situ": "mel", "melanoma invasive": "mel",
    "nevus": "nv", "naevus": "nv", "nev": "nv", "melanocytic nevus": "nv", "melanocytic nevi": "nv",
    "vascular lesion": "vasc", "hemangioma": "vasc", "angioma": "vasc", "angiokeratoma": "vasc",
    "pyogenic granuloma": "vasc",
    "squamous cell carcinoma": "scc", "squamous cell carcinoma invasive": "scc",
}  # fmt: skip
_MISSING = {"", "unk", "unknown"}
# Said in good faith: who asks for other classes leaves these out.
_KNOWN = {*CLASSES, *_MISSING, "scc", "other", "benign", "malignant", "indeterminate"}


def diagnosis_code(text: str, classes: Sequence[str] = CLASSES) -> str | None:
    """The one of the classes that a diagnosis names, by its own name or by a synonym; None where it is none of them."""
    known, plain = _by_name(tuple(classes)), _plain(text)
    return known.get(plain) or known.get(_canonical(plain))


def is_known(text: str) -> bool:
    """Whether a diagnosis is one that collections hold, or missing: anything else may be a slip."""
    return _canonical(_plain(text)) in _KNOWN


def classes_among(diagnoses: Iterable[str], usual: Sequence[str] = CLASSES) -> tuple[str, ...]:
    """The classes of a table that does not say which it is of: the usual ones where it holds any of them, else its own
    diagnoses by name. One alone is no task: then they are the usual ones too."""
    own = {_plain(text): text for text in diagnoses if _plain(text) not in _MISSING}
    if len(own) < 2 or any(diagnosis_code(text, usual) for text in own):
        return tuple(usual)
    return tuple(sorted(own.values()))


def class_indices(diagnoses: Iterable[str], classes: Sequence[str]) -> np.ndarray:
    """The index of each diagnosis among the classes: (N,) int.

    Raises:
        ValueError: one is none of them.
    """
    index = {name: i for i, name in enumerate(classes)}
    try:
        return np.array([index[dx] for dx in diagnoses], dtype=int)
    except KeyError as error:
        raise ValueError(f"the table holds {error}, which is none of the classes: {', '.join(classes)}") from None


@cache
def _by_name(classes: tuple[str, ...]) -> Mapping[str, str]:
    """Each class by its own plain name, and by what the name stands for where no other class is called so."""
    return {_canonical(_plain(name)): name for name in classes} | {_plain(name): name for name in classes}


def _canonical(plain: str) -> str:
    return _SYNONYMS.get(plain, plain)


def _plain(text: str) -> str:
    return " ".join(text.lower().replace(",", " ").replace("-", " ").replace("_", " ").split())
