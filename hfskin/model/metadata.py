"""Age, sex and site of a patient as the vector that the model reads."""

import math
import re
import unicodedata
from collections.abc import Callable

import numpy as np

from .labels import SEXES, SITES, UNKNOWN
from .site_words import site_in_words

# Over the 9,958 rows of HAM10000 that have an age (years).
AGE_MEAN, AGE_STD = 51.86, 16.97
AGE_RANGE = (0, 120)
# Few of the young have a malignant lesion, so a network that is told the age misses more of theirs
# (docs/cross_validation.md). Below this age, in years, the answer without the age counts where it is more cautious.
YOUNG = 45

LONGEST_SHOWN = 60  # characters of a value in a message

FIELDS = ("age", "sex", "localization")  # what may be known of a patient
Patient = tuple[object, object, object]  # the values of FIELDS, as given
UNKNOWN_PATIENT: Patient = (None, None, None)

METADATA_SIZE = 1 + len(SEXES) + len(SITES)

_MISSING = {
    "", "nan", "none", "null", "na", "n/a", "#n/a", "?", "-", "--", ".", UNKNOWN, "not known", "prefer not to say",
    "unbekannt", "keine angabe", "desconocido", "desconocida", "inconnu", "inconnue", "không rõ",
}  # fmt: skip
_SEX_SYNONYMS = {
    **dict.fromkeys(
        ("m", "man", "männlich", "mann", "hombre", "masculino", "homme", "masculin", "mężczyzna", "nam"), "male"
    ),
    **dict.fromkeys(
        ("f", "woman", "w", "weiblich", "frau", "mujer", "femenino", "femme", "féminin", "kobieta", "nữ"), "female"
    ),
}
_SITE_SYNONYMS = {
    "genital areas": "genital", "oral/genital": "genital", "palms/soles": "acral", "head": "face",
    "head/neck": UNKNOWN,  # the archive's; it may be any of face, scalp, ear and neck
}  # fmt: skip


class MetadataError(ValueError):
    """A metadata value that cannot be understood; the message names the field, the value and what is accepted."""


def parse_age(value) -> float | None:
    """Age in years, or None where it is missing (None, NaN, "", "unknown").

    Understood too: "85+", "50-55" (its middle), "55,5", "55 years", and DICOM's "055Y" and "018M".

    Raises:
        MetadataError: not a number, or outside 0 to 120 years.
    """
    if _is_missing(value):
        return None
    try:
        age = math.nan if isinstance(value, bool | np.bool_) else float(value)
    except (TypeError, ValueError):
        age = _age_in_words(_as_text(value))
    except OverflowError:  # an int beyond all floats
        age = math.inf
    if math.isnan(age):
        raise MetadataError(f"age: {_shown(value)} is not a number; give years (0 to 120) or leave it empty")
    if not AGE_RANGE[0] <= age <= AGE_RANGE[1]:
        raise MetadataError(f"age: {age:g} is outside 0 to 120 years")
    return age


def _age_in_words(text: str) -> float:
    """Years, or NaN."""
    text = text.strip().lower()
    if found := re.fullmatch(r"(\d{1,3}) ?(?:-|\u2013|to) ?(\d{1,3})(?: years)?", text):
        return (int(found[1]) + int(found[2])) / 2
    if re.fullmatch(r"\d{1,3},\d{3}", text):  # thousands, which no age has
        return math.nan
    if found := re.fullmatch(r"[>\u2265]?=? ?(\d{1,3}(?:[.,]\d{1,9})?) ?(\+|y|yo|yrs?\.?|years?|years old)?", text):
        return float(found[1].replace(",", "."))
    if found := re.fullmatch(r"(\d{3})([mwd])", text):  # as DICOM writes months, weeks and days
        return int(found[1]) / {"m": 12, "w": 52, "d": 365}[found[2]]
    return math.nan


def parse_sex(value) -> str:
    """One of `SEXES`; "unknown" where it is missing. Accepts "M", "Male", "f", ..."""
    return _parse_category("sex", value, SEXES, _SEX_SYNONYMS)


