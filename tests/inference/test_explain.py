"""Attention and Grad-CAM, as maps and drawn on the picture."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter
from screens import from_a_screen

import hfskin
from hfskin.inference.attention import attention_map
from hfskin.inference.explain import grad_cam, heat_layer, overlay
from hfskin.inference.quality import (
    MAX_PEAK,
    MIN_SHARPNESS,
    has_lines,
    highest_peak,
    is_blurred,
    is_from_screen,
    sharpness,
    small_grey,
)


@pytest.fixture(scope="module")
def pipeline(tiny_checkpoint):
    return hfskin.load(tiny_checkpoint)


def grad_cam_by_hand(pipeline, image, label: str) -> np.ndarray:
    """Selvaraju et al. 2017, equations 1 and 2, on the backbone's own output, without captum."""
    row = pipeline.prepare(image)
    model = pipeline.model
    backbone, found = model.image_model.backbone, {}
    forward = backbone.forward_features

    def watched(pixels):
        found["map"] = forward(pixels)
        found["map"].retain_grad()
        return found["map"]

    backbone.forward_features = watched
    try:
        inputs = {
            name: torch.from_numpy(getattr(row, name)[None]).to(pipeline.device)
            for name in ("pixel_values", "metadata")
        }
        model(**inputs).logits[0, hfskin.CLASSES.index(label)].backward()
    finally:
        del backbone.forward_features
        model.zero_grad()
    weights = found["map"].grad.mean(dim=(2, 3), keepdim=True)
    return attention_map((weights * found["map"]).sum(dim=1).relu().detach().numpy(), row.pixel_values.shape[1:])


@pytest.mark.parametrize("label", ["mel", "nv"])
def test_grad_cam_is_what_the_paper_says(pipeline, lesion_path, label):
    heat = grad_cam(pipeline, lesion_path, label=label)
    assert heat.shape == (96, 128)
    assert heat.min() >= 0
    assert heat.max() <= 1
    np.testing.assert_allclose(heat, grad_cam_by_hand(pipeline, lesion_path, label), atol=1e-5)


def test_grad_cam_takes_the_most_probable_class_and_leaves_the_model_as_it_was(pipeline, lesion_path):
    before = pipeline(lesion_path)
    np.testing.assert_array_equal(
        grad_cam(pipeline, lesion_path),
        grad_cam(pipeline, lesion_path, label=max(before.probabilities, key=before.probabilities.get)),
    )
    assert pipeline(lesion_path).probabilities == before.probabilities
    assert all(parameter.grad is None for parameter in pipeline.model.parameters())


def test_grad_cam_says_what_it_cannot_do(pipeline, lesion_path):
    with pytest.raises(ValueError, match="no class is called 'melanoma'; choose one of: akiec, "):
        grad_cam(pipeline, lesion_path, label="melanoma")
    with pytest.raises(ValueError, match="load the checkpoint with backend='torch'"):
        grad_cam(hfskin.load(backend="onnx"), lesion_path)


def test_grad_cam_without_soft_attention(lesion_path):
    torch.manual_seed(0)
    config = hfskin.HfskinConfig(
        backbone="mobilenet_v3_small", image_size=(96, 128), attention_maps=0, pooling="avg", metadata_hidden=0
    )
    pipeline = hfskin.SkinLesionPipeline(
        model=hfskin.HfskinForImageClassification(config).eval(),
        image_processor=hfskin.HfskinImageProcessor(size={"height": 96, "width": 128}),
    )
    np.testing.assert_allclose(
        grad_cam(pipeline, lesion_path, label="mel"), grad_cam_by_hand(pipeline, lesion_path, "mel"), atol=1e-5
    )
    with pytest.raises(ValueError, match="no Soft-Attention"):
        overlay(lesion_path, pipeline(lesion_path))


def test_grad_cam_without_captum_says_what_to_install(pipeline, lesion_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ImportError, match=r"hfskin\[explain\]"):
        grad_cam(pipeline, lesion_path)


def test_heat_layer_is_transparent_where_it_is_cold():
    layer = np.asarray(heat_layer(np.array([[0.0, 0.5, 1.0]])))
    assert layer[0, :, 3].tolist() == [0, 128, 255]
    brightness = layer[0, :, :3].sum(axis=1)
    assert brightness[0] < brightness[1] < brightness[2]


