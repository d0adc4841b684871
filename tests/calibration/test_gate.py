"""The gate: its arithmetic, what it is fitted to, and that it tells real lesions from other things."""

import hashlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import hfskin
from hfskin.calibration.exposure import Exposure, fitting_half, lesion_views, other_views, read_exposure
from hfskin.calibration.gate import SURE, fit_gate, fit_gate_threshold
from hfskin.calibration.negatives import SYNTHETIC, shipped_paths, synthetic_pictures
from hfskin.checkpoints.layout import OLD_GATE_UNUSED
from hfskin.checkpoints.load import OLD_GATE
from hfskin.data.ham10000 import DataError
from hfskin.evaluation.gate import GIVEN, measure_gate, other_things, summarise_gate
from hfskin.inference.batch.predictions import gate_scores, predict_table
from hfskin.model.gate import LesionGate
from hfskin.model.image_reading import read_image


@pytest.fixture(scope="module")
def model():
    return hfskin.HfskinForImageClassification(
        hfskin.HfskinConfig(backbone="mobilenet_v3_small", image_size=(96, 128), pooling="avg", metadata_hidden=0)
    )


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def features():
    """Lesions and other things, (300, 40) and (60, 40), apart in a few of the features; one feature is always 0."""
    rng = np.random.default_rng(0)
    values = rng.normal(3, 1, size=(360, 40)).astype(np.float32)
    values[:300, :4] += 4
    values[:, 39] = 0
    return values[:300], values[300:]


@pytest.fixture
def elsewhere(tmp_path, table):
    """Six pictures of three patients, squashed to squares, and six other things, in folders."""
    lesions, others = tmp_path / "lesions", tmp_path / "others"
    for folder in (lesions, others):
        folder.mkdir()
    rows = ["image,patient_id,label,benign_malignant"]
    for i in range(6):
        Image.open(table["path"][i]).resize((120, 120)).save(lesions / f"l{i}.png")
        rows.append(f"l{i}.png,p{i // 2},{'mel' if i == 0 else ''},{'benign' if 0 < i < 5 else ''}")
        synthetic_pictures("screenshot", seed=7)[i].save(others / f"o{i}.png")
    (lesions / "labels.csv").write_text("\n".join(rows))
    return lesions, others


def test_the_gate_separates_and_a_silent_channel_has_no_say(model, features):
    lesions, others = features
    fit_gate(model, lesions, others)
    scores = [model.gate(torch.from_numpy(part)) for part in features]
    assert scores[0].shape == (300,)
    assert scores[0].dtype == torch.float32
    assert (scores[0] > 0).float().mean() > 0.98
    assert (scores[1] < 0).float().mean() > 0.98
    loud = torch.from_numpy(others).clone()
    loud[:, 39] = 9
    torch.testing.assert_close(model.gate(loud), scores[1])


def test_the_number_of_pictures_does_not_move_the_odds(model, features):
    lesions, others = features
    fit_gate(model, lesions, others)
    once = model.gate(torch.from_numpy(others)).mean().item()
    fit_gate(model, np.repeat(lesions, 4, axis=0), others)
    assert model.gate(torch.from_numpy(others)).mean().item() == pytest.approx(once, rel=0.15)


def test_gate_survives_safetensors_and_half_precision(model, features, tmp_path):
    fit_gate(model, *features)
    before = model.gate(torch.from_numpy(features[0]))
    save_file(model.gate.half().state_dict(), tmp_path / "gate.safetensors")
    again = LesionGate(40)
    again.load_state_dict(load_file(tmp_path / "gate.safetensors"))
    torch.testing.assert_close(again(torch.from_numpy(features[0])), before, rtol=1e-2, atol=1e-2)


def test_a_refusal_must_be_sure():
    scores = np.linspace(-4, 6, 1000)
    assert fit_gate_threshold(scores + 10) == SURE
    lenient = fit_gate_threshold(scores)
    assert lenient < SURE
    assert (scores >= lenient).mean() == pytest.approx(0.995)


