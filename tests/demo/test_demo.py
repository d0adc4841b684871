"""The page without a browser: answers as HTML, uploads, checkpoints, the endpoints."""

import base64
import json
import math
import os
import re
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from demo_fixtures import LESIONS, program, wait_until
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image, ImageFilter
from screens import from_a_screen

import hfskin
from hfskin.checkpoints.hub import HubError
from hfskin.checkpoints.layout import digests
from hfskin.data.patients import Patients
from hfskin.demo import uploads
from hfskin.demo.batch import Looked, look_at_all, rows_html
from hfskin.demo.card import plots_html, render_card
from hfskin.demo.checkpoints import Checkpoints, split_revision
from hfskin.demo.example_lesions import load_examples
from hfskin.demo.look import ATTENTION, Question, look
from hfskin.demo.upload_folder import UploadFolder
from hfskin.inference.answer.verdict import verdict
from hfskin.inference.batch.items import Row
from hfskin.model.labels import CLASSES, DIAGNOSES, SEXES, SITES
from hfskin.model.metadata import UNKNOWN_PATIENT
from hfskin.words import en as text

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pipeline(page_checkpoint):
    return hfskin.load(page_checkpoint)


@pytest.fixture(scope="module")
def prediction(pipeline):
    return pipeline(LESIONS[0], age=50, sex="female", localization="back")


@pytest.fixture
def thresholds():
    return hfskin.HfskinConfig(
        malignant_threshold=0.2, malignant_sensitivity=0.95, conformal_threshold=0.1, conformal_coverage=0.9
    )


def test_every_sex_and_site_has_plain_words():
    assert set(text.SEXES) == set(SEXES)
    assert set(text.SITES) == set(SITES)


def test_one_example_a_class_with_its_picture_and_true_diagnosis():
    examples = load_examples()
    assert [example.dx for example in examples] == list(CLASSES)
    assert all(example.path.is_file() and example.dx_type in text.TRUTH_HOW for example in examples)


def batch_html(rows, config, notes=()):
    return rows_html(Looked(rows, {}, list(notes)), config, "", text)


def test_every_example_is_answered_and_a_bad_picture_of_one_is_to_be_taken_again(pipeline):
    """Nobody's own lesion may be told that it is none, as a cat is."""
    for seed, example in enumerate(load_examples()):
        patient = example.age, example.sex, example.localization
        assert pipeline(example.path, *patient).status != "refused", example
        with Image.open(example.path) as picture:
            taken = {
                "blurred": picture.filter(ImageFilter.GaussianBlur(3)),
                "very blurred": picture.filter(ImageFilter.GaussianBlur(8)),
                "from a screen": from_a_screen(picture, seed),
            }
        for how, bad in taken.items():
            prediction = pipeline(bad, *patient)
            said = verdict(prediction, pipeline.config, text)
            advice = said.todo if said.kind == "refused" else " ".join(prediction.warnings)
            assert "take it again" in advice.lower(), (how, example)


def test_without_an_alarm_it_is_said_how_many_were_missed_elsewhere(tiny_checkpoint, tmp_path):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "measured")
    assert Checkpoints(str(folder)).get().missed_elsewhere(text) == ""
    elsewhere = {"melanomas": 25, "malignant_suspicious": {"value": 0.44}}
    (folder / "metrics.json").write_text(json.dumps({"elsewhere": elsewhere}))
    checkpoints = Checkpoints(str(folder))
    said = checkpoints.get().missed_elsewhere(text)
    assert "14 of 25 melanomas" in said


def spread(value) -> dict:
    return {"repeatability": {"difference": {"nine_in_ten": {"value": value}}}}