def test_overlay_colours_what_was_seen_and_darkens_the_rest(pipeline, lesion_path):
    wide = Image.new("RGB", (400, 150), (200, 100, 100))
    with Image.open(lesion_path) as lesion:
        wide.paste(lesion, (100, 0))
    prediction = pipeline(wide)
    hot = np.zeros((96, 128), dtype=np.float32)
    hot[:48] = 1
    shown = np.asarray(overlay(wide, prediction, hot, opacity=1)).astype(int)
    original = np.asarray(wide).astype(int)
    assert shown.shape == original.shape
    left, _, right, _ = prediction.crop
    assert (left, right) == (100, 300)
    np.testing.assert_allclose(shown[:, : int(left)], original[:, : int(left)] * 0.45, atol=1)
    np.testing.assert_array_equal(shown[90:, 100:300], original[90:, 100:300])
    assert (np.abs(shown[:60, 100:300] - (253, 231, 37)) < 3).all(), "viridis' yellow"


def test_overlay_is_upright(pipeline, lesion_path, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    with Image.open(lesion_path) as lesion:
        lesion.save(tmp_path / "turned.jpg", exif=exif)
        turned = lesion.height, lesion.width
    prediction = pipeline(tmp_path / "turned.jpg")
    assert overlay(tmp_path / "turned.jpg", prediction).size == turned
    with pytest.raises(ValueError, match="no Soft-Attention"):
        overlay(tmp_path / "turned.jpg", replace(prediction, attention=None))


def test_a_picture_that_stands_gets_the_answer_of_the_same_one_lying(pipeline, lesion_path):
    """And its heat lies on the lesion."""
    lying = Image.open(lesion_path)
    upright = lying.transpose(Image.Transpose.ROTATE_270)
    expected, found = pipeline(lying), pipeline(upright)
    assert list(found.probabilities.values()) == pytest.approx(list(expected.probabilities.values()), abs=0.01)
    assert found.crop == (0, 0, *upright.size)
    heats = [(found.attention, expected.attention), (grad_cam(pipeline, upright), grad_cam(pipeline, lying))]
    for heat, other in heats:
        assert heat.shape == other.shape[::-1]
        np.testing.assert_allclose(np.rot90(heat), other, atol=0.1)
    assert overlay(upright, found).size == upright.size


def test_blur_is_noticed_on_real_lesions(data_folder, pipeline):
    lesions = [Image.open(path).convert("RGB") for path in sorted((data_folder / "images").glob("*.jpg"))]
    assert not any(is_blurred(small_grey(lesion)) for lesion in lesions)
    blurred = [lesion.filter(ImageFilter.GaussianBlur(2.5)) for lesion in lesions]
    assert all(sharpness(small_grey(picture)) < MIN_SHARPNESS for picture in blurred)
    assert any("blurred" in warning for warning in pipeline(blurred[0]).warnings)
    assert not any("blurred" in warning for warning in pipeline(lesions[0]).warnings)


def test_a_screen_is_noticed_and_no_lesion_is_taken_for_one(data_folder):
    lesions = [Image.open(path).convert("RGB") for path in sorted((data_folder / "images").glob("*.jpg"))]
    assert max(map(highest_peak, lesions)) < MAX_PEAK / 5
    assert all(is_from_screen(from_a_screen(lesion, seed)) for seed, lesion in enumerate(lesions[::4]))


def test_hairs_and_a_ruler_are_noticed(data_folder, pipeline):
    hairy, clean = (data_folder / "images" / f"{name}.jpg" for name in ("ISIC_0024525", "ISIC_0024308"))
    assert any("hairs or a ruler" in warning for warning in pipeline(hairy).warnings)
    assert not any("hairs or a ruler" in warning for warning in pipeline(clean).warnings)
    ruled = Image.open(clean).convert("RGB").resize((800, 600))
    assert not has_lines(small_grey(ruled))
    pen = ImageDraw.Draw(ruled)
    pen.line((100, 520, 700, 520), "black", 5)
    for x in range(100, 701, 50):
        pen.line((x, 470, x, 520), "black", 5)
    assert has_lines(small_grey(ruled))
