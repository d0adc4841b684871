"""Every word that people read of an answer and of the page: one file a language, all with the same names.

English stands in the code where a program reads it as well (warnings, error messages); `PIPELINE` translates those.
"""

import re
from functools import cache
from types import ModuleType

from . import de, en, es, vi

LANGUAGES = {"en": en, "de": de, "es": es, "vi": vi}
# What only programs are told, and what becomes of files that are no pictures: in English, as the rows of the CSV are.
ENGLISH_ONLY = (
    "NOT_TAKEN",
    "NOT_OFFERED",
    "FOREIGN",
    "TOO_MUCH",
    "TOO_SLOW",
    "NOT_A_FILE",
    "NO_ROOM",
    "NOT_A_PICTURE",
    "ZIP_BROKEN",
    "ZIP_TOO_MANY",
    "ZIP_OVERLAPS",
    "ZIP_LINK",
    "ZIP_SUM",
    "ZIP_ENCRYPTED",
    "ZIP_METHOD",
    "ZIP_TWICE",
    "ZIP_CLIMBS",
    "ZIP_TOO_LARGE",
    "TABLE_TOO_LARGE",
    "TABLE_TOO_LONG",
    "TOO_MANY_FILES",
    "TOO_MANY",
    "CHECKPOINT_NOT_LISTED",
    "CHECKPOINT_IS_ONNX",
    "CHECKPOINT_EMBEDDED",
    "API",
)


def words(language: str = "en") -> ModuleType:
    """The words of one of `LANGUAGES`; English for any other."""
    return LANGUAGES.get(language, en)


def best(accepted: str) -> str:
    """The language of a browser's Accept-Language header that there are words in; English where there is none.

    Args:
        accepted: as in "de-AT,de;q=0.8,en;q=0.5".
    """
    wishes = []
    for place, wish in enumerate(accepted.split(",")[:20]):
        name, _, weight = wish.replace(" ", "").lower().partition(";q=")
        try:
            if (share := float(weight or 1)) > 0:  # 0 is what the browser does not want
                wishes.append((-share, place, name.partition("-")[0]))
        except ValueError:
            continue
    return next((name for _, _, name in sorted(wishes) if name in LANGUAGES), "en")


def in_words(sentence: str, text: ModuleType) -> str:
    """A warning or message of the pipeline in the language of `text`; as it is where that has no words for it."""
    for pattern, translation in _patterns(text):
        if match := pattern.fullmatch(sentence):
            return translation.format(
                **{name: text.FIELDS.get(value, value) for name, value in match.groupdict().items()}
            )
    return sentence


@cache
def _patterns(text: ModuleType) -> list[tuple[re.Pattern, str]]:
    return [(_pattern(template), translation) for template, translation in text.PIPELINE.items()]


def _pattern(template: str) -> re.Pattern:
    """A template such as "{name}: no such file" as a pattern with named groups."""
    parts = re.split(r"\{(\w+)\}", template)
    return re.compile("".join(f"(?P<{part}>.+?)" if i % 2 else re.escape(part) for i, part in enumerate(parts)))
