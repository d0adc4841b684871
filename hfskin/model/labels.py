"""The seven classes of HAM10000, the sexes and the sites. Their order is defined here and nowhere else."""

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

UNKNOWN = "unknown"

SEXES = ("female", "male", UNKNOWN)

SITES = (
    "abdomen", "acral", "back", "chest", "ear", "face", "foot", "genital",
    "hand", "lower extremity", "neck", "scalp", "trunk", UNKNOWN, "upper extremity",
)  # fmt: skip
