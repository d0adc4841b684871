import itertools

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor

from hfskin import HfskinImageProcessor, ImageError
from hfskin.model.preprocessing import center_box, lies_across


def test_output_has_the_models_size_and_normalisation(lesion_path):
    processor = HfskinImageProcessor(
        size={"height": 96, "width": 128}, image_mean=(0.1, 0.2, 0.3), image_std=(0.5, 0.6, 0.7)
    )
    pixels = processor(lesion_path, return_tensors="pt")["pixel_values"]
    assert pixels.shape == (1, 3, 96, 128)
    resized = np.asarray(Image.open(lesion_path).resize((128, 96), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    expected = (resized - np.array([0.1, 0.2, 0.3])) / np.array([0.5, 0.6, 0.7])
    torch.testing.assert_close(pixels[0].double(), torch.from_numpy(expected).permute(2, 0, 1), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("size", "box"),
    [((200, 150), (0, 0, 200, 150)), ((400, 150), (100, 0, 300, 150)), ((150, 200), (0, 43.75, 150, 156.25))],
)
def test_crop_keeps_the_shape_of_the_lesion(size, box):
    assert center_box(*size, aspect=4 / 3) == pytest.approx(box)


def test_an_upright_picture_is_seen_turned_and_whole(lesion_path):
    processor, lying = HfskinImageProcessor(), Image.open(lesion_path)
    upright = lying.transpose(Image.Transpose.ROTATE_270)
    assert processor.crop_box(upright) == (0, 0, *upright.size)
    seen, expected = (processor(image, return_tensors="pt")["pixel_values"] for image in (upright, lying))
    assert (seen - expected).abs().max() < 0.02  # a level, where rounding differs


def test_what_is_turned():
    assert lies_across(150, 200, aspect=4 / 3)
    assert lies_across(200, 150, aspect=3 / 4)
    assert not any(
        lies_across(*size, aspect) for size, aspect in [((200, 150), 4 / 3), ((150, 150), 4 / 3), ((150, 200), 1)]
    )


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((160, 160), (0, 0, 160, 160)),
        ((160, 90), (0, 0, 160, 90)),
        ((120, 160), (0, 0, 120, 160)),
        ((400, 150), (400 / 6, 0, 2000 / 6, 150)),
    ],
)
def test_less_is_cropped_where_pictures_may_be_stretched(size, box):
    processor = HfskinImageProcessor(max_stretch=4 / 3)
    assert processor.crop_box(Image.new("RGB", size)) == pytest.approx(box)


def test_a_squashed_picture_gets_its_shape_back(lesion_path):
    lesion = Image.open(lesion_path)
    processor = HfskinImageProcessor(max_stretch=4 / 3)
    seen, expected = (processor(i, return_tensors="pt")["pixel_values"] for i in (lesion.resize((224, 224)), lesion))
    assert (seen - expected).abs().mean() < 0.02


def test_the_crop_never_leaves_the_picture():
    """Pillow refuses what rounding puts a millionth outside; 196x252 is the size of a vision transformer's patches."""
    sides = range(2, 400, 7)
    for aspect in (252 / 196, 4 / 3, 1, 16 / 9):
        for width, height in itertools.product(sides, sides):
            left, top, right, bottom = center_box(width, height, aspect)
            assert left >= 0
            assert top >= 0
            assert right <= width
            assert bottom <= height


def test_a_sharp_original_and_its_small_copy_look_alike(lesion_path):
    small = Image.open(lesion_path)
    large = small.resize((800, 600), Image.Resampling.BICUBIC)
    processor = HfskinImageProcessor()
    a, b = (processor(image, return_tensors="pt")["pixel_values"] for image in (small, large))
    assert (a - b).abs().mean() < 0.02


def test_pil_array_and_channel_first_tensor_agree(lesion_path):
    processor = HfskinImageProcessor()
    image = Image.open(lesion_path)
    array = np.asarray(image)
    expected = processor(image, return_tensors="pt")["pixel_values"]
    for other in (array, torch.from_numpy(array.copy()).permute(2, 0, 1), [image]):
        torch.testing.assert_close(processor(other, return_tensors="pt")["pixel_values"], expected)


def test_it_travels_through_a_folder(tmp_path, lesion_path):
    processor = HfskinImageProcessor(size={"height": 120, "width": 120}, image_mean=(0.4, 0.4, 0.4))
    processor.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "hfskin"}')
    loaded = AutoImageProcessor.from_pretrained(tmp_path)
    assert isinstance(loaded, HfskinImageProcessor)
    torch.testing.assert_close(
        loaded(lesion_path, return_tensors="pt")["pixel_values"],
        processor(lesion_path, return_tensors="pt")["pixel_values"],
    )


