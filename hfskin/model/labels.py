"""The seven classes of HAM10000, the sexes and the sites. Their order is defined here and nowhere else.

A checkpoint may have other classes, or these in another order: its configuration decides, by the functions below.
"""

from typing import Any

CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")

DIAGNOSES = {
    "akiec": "actinic keratosis / Bowen's disease",
    "bcc": "basal cell carcinoma",
    "bkl": "benign keratosis-like lesion",
    "df": "dermatofibroma",
    "mel": "melanoma",
    "nv": "melanocytic nevus (common mole)",
    "vasc": "vascular lesion",
}

# Cancers and their precursors: `malignant_probability` is the sum over these.
MALIGNANT = ("akiec", "bcc", "mel")
_ALSO_MALIGNANT = ("ak", "scc", "malignant")  # of other data sets: ISIC 2019's two, and the plain word

UNKNOWN = "unknown"

SEXES = ("female", "male", UNKNOWN)

SITES = (
    "abdomen", "acral", "back", "chest", "ear", "face", "foot", "genital",
    "hand", "lower extremity", "neck", "scalp", "trunk", UNKNOWN, "upper extremity",
)  # fmt: skip


def class_names(config: Any) -> tuple[str, ...]:
    """A checkpoint's classes in the order of its logits. `config` is a [`HfskinConfig`] or has the same fields."""
    return tuple(config.id2label[i] for i in range(len(config.id2label)))


def shown_classes(config: Any) -> tuple[str, ...]:
    """A checkpoint's classes in the order of its answers: the seven in the order of `CLASSES`, others as they are."""
    names = class_names(config)
    return CLASSES if sorted(names) == sorted(CLASSES) else names


def malignant_classes(config: Any) -> tuple[str, ...]:
    """The classes that count as malignant: those of `malignant_labels`, else those whose names are known for it.

    Where there are none, a checkpoint's answers have no malignant probability.
    """
    if config.malignant_labels is not None:
        return tuple(name for name in shown_classes(config) if name in config.malignant_labels)
    return tuple(name for name in shown_classes(config) if name.lower() in (*MALIGNANT, *_ALSO_MALIGNANT))
