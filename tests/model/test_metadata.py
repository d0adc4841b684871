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


IN_WORDS = {
    "abdomen": "lower belly; Bauch, rechts; vientre; bụng",
    "acral": "sole of the left foot; hand, palm; rechte Fußsohle; Fusssohle; plante du pied; planta del pie; "
    "lòng bàn tay",
    "back": "Rücken; Ruecken; RUCKEN; R\u0075\u0308cken; espalda; dos; lưng; upper back (left); trunk, back; "
    "posterior trunk",
    "chest": "Brust li.; pecho; ngực",
    "ear": "l'oreille droite; left ear; tai trái",
    "face": "tip of the nose; upper lip; Wange; côté gauche du visage; cara; mặt",
    "foot": "Großzehe; dedo del pie; dos du pied; lower extremity, foot",
    "hand": "back of the hand; dorso de la mano derecha; Handrücken; mu bàn tay phải",
    "lower extremity": "back of the left knee; LLE; face interne de la cuisse; cara interna del muslo; đùi",
    "neck": "nuque; Hals; posterior neck",
    "scalp": "scalp, right; Kopfhaut; cuero cabelludo; da đầu",
    "upper extremity": "left forearm; Left  Forearm.; linker Unterarm; avant-bras gauche; antebrazo; cánh tay",
    "unknown": "unbekannt; không rõ",
}


def test_sites_in_words_and_other_languages():
    read = {text: (site, parse_site(text)) for site, texts in IN_WORDS.items() for text in texts.split("; ")}
    assert not {text: sites for text, sites in read.items() if sites[0] != sites[1]}


SEVERAL = (
    "shoulder; behind the ear; under the chin; left arm and hand; back, chest; back of the head; not the back; lung; "
    "tay; dedo; left; hand/arm"
)


@pytest.mark.parametrize("text", [*SEVERAL.split("; "), "left " * 50_000 + "arm"])
def test_a_site_that_may_be_several_is_none(text):
    with pytest.raises(MetadataError, match="is not known"):
        parse_site(text)


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
