"""An answer as people read it: the verdict leads, and no number or name beside it says otherwise."""

from dataclasses import replace

import pytest

import hfskin
from hfskin.inference.answer.card import card, patient_words
from hfskin.inference.answer.verdict import of_100, percent, threshold_of_100, verdict
from hfskin.inference.prediction import REFUSAL, REFUSED_BLURRED, UNUSUAL
from hfskin.words import en, in_words


@pytest.fixture(scope="module")
def prediction(embedded, lesion_path):
    return replace(embedded(lesion_path), label="nv", suspicious=False, warnings=[], prediction_set=["nv"])


@pytest.fixture
def thresholds():
    return hfskin.HfskinConfig(
        malignant_threshold=0.2, malignant_sensitivity=0.95, conformal_threshold=0.1, conformal_coverage=0.9
    )


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "under 1\u00a0%"), (0.004, "under 1\u00a0%"), (0.126, "13\u00a0%"), (0.999, "over 99\u00a0%")],
)
def test_percent_never_says_none_or_all(share, words):
    assert percent(share, en) == words


@pytest.mark.parametrize("threshold", [0.004, 0.196, 0.2, 0.324])
@pytest.mark.parametrize("off", [-0.003, -1e-9, 0, 1e-9, 0.003])
def test_the_number_is_below_the_alarm_just_where_there_is_none(prediction, threshold, off):
    share = threshold + off
    said = replace(prediction, malignant_probability=share, suspicious=share >= threshold)
    number = of_100(said, en)
    shown = 0 if number.startswith("under") else int(number)
    assert (shown >= int(threshold_of_100(threshold))) == said.suspicious


def test_a_suspicious_answer_leads_with_what_cannot_be_ruled_out(prediction, thresholds):
    for inside, names in ((["bcc", "mel", "nv"], "basal cell carcinoma or melanoma"), (["nv"], "melanoma")):
        probabilities = dict.fromkeys(hfskin.CLASSES, 0.1) | {"mel": 0.3}
        said = replace(
            prediction,
            malignant_probability=0.31,
            suspicious=True,
            prediction_set=inside,
            probabilities=probabilities,
        )
        found = verdict(said, thresholds, en)
        assert (found.kind, found.word, found.number) == ("suspicious", en.SUSPICIOUS, "31")
        assert found.lines[0] == en.RULES_OUT_NOT.format(names=names)
        assert "the alarm starts at 20" in found.lines[1]
        assert found.todo == en.NEXT_SUSPICIOUS
        html = card(said, thresholds)
        assert en.DIAGNOSES["nv"] not in html.split("<details>")[0]


def test_a_calm_answer_says_how_many_it_misses(prediction, thresholds):
    found = verdict(replace(prediction, malignant_probability=0.02), thresholds, en)
    assert found.kind == "calm"
    assert "5 of 100 malignant ones stayed below it" in found.lines[-1]
    assert found.todo == en.NEXT_OTHER
    assert en.NOT_HARMLESS in card(prediction, thresholds)


def test_a_number_near_the_alarm_is_for_a_doctor_and_one_of_100_is_singular(prediction, thresholds):
    for share, todo in ((0.09, en.NEXT_OTHER), (0.11, en.NEXT_NEAR)):  # the alarm is at .2
        assert verdict(replace(prediction, malignant_probability=share), thresholds, en).todo == todo
    one = verdict(replace(prediction, malignant_probability=0.012), thresholds, en)
    assert "in the validation data, 1 was malignant or a precursor; the alarm" in " ".join(one.lines)


@pytest.mark.parametrize("suspicious", [None, False])
def test_a_malignant_first_place_is_nothing_to_wait_on_whatever_the_threshold(prediction, thresholds, suspicious):
    found = verdict(replace(prediction, label="mel", suspicious=suspicious), thresholds, en)
    assert found.kind == "suspicious"
    assert found.todo == en.NEXT_SUSPICIOUS


def test_without_calibration_the_answer_says_so_and_claims_no_set(prediction):
    html = card(replace(prediction, suspicious=None), hfskin.HfskinConfig())
    assert en.OPEN in html
    assert en.WITHOUT_THRESHOLD in html
    assert "Candidates" not in html
    assert 'class="mark"' not in html


def test_a_refusal_shows_no_diagnosis_and_no_number(prediction, thresholds):
    html = card(prediction.refused(REFUSAL), thresholds, patient=(50, "male", "back"))
    assert en.NO_ANSWER in html
    assert en.REFUSED_NEXT in html
    assert "%" not in html
    assert en.OF_100 not in html
    assert not any(name in html for name in en.DIAGNOSES.values())