def parse_site(value) -> str:
    """One of `SITES`; "unknown" where it is missing.

    Accepts any case, "_" or "-" for a space, and what `site_words` knows, as "left forearm".
    """
    return _parse_category("localization", value, SITES, _SITE_SYNONYMS, site_in_words)


def encode_metadata(age=None, sex=None, localization=None) -> np.ndarray:
    """The metadata vector of one patient (paper, section 2.2.1): float32 of shape (19,).

    Column 0 is the age, normalised with HAM10000's mean and standard deviation; a missing age is 0, the mean. Then the
    one-hot sex and the one-hot site, where "unknown" is a category of its own.
    """
    age, sex, site = parse_age(age), parse_sex(sex), parse_site(localization)
    vector = np.zeros(METADATA_SIZE, dtype=np.float32)
    if age is not None:
        vector[0] = (age - AGE_MEAN) / AGE_STD
    vector[1 + SEXES.index(sex)] = 1
    vector[1 + len(SEXES) + SITES.index(site)] = 1
    return vector


def without_age(metadata: np.ndarray) -> np.ndarray:
    """Vectors (..., 19) of the same patients as if their age were unknown."""
    ageless = metadata.copy()
    ageless[..., 0] = 0
    return ageless


def is_young(metadata: np.ndarray) -> np.ndarray:
    """(..., 19) -> (...) bool: the age is known and below `YOUNG`. Of an unknown one, the vector holds the mean age."""
    return metadata[..., 0] < (YOUNG - AGE_MEAN) / AGE_STD - 1e-6


def age_note(value) -> str | None:
    """What an age that is no plain number was taken for."""
    if _is_missing(value) or not isinstance(value, str):
        return None
    try:
        float(value)
    except ValueError:
        return f"age {_shown(value)} is taken as {parse_age(value):g} years"
    return None


def understood(
    age=None, sex=None, localization=None
) -> tuple[tuple[float | None, str | None, str | None], dict[str, str]]:
    """What can be used of a patient: age, sex and localization, each None where it is not understood; and by the name
    of such a field the message about it. For where a wrong value must not cost the answer."""
    values: list = []
    wrong: dict[str, str] = {}
    given = zip(FIELDS, (parse_age, parse_sex, parse_site), (age, sex, localization), strict=True)
    for field, parse, value in given:
        try:
            values.append(parse(value))
        except MetadataError as error:
            values.append(None)
            wrong[field] = str(error)
    return (values[0], values[1], values[2]), wrong


def missing_fields(age=None, sex=None, localization=None) -> list[str]:
    """The names of the fields that are unknown."""
    is_unknown = parse_age(age) is None, parse_sex(sex) == UNKNOWN, parse_site(localization) == UNKNOWN
    return [field for field, unknown in zip(FIELDS, is_unknown, strict=True) if unknown]


def _is_missing(value) -> bool:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return unicodedata.normalize("NFC", _as_text(value)).strip().lower() in _MISSING | {"<na>", "nat"}


def _parse_category(
    field: str,
    value,
    categories: tuple[str, ...],
    synonyms: dict[str, str],
    in_words: Callable[[str], str | None] = lambda text: None,
) -> str:
    if _is_missing(value):
        return UNKNOWN
    composed = unicodedata.normalize("NFC", _as_text(value)).lower()
    text = " ".join(composed.replace("_", " ").replace("-", " ").split())
    with_slash = re.sub(r" ?/ ?| (?:and|or|&) ", "/", text)
    for name in (text, with_slash, text.replace(" ", "/")):
        if (name := synonyms.get(name, name)) in categories:
            return name
    if found := in_words(text):
        return found
    raise MetadataError(f"{field}: {_shown(value)} is not known; use one of: {', '.join(categories)}")


def _as_text(value) -> str:
    try:
        return str(value)
    except ValueError:  # Python writes no int of more than 4,300 digits
        return "a number of thousands of digits"


def _shown(value) -> str:
    """A value for a message: in one line, and cut where it is long."""
    text = repr(value) if isinstance(value, str | bytes) else " ".join(_as_text(value).split())
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
