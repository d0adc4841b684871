"""The answer in Chromium, on a desk and on a phone: whose it is, that nothing contradicts it, what moves the page."""

import re

import pytest
from demo_fixtures import DESK, LESIONS, PHONE, upload, wait_answer

import hfskin
from hfskin.inference.answer.verdict import verdict
from hfskin.words import en as text
from hfskin.words import words

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api", reason="BROWSER TESTS SKIPPED: pip install playwright")

SLOW = 400  # ms on the way to the server
sizes = pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])


@pytest.fixture(scope="module")
def answers(page_checkpoint):
    """The pipeline, and what it says of the picture alone: a verdict and a prediction by path."""
    pipeline = hfskin.load(page_checkpoint)
    predictions = {path: pipeline(path) for path in LESIONS}
    return pipeline, {path: (verdict(p, pipeline.config, text), p) for path, p in predictions.items()}


def slow_network(page):
    def later(route):
        page.wait_for_timeout(SLOW)
        route.continue_()

    page.route("**/queue/join*", later)


def sex(page, name):
    return page.get_by_role("radio", name=text.SEXES[name], exact=True)


@sizes
def test_what_is_changed_while_an_answer_is_on_its_way_is_answered_too(visit, viewport):
    page = visit(viewport)
    upload(page, LESIONS[5])
    wait_answer(page)
    page.evaluate("window.scrolled = scrollY")
    slow_network(page)
    sex(page, "female").click()
    page.locator("#answer .answer.stale").wait_for()  # or the old answer looks like the new one
    page.wait_for_timeout(150)
    sex(page, "male").click()
    wait_answer(page, f"{text.SEX}: {text.SEXES['male']}")
    page.locator("#answer .answer:not(.stale)").wait_for()
    page.wait_for_timeout(1000)
    assert f"{text.SEX}: {text.SEXES['male']}" in page.inner_text("#answer")
    assert sex(page, "male").is_checked()


@sizes
def test_only_a_new_pictures_answer_is_scrolled_to(visit, viewport):
    page = visit(viewport)
    upload(page, LESIONS[5])
    wait_answer(page)
    page.wait_for_function("document.querySelector('#answer').getBoundingClientRect().top < innerHeight / 2")
    page.evaluate("scrollTo(0, 0)")
    page.locator("#picture").get_by_role("button", name=re.compile("remove|clear", re.IGNORECASE)).click()
    page.locator("#answer", has_text=text.EMPTY).wait_for()
    page.wait_for_timeout(500)
    assert page.evaluate("scrollY") == 0, "the cross throws the form out of sight"
    if viewport == DESK:
        page.locator("#picture [data-testid=source-select] button").nth(1).click()
        page.locator("#picture").get_by_text(re.compile("webcam|camera", re.IGNORECASE)).first.click()
        page.wait_for_function("document.querySelector('#picture video')?.videoWidth > 0")
        assert page.evaluate("scrollY") == 0, "the camera is thrown out of sight"


def test_a_phones_own_camera_is_one_press_away(visit):
    page = visit(PHONE)
    button = page.locator("#camera label")
    assert button.bounding_box()["height"] >= 44
    assert page.locator("#camera input").get_attribute("capture") == "environment"
    assert not page.get_by_role("button", name=re.compile("capture from camera", re.IGNORECASE)).is_visible()
    page.set_input_files("#camera input", LESIONS[5])
    wait_answer(page)
    assert not button.is_visible()
    desk = visit(DESK)
    assert not desk.locator("#camera label").is_visible()