def test_another_lamp_changes_nothing_where_colours_are_balanced(lesion_path):
    processor = HfskinImageProcessor(colour_reference=[0.7, 0.55, 0.55])
    pixels = np.asarray(Image.open(lesion_path).convert("RGB"))
    warm = Image.fromarray((pixels * np.array([0.95, 0.8, 0.65])).round().astype(np.uint8))
    framed = Image.new("RGB", (240, 180))  # black counts for no colour
    framed.paste(Image.fromarray(pixels), (20, 15))
    plain, lit, surrounded = processor([Image.fromarray(pixels), warm, framed], return_tensors="pt")["pixel_values"]
    assert (plain - lit).abs().mean() < 0.01
    assert (plain * 0.5 + 0.5).mean(dim=(1, 2)).numpy() == pytest.approx([0.7, 0.55, 0.55], abs=0.01)
    inner = surrounded[:, 12:-12, 16:-16] * 0.5 + 0.5
    assert inner.mean(dim=(1, 2)).numpy() == pytest.approx([0.7, 0.55, 0.55], abs=0.03)
    expected = processor.preprocessing(Image.open(lesion_path))
    assert np.array_equal(processor(lesion_path, return_tensors="np")["pixel_values"][0], expected)


def test_half_the_strength_goes_half_the_way(lesion_path):
    picture = Image.open(lesion_path).convert("RGB")
    none, half, whole = (
        HfskinImageProcessor(colour_reference=[0.7, 0.5, 0.5], colour_strength=strength).preprocessing.resize(picture)
        for strength in (0.0, 0.5, 1.0)
    )
    assert np.array_equal(none, HfskinImageProcessor().preprocessing.resize(picture))
    ratios = [pixels.mean(axis=(1, 2)) / none.mean(axis=(1, 2)) for pixels in (half, whole)]
    assert ratios[0] ** 2 == pytest.approx(ratios[1], rel=0.02)


def test_a_black_picture_stays_black_where_colours_are_balanced():
    processor = HfskinImageProcessor(colour_reference=[0.7, 0.55, 0.55])
    assert processor(Image.new("RGB", (200, 150)), return_tensors="np")["pixel_values"].max() == -1


def pixels(processor, image, **kwargs) -> np.ndarray:
    return processor(image, return_tensors="np", **kwargs)["pixel_values"]


def test_it_does_what_it_is_called_with(lesion_path, tmp_path):
    processor = HfskinImageProcessor()
    larger = HfskinImageProcessor(size={"height": 96, "width": 200}, resample=Image.Resampling.NEAREST)
    called = pixels(processor, lesion_path, size={"height": 96, "width": 200}, resample=Image.Resampling.NEAREST)
    np.testing.assert_array_equal(called, pixels(larger, lesion_path))
    assert called.shape == (1, 3, 96, 200)
    assert pixels(processor, lesion_path, size=64).shape == (1, 3, 64, 64)
    as_it_is = pixels(processor, lesion_path, do_resize=False, do_rescale=False, do_normalize=False)[0]
    np.testing.assert_array_equal(as_it_is, np.moveaxis(np.asarray(Image.open(lesion_path)), -1, 0))
    last = pixels(processor, lesion_path, data_format="channels_last")
    np.testing.assert_array_equal(np.moveaxis(last, -1, 1), pixels(processor, lesion_path))
    assert pixels(processor, lesion_path, do_center_crop=True, crop_size=100).shape == (1, 3, 100, 100)
    processor.save_pretrained(tmp_path)
    loaded = HfskinImageProcessor.from_pretrained(tmp_path, size={"height": 96, "width": 200}, resample=0)
    np.testing.assert_array_equal(called, pixels(loaded, lesion_path))
    unresized = HfskinImageProcessor.from_pretrained(tmp_path, do_resize=False)
    assert pixels(unresized, lesion_path).shape == (1, 3, *np.asarray(Image.open(lesion_path)).shape[:2])
    with pytest.raises(ValueError, match="do_resize is off"):
        _ = unresized.preprocessing


@pytest.mark.parametrize(
    ("asked", "message"),
    [({"size": {"shortest_edge": 100}}, "give a height and a width"), ({"do_convert_rgb": False}, "RGB alone")],
)
def test_what_it_cannot_do_is_refused(lesion_path, asked, message):
    with pytest.raises(ValueError, match=message):
        pixels(HfskinImageProcessor(), lesion_path, **asked)


def test_numbers_of_every_kind_are_the_same_picture(lesion_path):
    processor = HfskinImageProcessor()
    levels = np.asarray(Image.open(lesion_path))
    expected = pixels(processor, lesion_path)
    share = torch.from_numpy(levels / np.float32(255)).permute(2, 0, 1)
    for same in (levels / 255, levels.astype(np.int64), levels.astype(np.float32), share, share.half(), [share]):
        np.testing.assert_allclose(pixels(processor, same), expected, atol=0.01)
    np.testing.assert_allclose(pixels(processor, share, do_rescale=False), expected, atol=0.01)
    grey = levels[..., 1]
    expected = pixels(processor, grey)
    for same in (grey[..., None], grey[None], torch.from_numpy(grey.copy())[None], np.stack([grey] * 3)):
        np.testing.assert_array_equal(pixels(processor, same), expected)


@pytest.mark.parametrize("wrong", [np.full((64, 64, 3), -1.0), np.full((64, 64, 3), 300), np.full((64, 64), np.nan)])
def test_numbers_that_are_no_picture_are_refused(wrong):
    with pytest.raises(ImageError, match="from 0 to 1"):
        pixels(HfskinImageProcessor(), wrong)
