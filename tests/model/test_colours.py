"""The same lesion in other colour spaces is the same lesion."""

import io

import numpy as np
import pytest
from hostile_files import png_chunk
from PIL import Image, ImageCms

from hfskin.model.colours import matrix_profile
from hfskin.model.image_reading import read_image

SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
DISPLAY_P3 = (0.3127, 0.3290, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
ADOBE_RGB = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
ADOBE_GAMMA = 563 / 256
SPACES = {"Display P3": (DISPLAY_P3, 2.2), "Adobe RGB": (ADOBE_RGB, ADOBE_GAMMA), "linear": (SRGB, 1.0)}


@pytest.fixture
def lesion(lesion_path):
    return Image.open(lesion_path).convert("RGB")


def moved(image: Image.Image, icc: bytes) -> Image.Image:
    """The same colours under another profile."""
    there = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    other = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), there)
    other.info.clear()  # it would be saved with the profile
    return other


def encoded(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def difference(data: bytes | Image.Image, image: Image.Image) -> float:
    """Mean levels between what is read and a picture."""
    return float(np.abs(np.asarray(read_image(data).image).astype(int) - np.asarray(image)).mean())


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("space", SPACES)
def test_a_profile_is_followed(lesion, format, space):
    icc = matrix_profile(*SPACES[space])
    other = moved(lesion, icc)
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 98, "subsampling": 0}}.get(format, {})
    data = encoded(other, format, icc_profile=icc, **lossless)
    plain = encoded(other, format, icc_profile=None, **lossless)
    assert difference(data, lesion) < 1.5 < 3 < difference(plain, lesion)
    assert read_image(data).warnings == []
    with Image.open(io.BytesIO(data)) as opened:
        assert difference(opened, lesion) < 1.5, "as a PIL image too"


def test_srgb_in_any_words_changes_nothing(lesion):
    for icc in (matrix_profile(SRGB, 2.2), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()):
        assert difference(encoded(lesion, "PNG", icc_profile=icc), lesion) == 0


def test_the_mark_of_cameras_for_adobe_rgb_is_followed(lesion):
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    other = moved(lesion, matrix_profile(ADOBE_RGB, ADOBE_GAMMA))
    assert difference(encoded(other, "PNG", exif=exif), lesion) < 1.5
    exif.get_ifd(0x8769)[0xA005] = {1: "R98"}
    assert difference(encoded(lesion, "PNG", exif=exif), lesion) == 0


def test_gamma_and_chromaticities_of_a_png_are_followed(lesion):
    def described(image: Image.Image, gamma: float, chromaticities=None, more: bytes = b"") -> bytes:
        data = encoded(image, "PNG")
        numbers = [round(100_000 * value) for value in chromaticities or ()]
        chunks = png_chunk(b"gAMA", round(100_000 / gamma).to_bytes(4, "big")) + more
        chunks += png_chunk(b"cHRM", b"".join(n.to_bytes(4, "big") for n in numbers)) if numbers else b""
        return data[:33] + chunks + data[33:]

    for chromaticities, gamma in SPACES.values():
        other = moved(lesion, matrix_profile(chromaticities, gamma))
        assert difference(described(other, gamma, chromaticities), lesion) < 1.5
        said = described(other, gamma, chromaticities, png_chunk(b"sRGB", b"\0"))
        assert difference(said, other) == 0, "sRGB says more"
    assert difference(described(lesion, 2.2), lesion) == 0, "what most programs write"
    read = read_image(described(lesion, 1e4))
    assert "colour profile cannot be used" in read.warnings[0]


def test_an_unusable_profile_is_a_warning(lesion):
    grey = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for icc in (b"nonsense", matrix_profile(DISPLAY_P3, 2.2)[:200], grey):
        image, notes, _ = read_image(encoded(lesion, "PNG", icc_profile=icc))
        assert notes == ["its colour profile cannot be used: colours may differ from the original"]
        np.testing.assert_array_equal(np.asarray(image), np.asarray(lesion))


def test_grey_and_clear_pictures_have_profiles_too(lesion):
    icc = matrix_profile(SRGB, 1.0)
    grey = lesion.convert("L")
    linear = moved(Image.merge("RGB", [grey] * 3), icc).getchannel("R")
    assert difference(encoded(linear, "PNG", icc_profile=icc), Image.merge("RGB", [grey] * 3)) < 1.5
    clear = moved(lesion, matrix_profile(DISPLAY_P3, 2.2))
    clear.putalpha(0)
    assert (np.asarray(read_image(encoded(clear, "PNG", icc_profile=icc)).image) == 255).all()
