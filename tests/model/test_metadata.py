import numpy as np
import pytest

from hfskin.model.labels import SEXES, SITES
from hfskin.model.metadata import (
    AGE_MEAN,
    AGE_STD,
    METADATA_SIZE,
    MetadataError,
    encode_metadata,
    missing_fields,
    parse_age,
    parse_sex,
    parse_site,
)


def test_vector_has_age_sex_and_site_in_their_columns():
    vector = encode_metadata(55, "male", "back")
    expected = np.zeros(METADATA_SIZE, dtype=np.float32)
    expected[0] = (55 - AGE_MEAN) / AGE_STD
    expected[1 + SEXES.index("male")] = 1
    expected[1 + len(SEXES) + SITES.index("back")] = 1
    np.testing.assert_array_equal(vector, expected)
    assert vector.shape == (1 + 3 + 15,)


@pytest.mark.parametrize("value", [None, float("nan"), np.float64("nan"), "", " ", "unknown", "N/A", "None"])
def test_missing_values_of_any_kind(value):
    np.testing.assert_array_equal(encode_metadata(value, value, value), encode_metadata())
    assert missing_fields(value, value, value) == ["age", "sex", "localization"]


@pytest.mark.parametrize("value", ["M", "m", "Male", " MALE ", "man"])
def test_sex_as_people_write_it(value):
    assert parse_sex(value) == "male"


@pytest.mark.parametrize("value", ["lower extremity", "Lower Extremity", "LOWER_EXTREMITY", "lower-extremity", "leg"])
def test_site_as_people_write_it(value):
    assert parse_site(value) == "lower extremity"


@pytest.mark.parametrize(("value", "site"), [("torso", "trunk"), ("head/neck", "unknown"), ("palms/soles", "acral")])
def test_sites_of_the_isic_archive(value, site):
    assert parse_site(value) == site


@pytest.mark.parametrize(
    ("field", "values", "named"),
    [
        ("age", {"age": -3}, "-3"),
        ("age", {"age": 300}, "300"),
        ("age", {"age": "abc"}, "'abc'"),
        ("age", {"age": float("inf")}, "inf"),
        ("sex", {"sex": "x"}, "'x'"),
        ("localization", {"localization": "moon"}, "'moon'"),
    ],
)
def test_what_is_not_understood_is_named(field, values, named):
    with pytest.raises(MetadataError, match=f"^{field}: ") as error:
        encode_metadata(**values)
    assert named in str(error.value)


def test_age_zero_is_an_age():
    assert parse_age("0") == 0.0
    assert missing_fields(0, "male", "back") == []
