import csv
import io
import json
from copy import copy

import numpy as np
import pytest
import torch
from datasets import Dataset
from PIL import Image, ImageFilter
from transformers import pipeline
from transformers.pipelines.pt_utils import KeyDataset
from typer.testing import CliRunner

import hfskin
from hfskin.cli import app
from hfskin.inference.batch.formats import FORMATS
from hfskin.inference.batch.items import Row
from hfskin.inference.batch.predictions import predict_table
from hfskin.inference.prediction import AGELESS, REFUSAL, REFUSED_BLURRED, UNUSUAL
from hfskin.model.labels import CLASSES
from hfskin.model.metadata import YOUNG

ANSWER = "label", "prediction_set", "malignant_probability", "suspicious"


@pytest.fixture(scope="module")
def tiny(tiny_checkpoint):
    return hfskin.load(tiny_checkpoint)


def test_answer_has_everything_that_the_contract_names(tiny, lesion_path):
    prediction = tiny(lesion_path, age=55, sex="male", localization="back")
    assert list(prediction.probabilities) == list(hfskin.CLASSES)
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    p = prediction.probabilities
    assert prediction.malignant_probability == pytest.approx(p["mel"] + p["bcc"] + p["akiec"])
    assert prediction.suspicious == (prediction.malignant_probability >= 0.3)
    best = max(p, key=p.get)
    assert set(prediction.prediction_set) == {c for c in p if p[c] >= 0.1} | {best}
    assert prediction.attention.shape == (96, 128)
    assert (prediction.attention.min(), prediction.attention.max()) == pytest.approx((0, 1))
    assert not any("unknown" in warning for warning in prediction.warnings)
    assert "attention" not in prediction.to_dict()


def test_probabilities_are_the_models_softmax(tiny, lesion_path):
    inputs = tiny.image_processor(lesion_path, return_tensors="pt")
    metadata = torch.from_numpy(hfskin.encode_metadata(30, "f", "foot"))[None]
    with torch.no_grad():
        expected = tiny.model(**inputs, metadata=metadata).logits.softmax(-1)[0]
    got = tiny(lesion_path, age=30, sex="F", localization="Foot").probabilities
    np.testing.assert_allclose(list(got.values()), expected, atol=1e-6)


def test_lists_give_lists_and_agree_with_single_calls(tiny, table):
    rows = table.iloc[:20]
    ages = [None if np.isnan(age) else age for age in rows["age"]]
    together = tiny(list(rows["path"]), age=ages, sex=list(rows["sex"]), localization="back")
    assert len(together) == 20
    for row, age, prediction in zip(rows.itertuples(), ages, together, strict=True):
        alone = tiny(row.path, age=age, sex=row.sex, localization="back")
        np.testing.assert_allclose(
            list(prediction.probabilities.values()), list(alone.probabilities.values()), atol=1e-5
        )
    columns = tiny(list(rows["path"])[:3], age=rows["age"][:3], sex=rows["sex"].to_numpy()[:3], localization="back")
    assert [answer.scores for answer in columns] == [pytest.approx(answer.scores, abs=1e-5) for answer in together[:3]]
    one_for_all = np.array(55)
    assert tiny([rows["path"][0]] * 2, age=one_for_all)[1].scores == tiny([rows["path"][0]] * 2, age=55)[1].scores
    assert tiny([]) == []
    with pytest.raises(ValueError, match="age: 2 values for 3 images"):
        tiny([table["path"][0]] * 3, age=[1, 2])


def test_every_kind_of_source_gives_the_same_answer(tiny, lesion_path):
    image = Image.open(lesion_path)
    answers = [
        tiny(source).probabilities
        for source in (lesion_path, str(lesion_path), lesion_path.read_bytes(), image, np.asarray(image))
    ]
    assert all(answer == answers[0] for answer in answers)


def test_unknown_metadata_and_small_pictures_are_warned_of(tiny, lesion_path):
    small = Image.open(lesion_path).resize((64, 48))
    warnings = " ".join(tiny(small, sex="male").warnings)
    assert "age, localization unknown" in warnings
    assert "small (64x48 pixels)" in warnings


