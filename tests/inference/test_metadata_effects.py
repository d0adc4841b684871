import pytest

import hfskin
from hfskin.inference.metadata_effects import metadata_effects

PATIENT = {"age": 80, "sex": "male", "localization": "face"}


def test_effects_add_up_to_the_answer(embedded, lesion_path):
    effects = metadata_effects(embedded, lesion_path, **PATIENT)
    alone, answer = embedded(lesion_path), embedded(lesion_path, **PATIENT)
    assert list(effects) == ["age", "sex", "localization"]
    for dx in hfskin.CLASSES:
        moved = sum(effect[dx] for effect in effects.values())
        assert alone.probabilities[dx] + moved == pytest.approx(answer.probabilities[dx], abs=1e-6)
    assert max(abs(value) for value in effects["age"].values()) > 1e-3


def test_only_known_fields_have_an_effect(embedded, lesion_path):
    effects = metadata_effects(embedded, lesion_path, age=80, sex="unknown")
    with_age, alone = embedded(lesion_path, age=80), embedded(lesion_path)
    assert list(effects) == ["age"]
    assert effects["age"]["nv"] == pytest.approx(with_age.probabilities["nv"] - alone.probabilities["nv"], abs=1e-6)
    assert metadata_effects(embedded, lesion_path) == {}


def test_a_value_that_is_not_understood_is_named(embedded, lesion_path):
    with pytest.raises(hfskin.MetadataError, match="localization"):
        metadata_effects(embedded, lesion_path, localization="elbow pit")
