"""What people do with an answer, in Chromium at both sizes, by a slow network and by keyboard alone: a report, two
pictures side by side, a bad picture taken again."""

import json
import re

import pytest
from demo_fixtures import DESK, LESIONS, PHONE, check_accessibility, press, slow_down, upload, wait_answer
from PIL import Image, ImageFilter
from screens import from_a_screen

from hfskin.checkpoints.layout import METRICS_FILE
from hfskin.words import en as text

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api", reason="BROWSER TESTS SKIPPED: pip install playwright")

sizes = pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])


def look(page, path, words=re.compile(".")) -> str:
    """The answer to this picture, and not to the last one."""
    upload(page, path)
    page.locator("#answer .empty").wait_for()
    return wait_answer(page, words)


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


@sizes
def test_an_answer_is_saved_as_a_report(visit, keep, viewport, tmp_path):
    page = visit(viewport)
    slow_down(page)
    press(page, page.get_by_role("button", name=text.EXAMPLE_BUTTON.format(number=5), exact=True))
    answer = wait_answer(page, "true diagnosis")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    press(page, page.get_by_role("button", name=text.REPORT_SAVE))
    sheet = page.locator("#report .sheet")
    sheet.wait_for()
    said = sheet.inner_text()
    assert said.startswith(text.REPORT_TITLE)
    for part in (text.NOT_A_DEVICE, answer.split("\n")[0], "60 years", text.NOT_HARMLESS, text.ABOUT, "Checkpoint: "):
        assert part in said
    assert re.search(r"Made on 20\d\d-\d\d-\d\d", said)
    assert sheet.locator("img").count() == 2, "the picture, and where the model looked"
    assert page.evaluate("document.activeElement.className") == "report"
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    check_accessibility(page)
    keep(page, f"report_{'phone' if viewport == PHONE else 'desk'}")
    assert pages(page.pdf(format="A4")) == 1
    before = len(asked)
    with page.expect_download() as download:
        press(page, page.get_by_role("button", name=text.REPORT_PNG))
    download.value.save_as(tmp_path / "report.png")
    assert re.fullmatch(r"hfskin-20\d\d-\d\d-\d\d\.png", download.value.suggested_filename)
    with Image.open(tmp_path / "report.png") as picture:
        assert picture.width == 1472
        colours = picture.convert("RGB").quantize(8).getcolors()
    assert len(colours) == 8, "it is not blank"
    assert all(url.startswith("data:") for url in asked[before:]), "nothing is sent anywhere"
    press(page, page.get_by_role("button", name=text.REPORT_CLOSE))
    sheet.wait_for(state="detached")
    assert page.evaluate("document.activeElement.id") == "save-report"
    press(page, page.get_by_role("button", name=text.REPORT_SAVE))
    sheet.wait_for()
    press(page, page.get_by_role("radio", name=text.SEXES["unknown"], exact=True), "Space")
    sheet.wait_for(state="detached")  # it belongs to another question


def function(request) -> int:
    """Which of the page's functions it asks."""
    return request.post_data_json["fn_index"]


@sizes
def test_two_pictures_are_kept_in_the_browser_and_stand_side_by_side(visit, keep, viewport, page_checkpoint):
    page = visit(viewport)
    press(page, page.get_by_role("tab", name=text.TAB_TIME))
    page.get_by_text(text.TIME["empty"]).wait_for()
    press(page, page.get_by_role("tab", name=text.TAB_LOOK))
    slow_down(page)
    sent, asked = [], []
    page.on("request", lambda request: sent.append(request.url))
    page.on("request", lambda request: asked.append(function(request)) if "queue/join" in request.url else None)
    for lesion in LESIONS[4:6]:
        look(page, lesion)
        page.wait_for_function("document.querySelector('#figure .layers img')?.naturalWidth > 0")
        before = set(asked)
        press(page, page.get_by_role("button", name=text.KEEP))
        page.locator("#kept", has_text=text.TIME["kept"]).wait_for()
        assert set(asked) <= before, "the server is told nothing"  # of what led to the answer, something may come late
    press(page, page.get_by_role("tab", name=text.TAB_TIME))
    place = page.locator(".over-time")
    place.locator(".sides figure").nth(1).wait_for()
    assert re.search("on the same day|The number is the same", place.inner_text()), "both were taken today"
    sent.clear()
    page.get_by_label(text.TIME["date"]).first.fill("2026-01-31")
    page.get_by_label(text.TIME["date"]).first.press("Tab")
    place.locator("strong", has_text="2026-01-31").wait_for()
    page.get_by_label(text.TIME["name"]).first.fill("left shoulder")
    page.get_by_label(text.TIME["name"]).first.press("Tab")
    place.locator("strong", has_text="left shoulder, 2026-01-31").wait_for()
    measured = json.loads((page_checkpoint / METRICS_FILE).read_text())["repeatability"]
    said = place.inner_text()
    assert f"differs by up to {-int(-100 * measured['difference']['nine_in_ten']['value'] // 1)} in 9 of 10" in said
    assert text.TIME["measured"].format(**measured) in said
    assert text.TIME["doctor"] in said
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    check_accessibility(page)
    keep(page, f"over_time_{'phone' if viewport == PHONE else 'desk'}")
    page.reload()
    press(page, page.get_by_role("tab", name=text.TAB_TIME))
    place.locator("strong", has_text="left shoulder, 2026-01-31").wait_for()  # the browser keeps it
    press(page, page.get_by_role("checkbox").first, "Space")
    place.get_by_text(text.TIME["choose"]).wait_for()
    press(page, page.get_by_role("button", name=text.TIME["remove"], exact=True).first)
    place.get_by_text(text.TIME["one"]).wait_for()
    press(page, page.get_by_role("button", name=text.TIME["remove_all"]))
    place.get_by_text(text.TIME["empty"]).wait_for()
    assert page.evaluate("localStorage.getItem('hfskin-kept')") == "[]"


@sizes
def test_a_bad_picture_of_a_lesion_is_to_be_taken_again(visit, viewport, tmp_path):
    page = visit(viewport)
    slow_down(page)
    with Image.open(LESIONS[3]) as lesion:
        lesion.filter(ImageFilter.GaussianBlur(3)).save(tmp_path / "blurred.png")
        from_a_screen(lesion).save(tmp_path / "screen.png")
    for name in ("blurred.png", "screen.png"):
        answer = look(page, tmp_path / name, re.compile("take it again", re.IGNORECASE))
        assert text.REFUSED_WHY not in answer
