"""From a prediction to what a person can act on: one word, one number, one line, what to do."""

import math
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from ...model.labels import malignant_classes
from ..prediction import REFUSED_BLURRED, REFUSED_FROM_SCREEN, Prediction


@dataclass(frozen=True)
class Verdict:
    """
    Attributes:
        kind: "suspicious", "calm", "unsure", "open" (no threshold to compare with) or "refused".
        word: the same in a word for people.
        number: how many of 100 such lesions are malignant; "" where the picture is refused, or no class counts as
            malignant.
        lines: plain sentences, the most important one first.
        todo: what to do.
    """

    kind: str
    word: str
    number: str
    lines: list[str]
    todo: str


def verdict(prediction: Prediction, config: Any, text: ModuleType) -> Verdict:
    """
    Args:
        config: the checkpoint's calibration, as a pipeline has it.
        text: the language's words, see `hfskin.words`.
    """
    if prediction.status == "refused":
        unclear = prediction.warnings[0] in (REFUSED_BLURRED, REFUSED_FROM_SCREEN)
        why, todo = (text.UNCLEAR_WHY, text.UNCLEAR_NEXT) if unclear else (text.REFUSED_WHY, text.REFUSED_NEXT)
        return Verdict("refused", text.NO_ANSWER, "", [why], todo)
    lines = [text.UNUSUAL] if prediction.status == "unusual" else []
    if prediction.malignant_probability is None:
        likeliest = named(prediction.label, text)
        return Verdict("open", likeliest[:1].upper() + likeliest[1:], "", [*lines, text.NO_NUMBER], text.NEXT_OTHER)
    kind = _kind(prediction, config)
    word = {"suspicious": text.SUSPICIOUS, "calm": text.CALM, "unsure": text.UNSURE, "open": text.OPEN}[kind]
    if kind == "suspicious":
        lines.append(text.RULES_OUT_NOT.format(names=listed(not_ruled_out(prediction, config), text)))
    if kind == "calm":
        lines.append(text.NO_ALL_CLEAR)
    number = of_100(prediction, text)
    lines.append(_line(number, config, text))
    if kind in ("calm", "unsure") and config.malignant_sensitivity is not None:
        lines.append(text.MISSED.format(share=f"{100 * (1 - config.malignant_sensitivity):.0f}"))
    if kind == "suspicious" and prediction.suspicious is False:
        lines.append(text.BELOW_ALL_THE_SAME.format(name=named(prediction.label, text)))
    return Verdict(kind, word, number, lines, _todo(kind, prediction, config, text))


def urgent(prediction: Prediction, config: Any) -> bool:
    """Whether a dermatologist should look soon."""
    # Without a threshold, or with a high one, the likeliest class alone is reason enough.
    return bool(prediction.suspicious) or prediction.label in malignant_classes(config)


def not_ruled_out(prediction: Prediction, config: Any) -> list[str]:
    """The malignant classes of the prediction set; where it has none, the most probable malignant one."""
    malignant = malignant_classes(config)
    inside = [code for code in prediction.prediction_set or () if code in malignant]
    return inside or [max(malignant, key=prediction.scores.__getitem__)]


def of_100(prediction: Prediction, text: ModuleType) -> str:
    """The malignant probability as a whole number of 100, which never says none or all.

    Rounded up for an alarm and down for none, as the threshold is rounded up: so the numbers shown never contradict it.
    """
    share = 100 * prediction.malignant_probability
    if share < 1 and not prediction.suspicious:
        return text.UNDER.format(number=1)
    if share > 99:
        return text.OVER.format(number=99)
    return str(math.ceil(share) if prediction.suspicious else math.floor(share))


def threshold_of_100(threshold: float) -> str:
    """The alarm threshold, beside `of_100`."""
    return str(math.ceil(100 * threshold))


def percent(share: float, text: ModuleType) -> str:
    """A probability in words that neither promise nor exclude: never 0 % or 100 %."""
    if share < 0.01:
        return text.UNDER.format(number="1\u00a0%")
    return text.OVER.format(number="99\u00a0%") if share > 0.99 else f"{100 * share:.0f}\u00a0%"


def named(code: str | None, text: ModuleType) -> str:
    """The plain name of a class; of a checkpoint with other classes, what it calls it itself."""
    return text.DIAGNOSES.get(code, code or "")


def listed(codes: list[str], text: ModuleType) -> str:
    """The names of these classes as one enumeration: "melanoma, basal cell carcinoma or dermatofibroma"."""
    *first, last = [named(code, text) for code in codes]
    return f"{', '.join(first)} {text.OR} {last}" if first else last


def _kind(prediction: Prediction, config: Any) -> str:
    if urgent(prediction, config):
        return "suspicious"
    if prediction.status == "unusual":
        return "unsure"
    return "open" if prediction.suspicious is None else "calm"


def _todo(kind: str, prediction: Prediction, config: Any, text: ModuleType) -> str:
    if kind == "suspicious":
        return text.NEXT_SUSPICIOUS
    threshold = config.malignant_threshold
    near = threshold is not None and prediction.malignant_probability >= threshold / 2
    return text.NEXT_NEAR if near else text.NEXT_OTHER


def _line(number: str, config: Any, text: ModuleType) -> str:
    if config.malignant_threshold is None:
        alarm = text.WITHOUT_THRESHOLD
    else:
        alarm = text.ALARM_STARTS.format(threshold=threshold_of_100(config.malignant_threshold))
    said = text.NUMBER_ONE if number == "1" else text.NUMBER.format(number=number)
    return f"{said}; {alarm}."
