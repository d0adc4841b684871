"""The page in Chromium, on real lesions: every way through it, at a desk and on a phone, in light and dark.

HFSKIN_SCREENSHOTS=docs/screenshots keeps the pictures that these tests take.
"""

import csv
import re
import shutil
import zipfile

import pytest
from demo_fixtures import DESK, LESIONS, PHONE, ROOT, check_accessibility, press, upload, wait_answer, wait_in
from PIL import Image

import hfskin
from hfskin.demo.example_lesions import load_examples
from hfskin.inference.answer.verdict import percent, verdict
from hfskin.model.colours import matrix_profile
from hfskin.model.labels import DIAGNOSES
from hfskin.words import en as text

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api", reason="BROWSER TESTS SKIPPED: pip install playwright")


@pytest.fixture(scope="module")
def pipeline(page_checkpoint):
    return hfskin.load(page_checkpoint)


def wait_figure(page) -> None:
    page.wait_for_selector("#figure .heat")
    page.wait_for_function("[...document.querySelectorAll('#figure img')].every(image => image.naturalWidth > 0)")


def test_every_example_gets_an_answer_with_its_true_diagnosis(visit, pipeline):
    page = visit()
    for i, example in enumerate(load_examples()):
        page.get_by_role("button", name=text.EXAMPLE_BUTTON.format(number=i + 1), exact=True).click()
        truth = text.TRUTH.format(name=DIAGNOSES[example.dx], how=text.TRUTH_HOW[example.dx_type])
        answer = wait_answer(page, truth)
        prediction = pipeline(example.path, example.age, example.sex, example.localization)
        said = verdict(prediction, pipeline.config, text)
        assert answer.startswith(said.word)
        assert said.todo in answer
        assert all(line in answer for line in said.lines)
        if prediction.status != "refused":
            wait_figure(page)


def test_own_picture_with_metadata_gives_the_pipelines_numbers(visit, pipeline, keep):
    page = visit()
    lesion = LESIONS[5]
    upload(page, lesion)
    unknown = wait_answer(page, f"{text.SEX}: {text.SEXES['unknown']}")
    page.get_by_role("textbox", name=re.compile(f"^{text.AGE}")).press_sequentially("65")
    page.get_by_role("radio", name=text.SEXES["female"], exact=True).click()
    page.get_by_role("combobox", name=text.SITE, exact=True).click()
    page.get_by_role("option", name=text.SITES["face"], exact=True).click()
    answer = wait_answer(page, f"65 years · {text.SEX}: Female · {text.SITE}: Face")
    assert answer != unknown
    prediction = pipeline(lesion, 65, "female", "face")
    page.get_by_text(text.DETAILS, exact=True).click()
    # Their text, which is there before the browser has laid the rows out, and in one call: an answer may be drawn anew.
    rows = page.locator("ol.classes li").evaluate_all(
        "rows => rows.map(row => ['.name', '.share'].map(part => row.querySelector(part).textContent))"
    )
    assert dict(rows) == {DIAGNOSES[code]: percent(share, text) for code, share in prediction.probabilities.items()}
    answer = page.inner_text("#answer")
    assert answer.startswith(verdict(prediction, pipeline.config, text).word)
    assert text.SKIN_NOTE in answer
    assert "This example" not in answer
    keep(page, "look_own_picture")


def test_an_examples_diagnosis_is_not_shown_beside_ones_own_picture(visit):
    page = visit()
    page.get_by_role("button", name=text.EXAMPLE_BUTTON.format(number=5), exact=True).click()
    wait_answer(page, "This example's true diagnosis")
    page.locator("#picture").get_by_role("button", name=re.compile("remove|clear", re.IGNORECASE)).click()
    page.locator("#answer", has_text=text.EMPTY).wait_for()
    upload(page, LESIONS[5])
    assert "This example" not in wait_answer(page)


def test_ones_own_picture_is_not_answered_with_an_examples_patient(visit):
    page = visit()
    upload(page, LESIONS[4])
    wait_answer(page)
    page.get_by_role("textbox", name=re.compile(f"^{text.AGE}")).press_sequentially("65")
    wait_answer(page, "65 years")
    upload(page, LESIONS[5])
    page.locator("#picture img").wait_for()
    wait_answer(page, "65 years")  # one's own age stays
    page.get_by_role("button", name=text.EXAMPLE_BUTTON.format(number=5), exact=True).click()
    wait_answer(page, "This example's true diagnosis")
    upload(page, LESIONS[7])
    wait_answer(page, f"{text.AGE}: {text.SEXES['unknown']}")
    assert page.get_by_role("textbox", name=re.compile(f"^{text.AGE}")).input_value() == ""


