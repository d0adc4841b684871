"""Every word that people read of an answer and of the page: one file a language, all with the same names.

English stands in the code where a program reads it as well (warnings, error messages); `PIPELINE` translates those.
"""

import re
from functools import cache
from types import ModuleType

from . import en

LANGUAGES = {"en": en}


def words(language: str = "en") -> ModuleType:
    """The words of one of `LANGUAGES`; English for any other."""
    return LANGUAGES.get(language, en)


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