def test_figures_of_other_weights_or_of_a_strangers_make_are_none(tiny_checkpoint, tmp_path, lesion_path):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "measured")
    good = {"elsewhere": {"melanomas": 25, "malignant_suspicious": {"value": 0.44}}, **spread(0.3)}

    def of(metrics):
        (folder / "metrics.json").write_text(json.dumps(metrics))
        return Checkpoints(str(folder)).get()

    measured = digests(folder)
    now = of(good | {"measured": measured})
    assert now.missed_elsewhere(text)
    assert now.spread
    others = [{}, [], "x", measured | {"weights": "0"}, measured | {"calibration": "0"}]
    for odd in (
        *(good | {"measured": other} for other in others),
        *({"elsewhere": value, "repeatability": value} for value in (None, "x", 3, [1], {"melanomas": 1}, {})),
        *({"elsewhere": {"melanomas": 5, "malignant_suspicious": {"value": value}}} for value in ("x", math.nan, [])),
        *(spread(value) for value in (None, "x", math.nan, [])),
    ):
        checkpoint = of(odd)
        assert checkpoint.missed_elsewhere(text) == "", odd
        assert checkpoint.spread is None, odd
    answer, facts = look(Checkpoints(str(folder)), Question(str(lesion_path), UNKNOWN_PATIENT), ATTENTION, None, text)
    assert text.FAILED not in answer
    assert "&quot;spread&quot;: null" in facts


def test_an_answer_says_for_whom_it_is_where_the_file_knows(tiny_checkpoint, lesion_path, tmp_path):
    pytest.importorskip("pydicom")
    from dicom_files import dicom

    with Image.open(lesion_path) as lesion:
        (tmp_path / "lesion.dcm").write_bytes(dicom(lesion, BodyPartExamined="BACK"))
    question = Question(str(tmp_path / "lesion.dcm"), UNKNOWN_PATIENT)
    answer, _ = look(Checkpoints(str(tiny_checkpoint)), question, ATTENTION, None, text)
    assert "55 years · Sex: Male · Site on the body: Back" in answer


def test_what_people_named_is_escaped(prediction, thresholds):
    evil = "<img src=x onerror=alert(1)>"
    assert "<img" not in batch_html([Row(evil, error=evil), Row(evil, prediction)], thresholds, [evil])


def test_the_urgent_rows_come_first_and_the_csv_keeps_the_order(prediction, thresholds):
    def said(label, suspicious, malignant):
        return replace(prediction, label=label, suspicious=suspicious, malignant_probability=malignant)

    rows = [
        Row("calm.jpg", said("nv", False, 0.02)),
        Row("broken.jpg", error="broken.jpg: the file is empty"),
        Row("high.jpg", replace(said("nv", True, 0.4), prediction_set=["mel", "nv"])),
        Row("higher.jpg", said("mel", None, 0.9)),
    ]
    html = batch_html(rows, thresholds)
    names = re.findall(r'<th scope="row"><div><span>(.*?)</span>', html)
    assert names == ["higher.jpg", "high.jpg", "calm.jpg", "broken.jpg"]
    high = html.split("high.jpg", 1)[1].split("</tr>")[0]
    assert text.RULES_OUT_NOT.format(names="melanoma") in html
    assert DIAGNOSES["nv"] not in high, "a benign name beside a suspicious verdict"
    csv = base64.b64decode(re.search(r"base64,([^\"]*)", html)[1]).decode().splitlines()
    assert [line.split(",")[0] for line in csv[1:]] == [row.name for row in rows]


def test_a_note_that_all_rows_share_is_said_once(prediction, thresholds):
    rows = [Row(f"{i}.jpg", replace(prediction, label="nv", warnings=["the same", f"its own {i}"])) for i in range(3)]
    html = batch_html(rows, thresholds)
    assert html.count("The same.") == 1
    assert html.count("Its own") == 3