def test_the_last_answer_is_gone_while_the_next_one_is_on_its_way(visit):
    page = visit()
    page.get_by_role("button", name=text.EXAMPLE_BUTTON.format(number=6), exact=True).click()
    wait_answer(page)
    wait_figure(page)
    held = []

    def hold_back(route):
        # The question itself carries the view; what only clears the page does not.
        (held.append if '"attention"' in (route.request.post_data or "") else type(route).continue_)(route)

    page.route("**/queue/join*", hold_back)
    upload(page, LESIONS[5])
    page.locator("#answer", has_text=text.EMPTY).wait_for()
    page.locator("#figure img").wait_for(state="detached")
    wait_in(page, lambda: held)
    held[0].continue_()
    wait_answer(page)


def test_the_keyboards_place_is_seen(visit):
    page = visit()
    page.get_by_role("combobox", name=text.SITE, exact=True).focus()
    page.keyboard.press("Escape")
    for _ in range(3):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.type") == "radio"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "2px"


def test_heat_map_slider_and_grad_cam(visit, keep):
    page = visit()
    page.get_by_role("button", name=text.EXAMPLE_BUTTON.format(number=5), exact=True).click()
    wait_answer(page)
    wait_figure(page)
    keep(page, "look_light")
    attention = page.get_attribute("#figure .heat", "src")
    page.get_by_label(text.HEAT_STRENGTH).press("Home")
    assert page.evaluate("getComputedStyle(document.querySelector('#figure .heat')).opacity") == "0"
    page.get_by_role("radio", name=text.VIEW_GRAD_CAM).click()
    page.locator("#figure figcaption", has_text="Grad-CAM").wait_for()
    wait_figure(page)
    assert page.get_attribute("#figure .heat", "src") != attention
    shown = "getComputedStyle(document.querySelector('#figure .heat')).opacity"
    assert page.evaluate(shown) == "0", "the slider still stands at the left"
    page.get_by_label(text.HEAT_STRENGTH).press("End")
    assert page.evaluate(shown) == "1"
    keep(page, "grad_cam")


def test_what_is_no_lesion_gets_a_refusal_and_no_diagnosis(visit, keep, page_checkpoint, text_page):
    if hfskin.HfskinConfig.from_pretrained(page_checkpoint).gate_threshold is None:
        pytest.skip("this checkpoint has no in-distribution gate")
    page = visit()
    upload(page, text_page)
    answer = wait_answer(page, text.NO_ANSWER)
    assert "%" not in answer
    assert not any(name in answer for name in DIAGNOSES.values())
    assert page.locator("#figure img").count() == 0
    keep(page, "refusal")


def test_bad_files_get_a_message(visit, tmp_path):
    page = visit()
    (tmp_path / "text.jpg").write_text("not a picture")
    upload(page, tmp_path / "text.jpg")
    assert text.FAILED in wait_answer(page, "text.jpg: not a picture")


def test_a_phones_heic_and_a_dermatoscopes_dicom_are_chosen_dropped_and_seen(visit, tmp_path):
    page = visit()
    heif = pytest.importorskip("pillow_heif")
    dicom_files = pytest.importorskip("dicom_files")
    phones, clinics = tmp_path / "IMG_1.HEIC", dicom_files.dicom(Image.open(LESIONS[5]))
    heif.from_pillow(Image.open(LESIONS[5])).save(phones)
    seen = "document.querySelector('#picture img')?.naturalWidth > 0"
    with page.expect_file_chooser() as chooser:
        page.locator("#picture").get_by_role("button", name="Drop an image").click()
    assert {"image/*", ".heic", ".dcm"} < set(chooser.value.element.get_attribute("accept").split(","))
    chooser.value.set_files(phones)
    wait_answer(page, f"{text.AGE}: {text.SEXES['unknown']}")
    page.wait_for_function(seen)
    dropped = page.evaluate_handle(
        """bytes => {
          const files = new DataTransfer();
          files.items.add(new File([new Uint8Array(bytes)], 'IM000001'));
          return files;
        }""",
        list(clinics),
    )
    page.dispatch_event("#picture", "drop", {"dataTransfer": dropped})
    wait_answer(page, "55 years")  # as the file says
    page.wait_for_function(seen)
    (tmp_path / "letter.pdf").write_text("not a picture")
    upload(page, tmp_path / "letter.pdf")
    assert text.FAILED in wait_answer(page, "letter.pdf: not a picture")