def test_halves_depend_on_the_name_alone_and_keep_patients_together(elsewhere):
    names = [hashlib.md5(str(i).encode()).hexdigest() for i in range(400)]
    fits = fitting_half(names)
    assert 160 <= fits.sum() <= 240
    assert (fitting_half(names[::-1]) == fits[::-1]).all()
    found = read_exposure(*elsewhere).lesions
    assert list(found["patient"]) == ["p0", "p0", "p1", "p1", "p2", "p2"]
    assert list(found["dx"]) == ["mel", "", "", "", "", ""]
    assert list(found["is_labelled"]) == [True] * 5 + [False]


def test_the_tables_beside_lesions_from_elsewhere_are_read_as_any_other(elsewhere):
    lesions, _ = elsewhere
    before = read_exposure(lesions, None).lesions
    (lesions / "labels.csv").unlink()
    (lesions / "._labels.csv").write_bytes(b"\0\5\xff\x80")  # macOS leaves such
    (lesions / "labels.csv").write_text(
        "Image;Label;benign_malignant\nl0;mel;\n" + "".join(f"l{i};;benign\n" for i in range(1, 5))
    )
    (lesions / "patients.csv").write_text("image,patient_id\n" + "".join(f"l{i}.png,p{i // 2}\n" for i in range(6)))
    pd.testing.assert_frame_equal(read_exposure(lesions, None).lesions, before)
    (lesions / "empty.csv").write_bytes(b"")
    pd.testing.assert_frame_equal(read_exposure(lesions, None).lesions, before)


def test_other_things_in_several_folders_may_have_one_name(elsewhere, tmp_path):
    _, others = elsewhere
    for place in (others / "cars", others / "masks"):  # masks are no pictures
        place.mkdir()
        shutil.copy(others / "o1.png", place)
    assert [path.relative_to(others).as_posix() for path in read_exposure(None, others).others] == [
        "o0.png", "cars/o1.png", "o1.png", "o2.png", "o3.png", "o4.png", "o5.png",
    ]  # fmt: skip


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=f"{tmp_path}: no pictures"):
        read_exposure(None, tmp_path)


def test_what_fits_does_not_judge(elsewhere, table):
    exposure = read_exposure(*elsewhere)
    fits = fitting_half(exposure.lesions["patient"])
    # As it is, brought to 4:3, changed.
    assert len(list(lesion_views(table, exposure))) == 2 * len(table) + 3 * fits.sum()
    fitted = {image.tobytes() for image in other_views(exposure)}
    judging = {kind: list(images) for kind, images in other_things(exposure).items()}
    assert len(judging[GIVEN]) == 6 - fitting_half(path.name for path in exposure.others).sum()
    assert {"skimage", *SYNTHETIC} <= judging.keys()
    drawn = [image for kind in ("noise", "text", "screenshot", GIVEN) for image in judging[kind]]
    assert fitted.isdisjoint(image.tobytes() for image in drawn)
    for image in judging["skimage"]:
        read_image(image)


@pytest.mark.parametrize("kind", ["checkerboard", "screenshot", "text"])
def test_synthetic_pictures_depend_on_the_seed_alone(kind):
    def pixels(images):
        return [image.tobytes() for image in images]

    assert pixels(synthetic_pictures(kind)) == pixels(synthetic_pictures(kind))
    assert pixels(synthetic_pictures(kind, seed=1)) != pixels(synthetic_pictures(kind))


def test_libraries_ship_pictures():
    assert all(shipped_paths()[package] for package in ("gradio", "matplotlib", "sklearn"))