@sizes
def test_the_verdict_leads_and_nothing_contradicts_it(visit, answers, viewport):
    _, said = answers
    page = visit(viewport)
    for kind, benign in (("suspicious", True), ("suspicious", False), ("calm", True)):
        chosen = [
            path
            for path, (verdict, p) in said.items()
            if verdict.kind == kind and (p.label not in hfskin.MALIGNANT) == benign
        ]
        if not chosen:
            continue  # another checkpoint may see none of the 28 so
        upload(page, chosen[0])
        expected, prediction = said[chosen[0]]
        answer = wait_answer(page, re.compile(re.escape(expected.lines[-1])))
        assert answer.startswith(expected.word)
        assert expected.todo in answer
        assert page.locator(".answer .verdict img.thumbnail").count() == 1
        assert "alarm from" in page.inner_text(".verdict .marked")
        shown = page.inner_text(".verdict")
        benign_names = [name for code, name in text.DIAGNOSES.items() if code not in hfskin.MALIGNANT]
        assert not any(name in shown for name in benign_names)
        if kind == "calm":
            assert "stayed below it" in shown
        if kind == "suspicious":
            assert "cannot rule out" in shown
        assert not page.get_by_text(text.DIAGNOSES[prediction.label], exact=True).is_visible(), "under Details"


@sizes
def test_a_wrong_age_belongs_to_its_field(visit, viewport):
    page = visit(viewport)
    upload(page, LESIONS[5])
    wait_answer(page)
    age = page.get_by_role("textbox", name=re.compile(f"^{text.AGE}"))
    for wrong in ("-3", "abc", "300"):
        age.fill("")
        age.press_sequentially(wrong)
        page.locator("#age-error", has_text=wrong).wait_for()
        assert text.FAILED not in wait_answer(page, f"{text.AGE}: {text.SEXES['unknown']}")
        page.locator("#age [aria-invalid=true]").wait_for()
    age.fill("")
    age.press_sequentially("34")
    wait_answer(page, "34 years")
    page.locator("#age-error p").wait_for(state="detached")
    page.locator("#age [aria-invalid=false]").wait_for()


def test_on_a_phone_a_changed_fields_answer_is_in_sight(visit):
    page = visit(PHONE)
    upload(page, LESIONS[5])
    wait_answer(page)
    page.evaluate("scrollTo(0, 0)")
    peek = page.locator("#answer .peek")
    peek.wait_for(state="visible")
    slow_network(page)
    sex(page, "female").click()
    before = page.evaluate("scrollY")
    page.locator("#answer .answer.stale").wait_for()
    wait_answer(page, f"{text.SEX}: {text.SEXES['female']}")
    box = peek.bounding_box()
    assert box["y"] + box["height"] <= PHONE["height"] + 1
    assert page.evaluate("scrollY") == before, "the form is thrown out of sight"
    assert peek.inner_text().startswith(page.inner_text("#answer h2").split("\n")[0].split()[0])
    peek.click()
    page.wait_for_function("document.querySelector('#answer').getBoundingClientRect().top < innerHeight / 2")
    peek.wait_for(state="hidden")


@sizes
def test_no_button_asks_for_a_step_that_does_not_exist(visit, viewport):
    page = visit(viewport)
    assert page.locator("button.primary:visible").count() == 0


def test_keyboard_alone_gets_from_a_picture_to_another_patients_answer(visit):
    page = visit(DESK)
    page.locator(".examples button").first.focus()
    page.keyboard.press("Enter")
    wait_answer(page, "true diagnosis")
    page.get_by_role("textbox", name=re.compile(f"^{text.AGE}")).focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("51")
    wait_answer(page, "51 years")
    page.locator("#answer summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("ol.classes").is_visible()


def test_a_browser_gets_its_own_language_and_may_choose_another(visit):
    page = visit(PHONE, locale="de-AT")
    assert page.evaluate("document.documentElement.lang") == "de"
    upload(page, LESIONS[5])
    answer = wait_answer(page, words("de").SKIN_NOTE)
    assert f"{words('de').SEX}: {words('de').SEXES['unknown']}" in answer
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.locator("#head").get_by_role("link", name="English").click()
    page.wait_for_function("document.documentElement.lang === 'en'")
    page.locator("#head").get_by_role("link", name="Tiếng Việt").click()
    page.wait_for_function("document.documentElement.lang === 'vi'")