def test_taking_the_picture_away_takes_the_answer_away(visit):
    page = visit()
    upload(page, LESIONS[0])
    wait_answer(page)
    page.locator("#picture").get_by_role("button", name=re.compile("remove|clear", re.IGNORECASE)).click()
    page.locator("#answer", has_text=text.EMPTY).wait_for()
    assert page.locator("#figure img").count() == 0


def test_a_pasted_picture_is_answered(visit):
    page = visit()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(
        """async () => {
          const picture = await fetch(document.querySelector(".examples img").src).then(r => r.blob());
          const canvas = new OffscreenCanvas(200, 150);
          canvas.getContext("2d").drawImage(await createImageBitmap(picture), 0, 0);
          const png = await canvas.convertToBlob({type: "image/png"});
          await navigator.clipboard.write([new ClipboardItem({"image/png": png})]);
        }"""
    )
    page.locator("#picture [data-testid=source-select] button").nth(2).click()
    assert text.FAILED not in wait_answer(page)


def test_a_photographed_picture_is_answered_or_refused(visit):
    page = visit()
    page.locator("#picture [data-testid=source-select] button").nth(1).click()
    assert page.locator("#picture [data-testid=source-select] button").nth(1).bounding_box()["height"] >= 44, "touch"
    page.locator("#picture").get_by_text(re.compile("webcam|camera", re.IGNORECASE)).first.click()
    page.wait_for_function("document.querySelector('#picture video')?.videoWidth > 0")
    assert page.locator("#picture video.flip").count() == 0, "a mirrored lesion would be another one"
    page.locator("#picture").get_by_role("button", name=re.compile("capture|photo", re.IGNORECASE)).first.click()
    assert text.FAILED not in wait_answer(page)


def test_batch_of_pictures_a_zip_and_a_table(visit, keep, pipeline, tmp_path):
    page = visit()
    page.get_by_role("tab", name=text.TAB_BATCH).click()
    page.get_by_role("button", name=text.BATCH_RUN).click()
    page.locator("#batch", has_text=text.BATCH_NONE).wait_for()
    archive = tmp_path / "more.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for lesion in LESIONS[3:6]:
            file.write(lesion, lesion.name)
        file.writestr("../out.jpg", b"")
    (tmp_path / "text.jpg").write_text("not a picture")
    page.set_input_files("#batch-files input[type=file]", [*LESIONS[:3], archive, tmp_path / "text.jpg"])
    page.set_input_files("#batch-metadata input[type=file]", ROOT / "tests" / "data" / "HAM10000_metadata.csv")
    page.locator("#batch-metadata", has_text="HAM10000_metadata").wait_for()
    page.locator("#batch-files", has_text="text").wait_for()
    page.get_by_role("button", name=text.BATCH_RUN).click()
    page.wait_for_selector("#batch tbody tr")
    assert page.locator("#batch tbody tr").count() == 8
    assert page.locator("#batch tbody img").count() == 6
    assert page.locator("#batch tr.failed").count() == 2
    assert "22 rows have no picture" in page.inner_text("#batch")
    keep(page, "batch")
    names = "[...document.querySelectorAll('#batch tbody tr')].map(row => row.cells[0].textContent)"
    urgent_first = page.evaluate(names)
    for arrow in "↑↓":
        page.get_by_role("button", name=text.BATCH_COLUMNS[0]).click()
        assert page.evaluate(names) == sorted(urgent_first, reverse=arrow == "↓")
        head = "getComputedStyle(document.querySelector('#batch [aria-sort] button'), '::after').content"
        assert page.evaluate(head) == f'" {arrow}"'
    page.get_by_text(f"{text.BATCH_KINDS['failed']} (2)").click()
    assert page.locator("#batch tbody tr:visible").count() == 2
    page.get_by_text(f"{text.BATCH_ALL} (8)").click()
    assert page.locator("#batch tbody tr:visible").count() == 8
    with page.expect_download() as download:
        page.get_by_role("link", name=text.BATCH_DOWNLOAD).click()
    with open(download.value.path(), newline="") as file:
        rows = {row["image"]: row for row in csv.DictReader(file)}
    assert list(rows)[:3] == [lesion.name for lesion in LESIONS[:3]], "the order of the upload"
    with (ROOT / "tests" / "data" / "HAM10000_metadata.csv").open(newline="") as file:
        patients = {row["image_id"]: row for row in csv.DictReader(file)}
    for lesion in LESIONS[:6]:
        patient = patients[lesion.stem]
        expected = pipeline(lesion, patient["age"], patient["sex"], patient["localization"])
        assert float(rows[lesion.name]["mel"]) == pytest.approx(expected.probabilities["mel"], abs=1e-5)
    assert "not a picture" in rows["text.jpg"]["error"]
    assert "leads out" in rows["../out.jpg"]["error"]


