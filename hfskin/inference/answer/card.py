"""An answer as HTML. One set of templates for the page, for a notebook and for the page that is printed."""

from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2

from ...model.labels import malignant_classes
from ...words import en, in_words
from ..prediction import UNUSUAL, Prediction
from .verdict import listed, named, percent, threshold_of_100, verdict

FOLDER = Path(__file__).parent
STYLE = FOLDER / "card.css"
_UNKNOWN_FIELDS = " unknown: the answer rests more on the picture alone"  # the patient's line says so already


def card(
    prediction: Prediction,
    config: Any,
    text: ModuleType = en,
    patient: tuple | None = None,
    thumbnail: str = "",
    truth: str = "",
    effects: dict[str, dict[str, float]] | None = None,
    footer: str = "",
    peek: bool = False,
    details: bool = True,
    elsewhere: str = "",
) -> str:
    """An answer: the verdict, what to do, and everything else folded away.

    Args:
        config: the checkpoint's calibration, as a pipeline has it.
        text: the language's words, see `hfskin.words`.
        patient: for whom it was answered: age in years or None, sex and site by the names of `hfskin.model.labels`.
        thumbnail: the picture as a data: address.
        truth: what is known of an example.
        effects: of `metadata_effects`.
        footer: what answered.
        details: with what is folded away.
        elsewhere: how many it missed on other clinics' pictures, which is said where there is no alarm.
        peek: with a link to the answer, which the page shows while the answer is out of sight.
    """
    facts = answer_facts(prediction, config, text, patient, effects)
    return template("card.html").render(
        facts, thumbnail=thumbnail, truth=truth, footer=footer, peek=peek, folded=details, elsewhere=elsewhere
    )


def answer_facts(
    prediction: Prediction,
    config: Any,
    text: ModuleType,
    patient: tuple | None = None,
    effects: dict[str, dict[str, float]] | None = None,
) -> dict[str, Any]:
    """What the templates say of an answer."""
    refused, malignant = prediction.status == "refused", prediction.malignant_probability
    threshold = config.malignant_threshold
    return {
        "text": text,
        "verdict": verdict(prediction, config, text),
        "patient": "" if patient is None else patient_words(patient, text),
        "warnings": [] if refused else _warnings(prediction, text, patient),
        "share": None if malignant is None else round(100 * malignant, 1),
        "mark": None if threshold is None else round(100 * threshold, 1),
        "threshold": None if threshold is None else threshold_of_100(threshold),
        "classes": [] if refused else _classes(prediction, text),
        "details": [] if refused else _details(prediction, config, text, effects or {}),
    }


def patient_words(patient: tuple, text: ModuleType) -> str:
    """Age, sex and site in words, what is not known too."""
    age, sex, site = patient
    values = (
        (text.AGE, text.SEXES["unknown"] if age is None else text.YEARS.format(age=f"{age:g}")),
        (text.SEX, text.SEXES[sex or "unknown"]),
        (text.SITE, text.SITES[site or "unknown"]),
    )
    return " · ".join(text.PATIENT.format(field=field, value=value) for field, value in values)


def sentence(words: str) -> str:
    """A warning as a sentence of its own."""
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."


@cache
def template(name: str) -> jinja2.Template:
    """One of this folder's."""
    loader = jinja2.FileSystemLoader(FOLDER)
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True).get_template(name)


def _warnings(prediction: Prediction, text: ModuleType, patient: tuple | None) -> list[str]:
    said = [w for w in prediction.warnings if patient is None or not w.endswith(_UNKNOWN_FIELDS)]
    said = [w for w in said if w != UNUSUAL]  # the verdict says so
    return [sentence(in_words(warning, text)) for warning in said]


def _classes(prediction: Prediction, text: ModuleType) -> list[dict[str, Any]]:
    ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
    return [
        {
            "name": named(code, text),
            "percent": percent(share, text),
            "share": round(100 * share, 1),
            "about": text.ABOUT_DIAGNOSES.get(code, ""),
        }
        for code, share in ranked
    ]


def _details(prediction: Prediction, config: Any, text: ModuleType, effects: dict) -> list[str]:
    said = []
    if config.conformal_threshold is not None:
        everything = len(prediction.prediction_set) == len(prediction.probabilities)
        candidates = text.SET.format(names=listed(prediction.prediction_set, text))
        said.append(text.SET_OF_ALL if everything else candidates)
        if config.conformal_coverage is not None:
            said[-1] += " " + text.SET_COVERAGE.format(share=percent(1 - config.conformal_coverage, text))
    if malignant := malignant_classes(config):
        if effects:
            moves = (
                text.EFFECT.format(name=text.FIELDS[field], points=_signed(100 * sum(by_class[c] for c in malignant)))
                for field, by_class in effects.items()
            )
            said.append(text.EFFECTS.format(moves=", ".join(moves)))
        said.append(text.MALIGNANT.format(names=listed(list(malignant), text)))
    if config.malignant_threshold is not None and config.malignant_sensitivity is not None:
        reached = percent(config.malignant_sensitivity, text)
        threshold = threshold_of_100(config.malignant_threshold)
        said += [text.SENSITIVITY.format(threshold=threshold, share=reached), text.NOT_HARMLESS]
    return [*said, text.POPULATION_NOTE]


def _signed(points: float) -> str:
    """Whole points with their sign; nothing is neither more nor less."""
    whole = round(points)
    return f"{whole:+d}" if whole else "0"