def test_a_batch_says_what_of_pictures_and_table_lies_alone(tiny_checkpoint, tmp_path, thresholds):
    table = tmp_path / "patients.csv"
    table.write_text(f"image_id,age\n{LESIONS[0].stem},50\nanother<b>,60\n")
    archive = make_zip(tmp_path / "a.zip", {"deep/one.jpg": LESIONS[1].read_bytes()})
    files = [str(LESIONS[0]), str(archive)]
    looked = look_at_all(Checkpoints(str(tiny_checkpoint)), "", files, str(table))
    assert [note.partition(":")[0] for note in looked.notes] == ["patients.csv"] * 2
    assert "1 picture has no row, such as deep/one.jpg" in looked.notes[0]
    assert "1 row has no picture, such as another<b>" in looked.notes[1]
    html = rows_html(looked, thresholds, "", text)
    assert "such as deep/one.jpg:" in html
    assert "<b>" not in html
    assert look_at_all(Checkpoints(str(tiny_checkpoint)), "", files, None).notes == []


# The model card


def test_the_cards_tables_scroll_and_are_reached_by_keyboard(tmp_path):
    (tmp_path / "README.md").write_text("a | b\n\n| c | d |\n|---|---|\n| 1 | 2 |\n\nend\n")
    card = render_card(lambda name: tmp_path / name, text)
    assert '<div class="scroll" tabindex="0">\n\n| c | d |\n|---|---|\n| 1 | 2 |\n\n</div>\n\n\nend' in card
    assert card.count("<div") == 1


def test_card_loses_its_yaml_and_carries_its_plots(tmp_path):
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "roc.png").write_bytes(b"plot")
    (tmp_path / "README.md").write_text(
        "---\nlicense: cc\n---\n# Card\n\n![ROC](plots/roc.png)\n![out](../out.png)\n![gone](gone.png)\n"
    )
    card = render_card(lambda name: tmp_path / name if (tmp_path / name).exists() else None, text)
    assert "license" not in card
    assert "## Card" in card
    assert "![ROC](data:image/png;base64,cGxvdA==)" in card
    assert "![gone](gone.png)" in card
    assert "![out](../out.png)" in card


def test_plots_beside_the_weights_are_shown_with_what_they_show(tmp_path):
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "roc.png").write_bytes(b"plot")
    html = plots_html(lambda name: tmp_path / name if (tmp_path / name).exists() else None, text)
    assert html.count("<img") == 1
    assert f'src="data:image/png;base64,cGxvdA==" alt="{text.PLOTS["plots/roc.png"]}"' in html


def test_a_card_that_is_no_utf_8_is_shown_all_the_same(tmp_path):
    (tmp_path / "README.md").write_bytes(b"# Card\n\nM\xfcnchen\n")
    assert render_card(lambda name: tmp_path / name, text) == "## Card\n\nM\ufffdnchen\n"


def test_checkpoint_without_a_card():
    assert render_card(lambda name: None, text) == text.NO_CARD
    assert plots_html(lambda name: None, text) == ""


# Uploads


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def open_upload(*paths: Path, patients=None) -> tuple[list, dict[str, str]]:
    upload = uploads.Upload(list(paths), patients and Patients(patients.items()))
    items = list(upload.items())
    return items, {row.name: row.error for row in upload.refused}


def test_zip_members_become_items_with_their_patients(tmp_path):
    lesion = LESIONS[0].read_bytes()
    archive = make_zip(tmp_path / "a.zip", {"x/one.jpg": lesion, "__MACOSX/x/one.jpg": b"", "notes.txt": b"hello"})
    items, refused = open_upload(archive, LESIONS[1], patients={"one": (50, "male", "back")})
    assert [(item.name, item.patient) for item in items] == [
        ("x/one.jpg", (50, "male", "back")),
        (LESIONS[1].name, (None, None, None)),
    ]
    assert items[0].image == lesion
    assert refused == {"notes.txt": f"notes.txt: {text.NOT_A_PICTURE}"}


@pytest.mark.parametrize("name", ["../up.jpg", "a/../../up.jpg", "/root.jpg", "..\\up.jpg", "C:\\up.jpg"])
def test_zip_members_that_climb_out_are_refused(tmp_path, name):
    items, refused = open_upload(make_zip(tmp_path / "a.zip", {name: LESIONS[0].read_bytes()}))
    assert items == []
    assert text.ZIP_CLIMBS in next(iter(refused.values()))


