"""What other collections call our seven classes."""

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
}  # fmt: skip
# Said in good faith, and none of the seven.
OTHERS = {
    "scc", "squamous cell carcinoma", "squamous cell carcinoma invasive", "unk", "unknown", "other", "benign",
    "malignant", "indeterminate", "",
}  # fmt: skip


def diagnosis_code(text: str) -> str | None:
    """One of `CLASSES`, or None where it is none of them."""
    text = _plain(text)
    return text if text in CLASSES else _SYNONYMS.get(text)


def is_other(text: str) -> bool:
    """Whether a diagnosis is known to be none of the seven, or missing."""
    return _plain(text) in OTHERS


def _plain(text: str) -> str:
    return " ".join(text.lower().replace(",", " ").replace("-", " ").replace("_", " ").split())