@pytest.mark.parametrize("tta", [False, True])
def test_of_the_young_the_more_cautious_answer_counts(tiny, lesion_path, tta):
    pipeline = copy(tiny)
    pipeline.tta = tta
    alone = pipeline(lesion_path, sex="male", localization="back")
    told = {age: pipeline(lesion_path, age, "male", "back") for age in (1, 44, 45, 90)}
    branch = tiny.model.metadata_branch[0].weight
    branch.data[:, 0] *= -1  # what made an age harmless makes it suspicious, and the other way round
    try:
        turned = {age: pipeline(lesion_path, age, "male", "back") for age in told}
        pipeline.cautious = False
        plain = {age: pipeline(lesion_path, age, "male", "back") for age in told}
    finally:
        branch.data[:, 0] *= -1
    for answers in (told, turned):
        for age, answer in answers.items():
            same = answer.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
            assert (AGELESS in answer.warnings) == (same and age < YOUNG)
            assert answer.malignant_probability >= alone.malignant_probability - 1e-6 or age >= YOUNG
    assert len({AGELESS in answers[1].warnings for answers in (told, turned)}) == 2
    assert not any(AGELESS in answer.warnings for answer in plain.values())
    for age in (45, 90):
        assert plain[age].probabilities == turned[age].probabilities
    assert plain[1].probabilities != pytest.approx(alone.probabilities, abs=1e-5)


def test_a_refused_picture_gets_no_label(tiny_checkpoint, lesion_path):
    strict = hfskin.load(tiny_checkpoint)
    strict.model.config.gate_threshold = 1e9
    prediction = strict(lesion_path)
    assert prediction.in_distribution is False
    assert prediction.status == "refused"
    said = prediction.to_dict()
    for name in ("label", "probabilities", "prediction_set", "malignant_probability", "suspicious"):
        assert said[name] is None
    assert sum(prediction.scores.values()) == pytest.approx(1)
    assert said["raw"]["probabilities"] == prediction.scores
    assert prediction.warnings[0] == REFUSAL
    strict.model.config.gate_threshold = -1e9
    assert strict(lesion_path).in_distribution is True


def test_no_machine_output_of_a_refused_picture_holds_an_answer(tiny, lesion_path):
    refused = Row("a.jpg", tiny(lesion_path).refused(REFUSAL))
    (said,) = json.loads("".join(FORMATS["json"].pieces([refused])))
    assert {name for name, value in said.items() if value is None} >= {*ANSWER, "probabilities"}
    assert said["status"] == "refused"
    (line,) = csv.DictReader(io.StringIO("".join(FORMATS["csv"].pieces([refused]))))
    assert [line[name] for name in (*ANSWER, *CLASSES)] == [""] * (len(ANSWER) + len(CLASSES))
    assert line["status"] == "refused"
    table = "".join(FORMATS["table"].pieces([refused]))
    assert REFUSAL in table
    assert "%" not in table
    (line,) = csv.DictReader(io.StringIO("".join(FORMATS["isic"].pieces([refused]))))  # wants every picture
    assert sum(float(line[c.upper()]) for c in CLASSES) == pytest.approx(1)


def test_a_score_between_the_thresholds_is_unusual_and_a_blurred_picture_gets_advice(tiny_checkpoint, lesion_path):
    pipeline = hfskin.load(tiny_checkpoint, backend="torch")
    config, score = pipeline.config, pipeline(lesion_path).in_distribution_score
    config.gate_threshold, config.unusual_threshold = score - 1, score + 1
    prediction = pipeline(lesion_path)
    assert (prediction.status, prediction.in_distribution) == ("unusual", True)
    assert prediction.label is not None
    assert prediction.warnings[0] == UNUSUAL
    config.unusual_threshold = score
    assert pipeline(lesion_path).status == "answered"
    blurred = Image.open(lesion_path).filter(ImageFilter.GaussianBlur(5))
    assert any("take it again" in warning for warning in pipeline(blurred).warnings)
    config.gate_threshold = 1e9
    assert pipeline(blurred).warnings[0] == REFUSED_BLURRED
    assert pipeline(lesion_path).warnings[0] == REFUSAL


def test_where_nothing_can_be_seen_there_is_no_answer(tiny):
    """Whatever the gate says of such a picture."""
    for colour in ("white", "black", (205, 160, 150)):
        noise = np.random.default_rng(0).normal(0, 1, (150, 200, 3))
        picture = np.asarray(Image.new("RGB", (200, 150), colour)) + noise
        prediction = tiny(picture.clip(0, 255).astype(np.uint8))
        assert prediction.status == "refused"
        assert prediction.label is None