def test_zip_bomb_is_refused_before_it_fills_the_memory(tmp_path):
    archive = make_zip(
        tmp_path / "a.zip", {"bomb.png": bytes(uploads.MAX_FILE + 1), "good.jpg": LESIONS[0].read_bytes()}
    )
    assert archive.stat().st_size < uploads.MAX_FILE / 100
    items, refused = open_upload(archive)
    assert [item.name for item in items] == ["good.jpg"]
    assert "larger than 50 MB" in refused["bomb.png"]


def test_zip_with_an_endless_table_of_contents_is_refused(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {f"{i:060}.jpg": b"" for i in range(10_000)})
    items, refused = open_upload(archive)
    assert items == []
    assert "too many files" in refused["a.zip"]


def test_a_zip_member_without_a_name_is_refused(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"x.jpg": LESIONS[0].read_bytes()})
    archive.write_bytes(archive.read_bytes().replace(b"x.jpg", b"\0.jpg"))  # zipfile reads a name up to the first \0
    items, refused = open_upload(archive)
    assert items == []
    assert refused == {"a.zip": f"a.zip: {text.ZIP_BROKEN}"}


def test_broken_zip_and_broken_member_are_refused(tmp_path):
    (tmp_path / "text.zip").write_text("not a zip file")
    good = make_zip(tmp_path / "good.zip", {"one.jpg": LESIONS[0].read_bytes(), "two.jpg": LESIONS[1].read_bytes()})
    data = bytearray(good.read_bytes())
    data[200:260] = bytes(60)  # inside the first member
    (tmp_path / "hurt.zip").write_bytes(data)
    items, refused = open_upload(tmp_path / "text.zip", tmp_path / "hurt.zip")
    assert [item.name for item in items] == ["two.jpg"]
    assert set(refused) == {"text.zip", "one.jpg"}


def test_encrypted_member_is_refused(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"one.jpg": b"secret"})
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the table of contents
    archive.write_bytes(data)
    items, refused = open_upload(archive)
    assert items == []
    assert text.ZIP_ENCRYPTED in refused["one.jpg"]


def test_pictures_beyond_the_limit_are_named(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {f"{i}.jpg": b"x" for i in range(uploads.MAX_PICTURES + 2)})
    items, refused = open_upload(archive)
    assert len(items) == uploads.MAX_PICTURES
    assert len(refused) == 2


def test_a_file_lives_until_the_last_visit_that_uses_it_is_over(tmp_path):
    shared, own = tmp_path / "shared.jpg", tmp_path / "own.jpg"
    shared.touch(), own.touch()
    files = UploadFolder(tmp_path)
    files.hold("a", str(shared), str(own))
    files.hold("b", str(shared))
    files.release("a")
    assert shared.exists()
    assert not own.exists()
    files.release("b")
    assert not shared.exists()
    files.release("never came")


# Checkpoints


def test_checkpoint_choice(tiny_checkpoint, another_checkpoint, tmp_path):
    other = shutil.copytree(another_checkpoint, tmp_path / "other")
    checkpoints = Checkpoints(str(tiny_checkpoint))
    assert checkpoints.get("") is checkpoints.get(str(tiny_checkpoint))
    chosen = checkpoints.get(str(other))
    assert chosen is checkpoints.get(str(other)), "a checkpoint in use is not read again"
    assert chosen.name == "other"
    assert len(chosen.revision) == 12
    assert chosen.revision in chosen.describe(text)
    assert str(tmp_path) not in chosen.describe(text)
    assert checkpoints.renew(str(other)) is not chosen, "but it is when somebody asks for it anew"