def test_summary_by_hand():
    home = np.array([2.0, 1.0, 0.5, -3.0]), np.array(["akiec", "akiec", "bcc", "nv"]), np.arange(4)
    away = np.array([3.0, -1.0]), np.array(["mel", "mel"]), np.array(["p", "q"])
    others = {"sklearn": np.array([-2.5, -4.0]), "noise": np.array([-9.0, 0.9])}
    summary = summarise_gate({"home": home, "elsewhere": away}, others, threshold=-0.5)
    assert summary["lesions"]["accepted"]["value"] == 0.75
    assert summary["lesions"]["per_class"]["nv"]["accepted"]["value"] == 0.0
    assert "vasc" not in summary["lesions"]["per_class"]
    akiec = summary["lesions"]["per_class"]["akiec"]["accepted"]
    assert akiec["value"] == 1
    assert akiec["low"] == pytest.approx(0.342, abs=0.001)  # resampling two pictures would be sure of it
    assert summary["elsewhere"]["elsewhere"]["per_class"]["mel"]["n"] == 2
    assert summary["elsewhere"]["elsewhere"]["accepted"]["value"] == 0.5
    one = summarise_gate({"home": (np.array([1.0, -1.0]), np.array(["nv", "nv"]), np.zeros(2))}, others, threshold=-0.5)
    assert one["lesions"]["accepted"]["value"] == 0.5  # a lesion's two pictures need not fare alike
    photographs = summary["negatives"]["photographs"]
    assert (photographs["n"], photographs["refused"]["value"], photographs["auroc"]) == (2, 1.0, 11 / 12)
    assert photographs["refused"]["low"] == pytest.approx(0.342, abs=0.001)  # Wilson's, of 2 in 2
    assert summary["negatives"]["all"]["refused"]["value"] == 0.75


def test_embedded_gate_tells_lesions_from_other_things(embedded, table):
    summary = measure_gate(embedded, predict_table(embedded, table), Exposure())
    assert summary["lesions"]["accepted"]["value"] == 1
    assert summary["negatives"]["photographs"]["refused"]["value"] >= 0.9
    assert summary["negatives"]["all"]["refused"]["value"] >= 0.95
    assert summary["negatives"]["all"]["auroc"] >= 0.99


def test_embedded_gate_accepts_a_lesion_under_another_lamp(embedded, table):
    """Pale, dark, warm, cold and round views of a lesion of each kind."""
    views = []
    for path in table["path"]:
        pixels = np.asarray(read_image(path).image, dtype=float)
        y, x = np.mgrid[-1 : 1 : pixels.shape[0] * 1j, -1 : 1 : pixels.shape[1] * 1j]
        views += [pixels * gain for gain in (0.6, (1.15, 1, 0.8), (0.85, 1, 1.15))]
        views += [255 - (255 - pixels) * 0.7, pixels * (x**2 + (0.75 * y) ** 2 < 0.8)[..., None]]
    scores = gate_scores(embedded, (view.clip(0, 255).astype(np.uint8) for view in views))
    assert (scores >= embedded.config.gate_threshold).mean() >= 0.985


def test_a_gate_of_the_former_kind_is_left_out(tiny_checkpoint, lesion_path, tmp_path, caplog):
    """What is loaded answers every picture, and says how to get a gate."""
    old = tmp_path / "old"
    shutil.copytree(tiny_checkpoint, old)
    weights = {k: v for k, v in load_file(old / "model.safetensors").items() if not k.startswith("gate.")}
    save_file({**weights, **{name: torch.ones(3) for name in OLD_GATE}}, old / "model.safetensors", {"format": "pt"})
    config = json.loads((old / "config.json").read_text())
    del config["gate"]
    (old / "config.json").write_text(json.dumps({**config, "gate_components": 8, "gate_threshold": -1.2}))
    pipeline = hfskin.load(old, backend="torch")
    assert OLD_GATE_UNUSED in caplog.text
    assert pipeline(lesion_path).in_distribution is None
    assert pipeline.model.config.gate_threshold is None
    plain = hfskin.HfskinForImageClassification.from_pretrained(old)
    assert plain.gate is None
    assert "gate_components" not in plain.config.to_dict()


def test_a_checkpoint_without_gate_says_so(table):
    model = hfskin.HfskinForImageClassification(hfskin.HfskinConfig(backbone="mobilenet_v3_small", metadata_hidden=0))
    pipeline = hfskin.SkinLesionPipeline(model=model, image_processor=hfskin.HfskinImageProcessor())
    with pytest.raises(ValueError, match="no in-distribution gate"):
        gate_scores(pipeline, list(table["path"][:1]))
