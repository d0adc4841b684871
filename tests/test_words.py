"""Every language says everything, with the same values in it, and a browser gets its own."""

import re
from string import Formatter

import pytest

from hfskin.model.labels import CLASSES, DIAGNOSES, SEXES, SITES
from hfskin.words import ENGLISH_ONLY, LANGUAGES, best, en, in_words, words

OTHERS = [text for text in LANGUAGES.values() if text is not en]


def names(text) -> set[str]:
    return {name for name in vars(text) if name.isupper() and not name.startswith("_")}


def strings(value):
    """All sentences in a constant."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from strings(value[key])
    else:
        for part in value:
            yield from strings(part)


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


@pytest.mark.parametrize("text", OTHERS, ids=lambda text: text.LANGUAGE)
def test_a_language_is_complete(text):
    assert names(text) == names(en) - set(ENGLISH_ONLY)
    for name in names(text):
        ours, theirs = getattr(en, name), getattr(text, name)
        assert type(ours) is type(theirs), name
        if isinstance(ours, dict):
            assert ours.keys() == theirs.keys(), name
        pairs = list(zip(strings(ours), strings(theirs), strict=True))
        assert all(fields(a) == fields(b) for a, b in pairs), name
        assert all(said.strip() for _, said in pairs), name


@pytest.mark.parametrize("text", LANGUAGES.values(), ids=lambda text: text.LANGUAGE)
def test_every_class_sex_and_site_has_its_words(text):
    assert set(text.DIAGNOSES) == set(text.ABOUT_DIAGNOSES) == set(CLASSES)
    assert set(text.SEXES) == set(SEXES)
    assert set(text.SITES) == set(SITES)
    assert len(set(text.DIAGNOSES.values())) == len(CLASSES)


def test_english_names_are_those_of_the_code():
    assert en.DIAGNOSES == DIAGNOSES


def test_the_pipelines_warnings_are_translated(embedded, lesion_path):
    import numpy as np

    grey = np.full((100, 120, 4), 128, np.uint8)
    warnings = [*embedded(grey, age=30).warnings, *embedded(lesion_path).warnings]
    assert len(warnings) > 4
    for text in OTHERS:
        untold = [w for w in warnings if in_words(w, text) == w and not w.startswith("this ")]
        assert untold == [], text.LANGUAGE
    said = in_words("age, localization unknown: the answer rests more on the picture alone", words("de"))
    assert said.startswith("Alter, Körperstelle nicht bekannt")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-AT,de;q=0.8,en;q=0.5", "de"),
        ("fr,es;q=0.9,en;q=0.8", "es"),
        ("en,de;q=0.9", "en"),
        ("vi", "vi"),
        ("fr", "en"),
        ("", "en"),
        ("de;q=zero,*;q=0.1", "en"),
        ("de; q=0.8, en; q=0.5", "de"),
        ("fr, DE;Q=0", "en"),
    ],
)
def test_the_browsers_first_wish_that_there_are_words_in(accepted, language):
    assert best(accepted) == language


def test_no_language_promises_or_excludes_in_the_verdict():
    for text in LANGUAGES.values():
        assert not re.search(r"\b(harmless|gutartig|benigna|lành tính)\b", text.CALM, re.IGNORECASE)
