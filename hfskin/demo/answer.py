"""Answers as HTML: what the model says, how sure it is, what to mind and what to do."""

from html import escape
from typing import TYPE_CHECKING

from ..inference.prediction import Prediction
from ..model.labels import DIAGNOSES, MALIGNANT
from . import text
from .example_lesions import Example

if TYPE_CHECKING:
    from ..model.configuration_hfskin import HfskinConfig

SHOWN = 3  # classes shown at once; the others unfold


def answer_html(
    prediction: Prediction,
    config: "HfskinConfig",
    example: Example | None,
    footer: str,
    effects: dict[str, dict[str, float]] | None = None,
) -> str:
    """The whole answer, with `metadata_effects` where there are any; for a refused picture only why and what to do."""
    if prediction.status == "refused":
        title = text.REFUSED.format(reason=prediction.warnings[0])
        parts = [
            f'<div class="verdict refused"><h2>{escape(title)}</h2><p>{escape(text.REFUSED_WHY)}</p></div>',
            _truth(example),
            _section(text.NEXT, f"<p>{escape(text.REFUSED_NEXT)}</p>"),
        ]
    else:
        warnings = [plain(warning) for warning in prediction.warnings]
        advice = text.NEXT_SUSPICIOUS if urgent(prediction) else text.NEXT_OTHER
        next_step = _section(text.NEXT, f"<p>{escape(advice)}</p>")
        verdict, classes = _verdict(prediction, config), _classes(prediction) + _prediction_set(prediction, config)
        classes += _effects(effects or {})
        parts = [
            *((classes, verdict, next_step) if prediction.suspicious is None else (verdict, next_step, classes)),
            _truth(example),
            _list_section(text.WARNINGS, [*warnings, text.POPULATION_NOTE, text.SKIN_NOTE]),
        ]
    return f'<div class="answer">{"".join(parts)}<p class="footer">{escape(footer)}</p></div>'


def empty_html() -> str:
    """What stands in the place of the answer before there is one."""
    points = "".join(f"<li>{escape(point)}</li>" for point in text.EMPTY_POINTS)
    return f'<div class="answer empty"><p>{escape(text.EMPTY)}</p><ul>{points}</ul></div>'


def failure_html(message: str, title: str = text.FAILED) -> str:
    """Why there is no answer."""
    words = f"<h2>{escape(title)}</h2><p>{escape(message)}</p>"
    return f'<div class="answer"><div class="verdict refused">{words}</div></div>'


def urgent(prediction: Prediction) -> bool:
    """Whether a dermatologist should look soon."""
    # Without a threshold, or with a high one, the likeliest class alone is reason enough.
    return bool(prediction.suspicious) or prediction.label in MALIGNANT


def percent(share: float) -> str:
    """A probability in words that neither promise nor exclude: never 0 % or 100 %."""
    if share < 0.01:
        return "under 1\u00a0%"
    return "over 99\u00a0%" if share > 0.99 else f"{100 * share:.0f}\u00a0%"


def threshold_percent(value: float) -> str:
    """A threshold with the digits that it has: 0.4 % must not read "under 1 %"."""
    return f"{100 * value:.2g}\u00a0%"


def plain(warning: str) -> str:
    """A warning of the pipeline with the page's name for the site."""
    return warning.replace("localization", text.SITE.lower())


def _verdict(prediction: Prediction, config) -> str:
    estimate = escape(text.MALIGNANT).format(share=f"<strong>{percent(prediction.malignant_probability)}</strong>")
    sentences = []
    if prediction.suspicious is None:
        kind, title = "unknown", text.NO_THRESHOLD
        sentences.append(text.WITHOUT_THRESHOLD)
    else:
        kind, title, relation = (
            ("high", text.SUSPICIOUS, text.ABOVE) if prediction.suspicious else ("low", text.NOT_SUSPICIOUS, text.BELOW)
        )
        sentences.append(relation.format(threshold=threshold_percent(config.malignant_threshold)))
        if config.malignant_sensitivity is not None:
            sentences.append(text.SENSITIVITY.format(share=percent(config.malignant_sensitivity)))
    meter = _meter(prediction.malignant_probability, config.malignant_threshold)
    words = f"<h2>{escape(title)}</h2><p>{estimate} {escape(' '.join(sentences))}</p>"
    return f'<div class="verdict {kind}">{words}{meter}</div>'


def _meter(share: float, threshold: float | None) -> str:
    """The estimate as a bar with a mark at the threshold; the words say the same, so that it is not read out."""
    mark = "" if threshold is None else f'<span class="mark" style="left:{100 * threshold:.1f}%"></span>'
    return (
        f'<div class="meter" aria-hidden="true"><span class="fill" style="width:{100 * share:.1f}%"></span>{mark}</div>'
    )


def _classes(prediction: Prediction) -> str:
    ranked = sorted(prediction.probabilities, key=prediction.probabilities.get, reverse=True)
    first = ranked[0]
    top = text.MOST_LIKELY.format(name=DIAGNOSES[first], share=percent(prediction.probabilities[first]))
    rows = [_bar(DIAGNOSES[code], prediction.probabilities[code]) for code in ranked]
    return _section(
        text.LIKELY,
        f'<p class="most-likely">{escape(top)}</p><ol class="classes">{"".join(rows[:SHOWN])}</ol>'
        f"<details><summary>{escape(text.OTHERS)}</summary>"
        f'<ol class="classes" start="{SHOWN + 1}">{"".join(rows[SHOWN:])}</ol></details>',
    )


def _bar(name: str, share: float) -> str:
    return (
        f'<li><span class="name">{escape(name)}</span><span class="share">{percent(share)}</span>'
        f'<span class="bar" aria-hidden="true"><span style="width:{100 * share:.1f}%"></span></span></li>'
    )


def _prediction_set(prediction: Prediction, config) -> str:
    if config.conformal_threshold is None:
        return ""
    names = ", ".join(DIAGNOSES[code] for code in prediction.prediction_set)
    everything = len(prediction.prediction_set) == len(DIAGNOSES)
    sentence = text.SET_OF_ALL if everything else text.SET.format(names=names)
    if config.conformal_coverage is not None:
        sentence += " " + text.SET_COVERAGE.format(share=percent(1 - config.conformal_coverage))
    return f'<p class="set">{escape(sentence)}</p>'


def _effects(effects: dict[str, dict[str, float]]) -> str:
    """How far each thing that is known of the patient moved the malignant probability."""
    if not effects:
        return ""
    moves = [
        text.EFFECT.format(name=text.FIELDS[field], points=_signed(100 * sum(by_class[c] for c in MALIGNANT)))
        for field, by_class in effects.items()
    ]
    return f'<p class="effects">{escape(text.EFFECTS.format(moves=", ".join(moves)))}</p>'


def _signed(points: float) -> str:
    """Whole points with their sign; nothing is neither more nor less."""
    whole = round(points)
    return f"{whole:+d}" if whole else "0"


def _truth(example: Example | None) -> str:
    if example is None:
        return ""
    how = text.TRUTH_HOW.get(example.dx_type, example.dx_type)
    return f'<p class="truth">{escape(text.TRUTH.format(name=DIAGNOSES[example.dx], how=how))}</p>'


def _section(title: str, body: str) -> str:
    return f"<section><h3>{escape(title)}</h3>{body}</section>"


def _list_section(title: str, sentences: list[str]) -> str:
    if not sentences:
        return ""
    items = "".join(f"<li>{escape(sentence[:1].upper() + sentence[1:].rstrip('.'))}.</li>" for sentence in sentences)
    return _section(title, f'<ul class="warnings">{items}</ul>')