def choose_checkpoint(page, source: str) -> None:
    page.get_by_role("tab", name=text.TAB_COMPARE).click()
    choice = page.get_by_label(text.CHECKPOINT_CHOICE)
    choice.fill(source)
    choice.press("Enter")
    page.get_by_role("button", name=text.CHECKPOINT_USE).click()


def unfold(page, place: str) -> None:
    press(page, page.locator(f"{place} button").first)


def test_about_shows_the_card_its_plots_and_the_api(visit, keep, page_url):
    page = visit()
    page.get_by_role("tab", name=text.TAB_ABOUT).click()
    assert page.evaluate("document.documentElement.scrollHeight") < 2 * DESK["height"], "the card is folded"
    unfold(page, "#for-programs")
    page.locator("#api", has_text=f'Client("{page_url}")').wait_for()
    unfold(page, "#whole-card")
    page.wait_for_selector("#plots img")
    assert page.locator("#plots img").count() == len(text.PLOTS)
    assert page.evaluate("[...document.querySelectorAll('#plots img')].every(image => image.naturalWidth > 0)")
    page.locator("#card", has_text="Intended use").wait_for()
    assert page.locator("#checkpoint", has_text=text.CHECKPOINT_EMBEDDED).count() == 1
    keep(page, "about")


def test_another_checkpoint_can_be_chosen_and_compared(visit, keep, tmp_path, pipeline, another_checkpoint):
    page = visit()
    page.get_by_role("tab", name=text.TAB_COMPARE).click()
    page.locator("#comparison", has_text=text.COMPARE_NOTHING).wait_for()
    folder = shutil.copytree(another_checkpoint, tmp_path / "fresh-push")
    (folder / "README.md").write_text("---\nlicense: cc\n---\n# My card\n\n![A plot](plot.jpg)\n")
    shutil.copy(LESIONS[0], folder / "plot.jpg")
    choose_checkpoint(page, str(folder))
    page.locator("#comparison", has_text=text.COMPARE_NO_PICTURE).wait_for()
    page.get_by_role("tab", name=text.TAB_ABOUT).click()
    page.locator("#checkpoint", has_text="fresh-push, revision").wait_for()
    unfold(page, "#whole-card")
    page.locator("#card", has_text="My card").wait_for()
    page.wait_for_function("document.querySelector('#card img[alt=\"A plot\"]').naturalWidth > 0")
    page.get_by_role("tab", name=text.TAB_LOOK).click()
    page.get_by_role("button", name=text.EXAMPLE_BUTTON.format(number=6), exact=True).click()
    wait_answer(page, "Answered by fresh-push")
    page.get_by_role("tab", name=text.TAB_COMPARE).click()
    page.wait_for_selector("#comparison tbody tr")
    example = load_examples()[5]
    patient = example.age, example.sex, example.localization
    columns = [p(example.path, *patient).probabilities for p in (pipeline, hfskin.load(folder))]
    rows = page.locator("#comparison tbody tr").all_inner_texts()
    for code, row in zip(DIAGNOSES, rows[-7:], strict=True):
        assert row.split("\t") == [f"{code}: {DIAGNOSES[code]}", *(percent(column[code], text) for column in columns)]
    keep(page, "compare", "#comparison")
    choose_checkpoint(page, "no such checkpoint")
    page.locator("#comparison", has_text=text.CHECKPOINT_FAILED).wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_needs_no_sideways_scrolling_and_always_shows_the_notice(visit, keep, scheme):
    page = visit(PHONE, scheme)
    page.get_by_role("button", name=text.EXAMPLE_BUTTON.format(number=5), exact=True).click()
    wait_answer(page)
    wait_figure(page)
    page.wait_for_function("document.querySelector('#answer').getBoundingClientRect().top < innerHeight / 2")
    keep(page, f"phone_{scheme}")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    notice = page.get_by_text(text.NOT_A_DEVICE).bounding_box()
    assert 0 <= notice["y"] < PHONE["height"]
    for tab in (text.TAB_LOOK, text.TAB_BATCH, text.TAB_COMPARE, text.TAB_ABOUT):
        page.get_by_role("tab", name=tab).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.locator("#checkpoint", has_text=text.CHECKPOINT_EMBEDDED).wait_for()
    assert page.evaluate("document.documentElement.scrollHeight") < 2 * PHONE["height"], "the card is folded"
    unfold(page, "#whole-card")
    page.wait_for_selector("#card table")
    breaks = "[...document.querySelectorAll('#card td')].map(cell => getComputedStyle(cell).wordBreak)"
    assert set(page.evaluate(breaks)) == {"normal"}, "words of the card's tables are cut in pieces"