def test_checkpoint_that_is_none_of_ours_is_refused(tiny_checkpoint, tmp_path):
    for name in ("model.safetensors", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((tiny_checkpoint / name).read_bytes())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit"}))
    with pytest.raises(HubError, match='of a "vit" model, not of hfskin'):
        Checkpoints(str(tiny_checkpoint)).get(str(tmp_path))
    with pytest.raises(HubError):
        Checkpoints(str(tiny_checkpoint)).get("no such checkpoint")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (b"[]", "holds no settings; copy it again"),
        (b'{"model_type": "hfsk', "damaged or only half there"),
        (b'{"model_type": "\xff"}', "invalid start byte"),
        (b"[" * 100_000, "nested too deeply"),
        (b" " * 1_000_001, "larger than 1 MB; copy it again"),
    ],
)
def test_a_broken_config_is_one_line(tiny_checkpoint, tmp_path, config, message):
    broken = shutil.copytree(tiny_checkpoint, tmp_path / "broken")
    (broken / "config.json").write_bytes(config)
    for ask in (Checkpoints, Checkpoints(str(tiny_checkpoint)).renew):
        with pytest.raises(HubError, match=message) as raised:
            ask(str(broken))
        assert str(raised.value).startswith(f"{broken}: ")
        assert "\n" not in str(raised.value)


def test_an_onnx_file_is_no_checkpoint_for_the_page(tiny_checkpoint):
    with pytest.raises(HubError, match=r"model\.onnx: an ONNX file; .* give the folder"):
        Checkpoints(str(tiny_checkpoint)).get("runs/mine/model.onnx")


def test_on_a_space_only_listed_checkpoints_are_read(tiny_checkpoint, another_checkpoint, tmp_path, monkeypatch):
    listed, other = shutil.copytree(tiny_checkpoint, tmp_path / "listed"), another_checkpoint
    monkeypatch.setenv("SPACE_ID", "somebody/hfskin")
    monkeypatch.setenv("HFSKIN_CHECKPOINTS", f"{listed}, user/name")
    checkpoints = Checkpoints(str(tiny_checkpoint))
    assert checkpoints.get(str(listed)).name == "listed"
    assert checkpoints.offer_others
    with pytest.raises(HubError, match="only the checkpoints of its list"):
        checkpoints.get(str(other))
    monkeypatch.delenv("HFSKIN_CHECKPOINTS")
    assert not Checkpoints(str(tiny_checkpoint)).offer_others


def test_revision_is_split_off_a_repository_but_not_off_a_folder(tmp_path):
    folder = tmp_path / "run@3"
    folder.mkdir()
    assert split_revision("user/name@v1") == ("user/name", "v1")
    assert split_revision("user/name") == ("user/name", None)
    assert split_revision(str(folder)) == (str(folder), None)


# The endpoints


@pytest.fixture(scope="module")
def client(page_url):
    client = program(page_url)
    yield client
    client.close()


def test_endpoint_gives_the_pipelines_numbers(client, pipeline):
    for lesion, patient in ((LESIONS[0], (50, "female", "back")), (LESIONS[9], (None, None, None))):
        answer = client.predict(handle_file(lesion), *patient, api_name="/predict")
        assert answer.pop("names") == DIAGNOSES
        expected = pipeline(lesion, *patient).to_dict()
        assert answer["probabilities"] == pytest.approx(expected.pop("probabilities"), abs=1e-5)
        for name in ("malignant_probability", "in_distribution_score"):
            value = expected.pop(name)
            assert answer[name] == (None if value is None else pytest.approx(value, abs=1e-4))
        assert {name: answer[name] for name in expected} == expected


def test_endpoint_takes_what_people_have_and_names_what_it_does_not_know(client, pipeline, tmp_path):
    answer = client.predict(handle_file(LESIONS[0]), 50, "F", "leg", api_name="/predict")
    assert answer["label"] == pipeline(LESIONS[0], 50, "female", "lower extremity").label
    (tmp_path / "text.jpg").write_text("not a picture")
    for arguments, message in (
        ((handle_file(LESIONS[0]), -3, None, None), "age: -3"),
        ((handle_file(LESIONS[0]), "abc", None, None), "age: 'abc'"),
        ((handle_file(LESIONS[0]), None, "robot", None), "sex: 'robot'"),
        ((handle_file(LESIONS[0]), None, None, "moon"), "localization: 'moon'"),
        ((handle_file(tmp_path / "text.jpg"), None, None, None), "text.jpg: not a picture"),
        ((None, None, None, None), "image: is missing"),
    ):
        with pytest.raises(AppError, match=message):
            client.predict(*arguments, api_name="/predict")