def test_wrong_values_name_the_field(tiny, lesion_path):
    for values, message in (
        ({"age": -3}, "age: -3"),
        ({"age": "abc"}, "age: 'abc'"),
        ({"localization": "moon"}, "'moon'"),
    ):
        with pytest.raises(hfskin.MetadataError, match=message):
            tiny(lesion_path, **values)
    with pytest.raises(hfskin.ImageError, match=r"gone\.jpg: no such file"):
        tiny("gone.jpg")
    with pytest.raises(TypeError, match="unknown argument 'gender'"):
        hfskin.SkinLesionPipeline(model=tiny.model, image_processor=tiny.image_processor, gender="m")


def test_transformers_pipelines_agree(tiny, tiny_checkpoint, lesion_path):
    expected = tiny(lesion_path).probabilities
    ours = pipeline("skin-lesion-classification", model=str(tiny_checkpoint))(lesion_path, sex=None)
    assert ours.probabilities == pytest.approx(expected, abs=1e-6)
    image_only = pipeline("image-classification", model=str(tiny_checkpoint), top_k=7)(str(lesion_path))
    assert {row["label"]: row["score"] for row in image_only} == pytest.approx(expected, abs=1e-5)


def test_a_pipeline_is_saved_as_a_checkpoint_folder(tiny, tmp_path, lesion_path):
    tiny.save_pretrained(tmp_path / "saved")
    assert hfskin.load(tmp_path / "saved")(lesion_path).probabilities == pytest.approx(tiny(lesion_path).probabilities)


def test_a_folder_without_processor_is_refused(tiny_checkpoint, tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((tiny_checkpoint / name).read_bytes())
    with pytest.raises(ValueError, match=r"no preprocessor_config\.json.*save the processor"):
        hfskin.load(tmp_path)


@pytest.fixture(scope="module")
def with_tta() -> hfskin.SkinLesionPipeline:
    pipeline = hfskin.load(backend="torch")
    pipeline.tta = True
    return pipeline


def test_answers_with_tta_are_means_over_the_mirror_images(with_tta, embedded, table):
    rows = table.head(3)
    expected = predict_table(embedded, rows, tta=True).probabilities
    patients = [list(rows[field]) for field in ("age", "sex", "localization")]
    alone, mean = (pipeline(list(rows["path"]), *patients) for pipeline in (embedded, with_tta))
    told, averaged = ([list(p.probabilities.values()) for p in given] for given in (alone, mean))
    np.testing.assert_allclose(averaged, expected, atol=1e-5)
    assert np.abs(np.subtract(told, averaged)).max() > 1e-3
    assert [m.in_distribution_score for m in mean] == pytest.approx([a.in_distribution_score for a in alone])


@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_the_command_asks_for_the_mean_over_mirror_images(backend, with_tta, lesion_path):
    command = ["predict", str(lesion_path), "--format", "json", "--backend", backend, "--mirrored"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    (answer,) = json.loads(result.stdout)
    assert answer["probabilities"] == pytest.approx(with_tta(lesion_path).probabilities, abs=1e-4)


@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_generators_and_data_sets_are_answered_in_batches(backend, table):
    rows = table.head(5)
    paths, ages = [str(path) for path in rows["path"]], [30, None, 50, 60, 70]
    answering = hfskin.load(backend=backend)
    expected = [answer.scores for answer in answering(paths, age=ages)]
    data = Dataset.from_dict({"image": paths, "age": ages})
    for images in ((path for path in paths), data["image"], KeyDataset(data, "image")):
        answers = answering(images, age=data["age"], batch_size=2, num_workers=2)
        for found, wanted in zip(answers, expected, strict=True):
            assert found.scores == pytest.approx(wanted, abs=1e-5)
    with pytest.raises(ValueError, match="fewer values of age"):
        list(answering((path for path in paths), age=[1, 2]))


def test_transformers_own_pipeline_takes_its_arguments(tiny_checkpoint, lesion_path):
    made = pipeline("skin-lesion-classification", model=str(tiny_checkpoint), batch_size=2, num_workers=1)
    alone = made(lesion_path)
    assert [answer.scores for answer in made([lesion_path] * 3)] == [pytest.approx(alone.scores, abs=1e-5)] * 3
    for dtype in ("float16", "bfloat16"):
        half = pipeline("skin-lesion-classification", model=str(tiny_checkpoint), dtype=dtype)
        assert half(lesion_path).scores == pytest.approx(alone.scores, abs=0.05)
