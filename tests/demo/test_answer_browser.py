"""The answer in Chromium, on a desk and on a phone: whose it is, that nothing contradicts it, what moves the page."""

import re

import pytest
from demo_fixtures import DESK, LESIONS, PHONE, SLOW, press, slow_down, upload, wait_answer

import hfskin
from hfskin.inference.answer.verdict import verdict
from hfskin.words import en as text
from hfskin.words import words

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api", reason="BROWSER TESTS SKIPPED: pip install playwright")

sizes = pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])


# How long the browser waited, in ms: for gradio's queue to take each question, and for each stream of answers (SSE).
WAITED = """since => ["queue/join", "queue/data"].map(kind => performance.getEntriesByType("resource")
  .filter(({name, startTime}) => name.includes(kind) && startTime > since).map(({duration}) => duration))"""


@pytest.fixture(scope="module")
def answers(page_checkpoint):
    """The pipeline, and what it says of the picture alone: a verdict and a prediction by path."""
    pipeline = hfskin.load(page_checkpoint)
    predictions = {path: pipeline(path) for path in LESIONS}
    return pipeline, {path: (verdict(p, pipeline.config, text), p) for path, p in predictions.items()}


def sex(page, name):
    return page.get_by_role("radio", name=text.SEXES[name], exact=True)


def age(page):
    return page.get_by_role("textbox", name=re.compile(f"^{text.AGE}"))


def choose(page, path) -> None:
    """By the keyboard alone: from the field's button to the browser's own dialogue."""
    with page.expect_file_chooser() as chooser:
        press(page, page.locator("#picture").get_by_role("button", name="Drop an image"))
    chooser.value.set_files(path)


def type_age(page, value: str) -> None:
    press(page, age(page), "Control+A")
    page.keyboard.type(value) if value else page.keyboard.press("Delete")


def in_sight(page) -> None:
    page.wait_for_function("document.querySelector('#answer').getBoundingClientRect().top < innerHeight / 2")


def take_away(page) -> None:
    press(page, page.locator("#picture").get_by_role("button", name="Remove Image"))
    page.locator("#answer", has_text=text.EMPTY).wait_for()


@sizes
def test_an_answer_belongs_to_the_form_by_keyboard_and_a_slow_network(visit, viewport):
    page = visit(viewport)
    assert page.locator("button.primary:visible").count() == 0, "it would ask for a step that does not exist"
    slow_down(page)
    since = page.evaluate("performance.now()")
    choose(page, LESIONS[5])
    wait_answer(page, f"{text.SEX}: {text.SEXES['unknown']}")
    in_sight(page)
    # Changed while an answer to the last change is on its way.
    press(page, sex(page, "female"), "Space")
    page.locator("#answer .answer.stale .stale-note").wait_for()  # or the old answer looks like the new one
    press(page, sex(page, "male"), "Space")
    wait_answer(page, f"{text.SEX}: {text.SEXES['male']}")
    page.locator("#answer .answer:not(.stale)").wait_for()
    # A wrong age is the field's own, and the answer goes on without it.
    type_age(page, "300")
    page.locator("#age-error", has_text="300").wait_for()
    page.locator("#age [aria-invalid=true]").wait_for()
    assert text.FAILED not in wait_answer(page, f"{text.AGE}: {text.SEXES['unknown']}")
    type_age(page, "34")
    wait_answer(page, f"34 years · {text.SEX}: {text.SEXES['male']}")
    page.locator("#age-error p").wait_for(state="detached")
    page.locator("#age [aria-invalid=false]").wait_for()
    assert sex(page, "male").is_checked()
    page.locator("#answer .answer:not(.stale)").wait_for()
    # On a phone the answer lies below the form, which must not be thrown out of sight; its verdict stays in sight.
    peek = page.locator("#answer .peek")
    if viewport == PHONE:
        assert 0 <= age(page).bounding_box()["y"] < PHONE["height"]
        assert peek.inner_text().startswith(page.inner_text("#answer h2").split()[0])
        box = peek.bounding_box()
        assert box["y"] + box["height"] <= PHONE["height"] + 1
        press(page, peek)
        in_sight(page)
    peek.wait_for(state="hidden")
    for waited in page.evaluate(WAITED, since):
        assert min(waited) >= 0.9 * SLOW, "questions or the streams of their answers were not slow"
    press(page, page.locator("#answer summary"))
    assert page.locator("ol.classes").is_visible()


@sizes
def test_the_verdict_leads_and_only_its_picture_moves_the_page(visit, answers, viewport):
    _, said = answers
    page = visit(viewport)
    slow_down(page)
    for kind, benign in (("suspicious", True), ("suspicious", False), ("calm", True)):
        chosen = [
            path
            for path, (verdict, p) in said.items()
            if verdict.kind == kind and (p.label not in hfskin.MALIGNANT) == benign
        ]
        if not chosen:
            continue  # another checkpoint may see none of the 28 so
        choose(page, chosen[0])
        expected, prediction = said[chosen[0]]
        answer = wait_answer(page, re.compile(re.escape(expected.lines[-1])))
        in_sight(page)
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
        page.evaluate("scrollTo(0, 0)")
        page.evaluate("document.querySelector('#kept p').textContent = 'until the next answer has settled'")
        take_away(page)
        page.wait_for_function("document.querySelector('#kept p').textContent === ''")
        assert page.evaluate("scrollY") == 0, "the cross throws the form out of sight"
    camera = page.locator("#camera input")
    if viewport == PHONE:  # its own camera, which focuses better than a frame of video
        assert page.locator("#camera label").bounding_box()["height"] >= 44
        assert camera.get_attribute("capture") == "environment"
        assert not page.get_by_role("button", name=re.compile("capture from camera", re.IGNORECASE)).is_visible()
        with page.expect_file_chooser() as chooser:
            press(page, camera)
        chooser.value.set_files(LESIONS[5])
        wait_answer(page)
        in_sight(page)
        assert not page.locator("#camera label").is_visible()
    else:
        assert not page.locator("#camera label").is_visible()
        press(page, page.locator("#picture").get_by_role("button", name="Capture from camera"))
        press(
            page, page.locator("#picture").get_by_role("button", name=re.compile("webcam|camera access", re.IGNORECASE))
        )
        page.wait_for_function("document.querySelector('#picture video')?.videoWidth > 0")
        assert page.evaluate("scrollY") == 0, "the camera is thrown out of sight"


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