def test_batch_endpoint(client, pipeline, tmp_path):
    (tmp_path / "text.jpg").write_text("not a picture")
    archive = make_zip(tmp_path / "some.zip", {p.name: p.read_bytes() for p in LESIONS[:3]} | {"../out.jpg": b""})
    table = tmp_path / "patients.csv"
    table.write_text(f"image_id,age,sex,localization\n{LESIONS[0].stem},80,male,face\n{LESIONS[1].stem},300,,\n")
    files = [handle_file(path) for path in (archive, LESIONS[3], tmp_path / "text.jpg")]
    rows = {row["image"]: row for row in client.predict(files, handle_file(table), api_name="/predict_batch")}
    assert set(rows) == {*(p.name for p in LESIONS[:4]), "text.jpg", "../out.jpg"}
    first = pipeline(LESIONS[0], 80, "male", "face")
    assert rows[LESIONS[0].name]["probabilities"] == pytest.approx(first.probabilities, abs=1e-5)
    assert rows[LESIONS[1].name]["label"] == pipeline(LESIONS[1]).label, "a wrong age costs no answer"
    assert "300 is outside" in rows[LESIONS[1].name]["warnings"][0]
    assert rows[LESIONS[3].name]["label"] == pipeline(LESIONS[3]).label
    assert "not a picture" in rows["text.jpg"]["error"]
    assert "leads out" in rows["../out.jpg"]["error"]
    with pytest.raises(AppError, match="no column named image_id"):
        client.predict(files, handle_file(make_csv(tmp_path / "bad.csv")), api_name="/predict_batch")


def make_csv(path: Path) -> Path:
    path.write_text("a,b\n1,2\n")
    return path


def test_endpoint_refuses_what_is_no_lesion(client, page_checkpoint, text_page):
    if hfskin.HfskinConfig.from_pretrained(page_checkpoint).gate_threshold is None:
        pytest.skip("this checkpoint has no in-distribution gate")
    answer = client.predict(handle_file(text_page), None, None, None, api_name="/predict")
    assert answer["label"] is None
    assert answer["in_distribution"] is False


def test_a_programs_files_are_gone_after_its_visit(page_url, temporary_files, tmp_path):
    shutil.copy(LESIONS[8], tmp_path / "program.jpg")
    visitor = program(page_url)
    visitor.predict(handle_file(tmp_path / "program.jpg"), None, None, None, api_name="/predict")
    assert list(temporary_files.rglob("program.jpg"))
    visitor.close()
    wait_until(lambda: not list(temporary_files.rglob("program.jpg")))


def test_only_the_two_endpoints_are_public_and_typed(client):
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert set(endpoints) == {"/predict", "/predict_batch"}
    kinds = {p["parameter_name"]: p["type"].get("anyOf", [{}]) for p in endpoints["/predict"]["parameters"]}
    for name, kind in (("age", "number"), ("sex", "string"), ("localization", "string")):
        assert [either["type"] for either in kinds[name]] == [kind, "null"]
    assert "image" in kinds


def test_a_file_over_the_limit_is_not_taken(page_url, temporary_files):
    huge = {"files": ("huge.jpg", bytes(uploads.MAX_FILE + 10**6))}
    assert httpx.post(f"{page_url}gradio_api/upload", files=huge, trust_env=False).status_code == 413
    assert not any(path.stat().st_size > uploads.MAX_FILE for path in temporary_files.rglob("*.jpg"))


def test_the_page_keeps_no_history_and_phones_nobody(client):
    assert client.config["run_history"] is False
    assert client.config["analytics_enabled"] is False
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