def test_a_blurred_lesion_is_to_be_taken_again_and_not_told_that_it_is_none(prediction, thresholds):
    found = verdict(prediction.refused(REFUSED_BLURRED), thresholds, en)
    assert (found.kind, found.lines, found.todo) == ("refused", [en.UNCLEAR_WHY], en.UNCLEAR_NEXT)


def test_an_unusual_picture_is_never_calm(prediction, thresholds):
    unusual = replace(prediction, status="unusual", warnings=[UNUSUAL])
    assert verdict(unusual, thresholds, en).kind == "unsure"
    assert verdict(unusual, thresholds, en).lines[0] == en.UNUSUAL
    assert verdict(replace(unusual, suspicious=True), thresholds, en).kind == "suspicious"
    assert UNUSUAL[1:] not in card(unusual, thresholds), "said twice"


def test_what_is_said_of_the_patient_and_of_each_diagnosis(prediction, thresholds):
    assert patient_words((34.0, "unknown", "back"), en) == "Age: 34 years · Sex: Not known · Site on the body: Back"
    html = card(prediction, thresholds, patient=(None, None, None))
    assert "Age: Not known · Sex: Not known" in html
    assert all(about in html for about in en.ABOUT_DIAGNOSES.values())
    effects = {"age": dict.fromkeys(hfskin.CLASSES, 0.02), "localization": dict.fromkeys(hfskin.CLASSES, -0.01)}
    assert "age +6, site -3." in card(prediction, thresholds, effects=effects)  # three classes are malignant
    assert "sex 0." in card(prediction, thresholds, effects={"sex": dict.fromkeys(hfskin.CLASSES, -0.001)})


def test_what_people_typed_is_escaped(prediction, thresholds):
    evil = "<img src=x onerror=alert(1)>"
    assert "<img" not in card(replace(prediction, warnings=[evil]), thresholds, truth=evil, footer=evil)


def test_the_pipelines_words_are_told_by_the_pages_names():
    said = "age, localization unknown: the answer rests more on the picture alone"
    assert in_words(said, en) == said.replace("localization", "site")
    assert in_words("something new", en) == "something new"


# In a notebook and in a file


def test_a_prediction_shows_itself_where_it_was_asked_about_a_picture(embedded, lesion_path, tmp_path):
    prediction = embedded(lesion_path, age=34)
    assert repr(prediction).startswith(f"<Prediction {prediction.status}: ")
    assert len(repr(prediction)) < 120
    html = prediction._repr_html_()
    assert verdict(prediction, embedded.config, en).word in html
    assert "Age: 34 years" in html
    assert "data:image/jpeg" in html
    assert prediction.overlay().size == hfskin.read_image(lesion_path).image.size
    page = prediction.save(tmp_path / "report.html").read_text()
    for said in (en.NOT_A_DEVICE, prediction.revision, "Age: 34 years", en.ABOUT.replace("'", "&#39;"), "@media print"):
        assert said in page
    assert page.count("<img") == 2
    assert "http" not in page, "it needs nothing beside it"
    assert "asked" not in prediction.to_dict()


def test_a_picture_that_was_read_before_shows_itself_too(embedded, lesion_path):
    prediction = embedded(hfskin.read_image(lesion_path))
    assert prediction._repr_html_() == embedded(lesion_path)._repr_html_()


def test_what_a_batch_answered_keeps_no_picture(embedded, lesion_path):
    (prediction,) = embedded.predict_prepared([embedded.prepare(lesion_path)])
    assert prediction._repr_html_() is None
    with pytest.raises(ValueError, match="does not know its picture"):
        prediction.overlay()


def test_a_refused_one_has_no_number_in_a_notebook_or_a_report(embedded, lesion_path, tmp_path):
    refused = embedded(lesion_path).refused(REFUSAL)
    assert REFUSAL in repr(refused)
    for page in (refused._repr_html_(), refused.save(tmp_path / "report.html").read_text()):
        body = page.split("</style>")[1]
        assert en.NO_ANSWER in body
        assert "of 100" not in body.split('class="facts"')[0]
        assert not any(name in body for name in en.DIAGNOSES.values())


def test_both_backends_name_the_same_revision(lesion_path):
    by_onnx, by_torch = (hfskin.load(backend=backend)(lesion_path) for backend in ("onnx", "torch"))
    assert len(by_onnx.revision) == 12
    assert by_onnx.revision == by_torch.revision == by_onnx.to_dict()["revision"]
    assert by_onnx.to_dict()["schema"] == 1
