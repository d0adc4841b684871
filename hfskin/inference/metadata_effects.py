"""What age, sex and site did to an answer: the Shapley value of each."""

from dataclasses import replace
from itertools import product
from math import factorial

from ..model.labels import shown_classes
from ..model.metadata import FIELDS, encode_metadata, missing_fields
from .base import LesionPipeline


def metadata_effects(
    pipeline: LesionPipeline, image, age=None, sex=None, localization=None
) -> dict[str, dict[str, float]]:
    """How much each known field moved the probability of each class, the picture being given.

    The Shapley value (Shapley 1953; Lundberg and Lee 2017): what a field adds, averaged over all orders in which the
    fields could become known; a field that is not yet known counts as unknown, which the model was trained with. Kernel
    SHAP estimates the same by sampling; with three fields all eight cases are computed, so these are exact.

    Args:
        image, age, sex, localization: as for the pipeline.

    Returns:
        By known field, then by class: the change of its probability. With the answer for the picture alone they add up
        to the answer.

    Raises:
        ImageError, MetadataError: as the pipeline.
    """
    prepared = pipeline.prepare(image, age, sex, localization)
    patient = dict(zip(FIELDS, prepared.patient, strict=True))
    unknown = missing_fields(*prepared.patient)
    known = [field for field in FIELDS if field not in unknown]
    if not known:
        return {}
    cases = list(product((False, True), repeat=len(known)))
    rows = []
    for case in cases:
        told = {field: patient[field] for field, is_told in zip(known, case, strict=True) if is_told}
        rows.append(replace(prepared, metadata=encode_metadata(**told)))
    answers = dict(zip(cases, pipeline.predict_prepared(rows), strict=True))
    classes = shown_classes(pipeline.config)
    effects = {field: dict.fromkeys(classes, 0.0) for field in known}
    for i, field in enumerate(known):
        for case in cases:
            if case[i]:
                continue
            weight = factorial(sum(case)) * factorial(len(known) - sum(case) - 1) / factorial(len(known))
            without, with_it = answers[case], answers[(*case[:i], True, *case[i + 1 :])]
            for dx in classes:
                effects[field][dx] += weight * (with_it.scores[dx] - without.scores[dx])
    return effects