@pytest.mark.parametrize(("viewport", "scheme"), [(DESK, "light"), (DESK, "dark"), (PHONE, "dark")])
def test_axe_finds_no_serious_fault(visit, keep, viewport, scheme, another_checkpoint):
    page = visit(viewport, scheme)
    check_accessibility(page)
    page.get_by_role("button", name=text.EXAMPLE_BUTTON.format(number=5), exact=True).click()
    wait_answer(page)
    wait_figure(page)
    check_accessibility(page)
    if viewport == DESK and scheme == "dark":
        keep(page, "look_dark")
    page.get_by_role("tab", name=text.TAB_BATCH).click()
    page.set_input_files("#batch-files input[type=file]", LESIONS[:2])
    page.locator("#batch-files", has_text=LESIONS[1].name[:8]).wait_for()
    page.get_by_role("button", name=text.BATCH_RUN).click()
    page.wait_for_selector("#batch tbody tr")
    check_accessibility(page)
    page.get_by_role("tab", name=text.TAB_ABOUT).click()
    unfold(page, "#whole-card")
    page.wait_for_selector("#card pre")
    check_accessibility(page)
    choose_checkpoint(page, str(another_checkpoint))
    page.wait_for_selector("#comparison tbody tr")
    check_accessibility(page)


def test_keyboard_alone_gets_to_an_answer(visit):
    page = visit()
    page.locator(".examples button").first.focus()
    page.keyboard.press("Enter")
    wait_answer(page, "true diagnosis")


def test_the_uploaded_file_is_gone_after_the_visit(visit, temporary_files, tmp_path):
    page = visit()
    shutil.copy(LESIONS[7], tmp_path / "private.jpg")
    upload(page, tmp_path / "private.jpg")
    wait_answer(page)
    assert list(temporary_files.rglob("private.jpg"))
    page.goto("about:blank")
    wait_in(page, lambda: not list(temporary_files.rglob("private.jpg")))


def told_of(response, name):
    """Whether this answers a call that named the file."""
    return "/run/predict" in response.url and name in (response.request.post_data or "")


def test_files_that_nobody_asked_about_are_gone_after_the_visit(visit, temporary_files, tmp_path):
    page = visit()
    page.get_by_role("tab", name=text.TAB_BATCH).click()
    shutil.copy(LESIONS[6], tmp_path / "unasked.jpg")
    (tmp_path / "unasked.csv").write_text("image_id,age\nunasked,50\n")
    for element, name in ("#batch-files", "unasked.jpg"), ("#batch-metadata", "unasked.csv"):
        # The page says at once whom the file belongs to, and is told that this arrived.
        with page.expect_response(lambda answer, name=name: told_of(answer, name)):
            page.set_input_files(f"{element} input[type=file]", tmp_path / name)
    assert len(list(temporary_files.rglob("unasked.*"))) == 2
    page.goto("about:blank")
    wait_in(page, lambda: not list(temporary_files.rglob("unasked.*")))


def test_another_sites_page_neither_frames_this_one_nor_hears_from_it(browser, page_url):
    context = browser.new_context()
    page = context.new_page()
    page.route(
        "http://evil.example/",
        lambda route: route.fulfill(body=f"<iframe src='{page_url}'></iframe>", content_type="text/html"),
    )
    page.goto("http://evil.example/")
    ask = "url => fetch(url).then(answer => answer.text(), () => 'refused')"
    assert page.evaluate(ask, f"{page_url}config") == "refused"
    assert page.frames[1].url.startswith("chrome-error:")
    context.close()


def test_a_phones_picture_arrives_as_the_phone_made_it(visit, temporary_files, tmp_path):
    """The browser neither converts its colours nor loses its profile, so that they are converted here, once."""
    phones = tmp_path / "phone.jpg"
    display_p3 = matrix_profile((0.3127, 0.3290, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06), 2.2)
    with Image.open(LESIONS[5]) as lesion:
        lesion.save(phones, icc_profile=display_p3, quality=95)
    page = visit()
    upload(page, phones)
    wait_answer(page)
    (arrived,) = temporary_files.rglob("phone.jpg")
    assert arrived.read_bytes() == phones.read_bytes()
