import io
import struct
import zlib

import numpy as np
import pytest
from hostile_files import png_chunk
from PIL import Image, ImageCms

from hfskin.model.image_reading import ImageError, read_image


@pytest.fixture
def lesion(lesion_path):
    return Image.open(lesion_path).convert("RGB")


def encoded(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def test_path_bytes_pil_and_array_agree(lesion_path, lesion):
    expected = np.asarray(lesion)
    for source in (lesion_path, str(lesion_path), lesion_path.read_bytes(), lesion, expected):
        image, notes, _ = read_image(source)
        assert image.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(image), expected)
        assert notes == []


def test_exif_rotation_is_undone(lesion):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored rotated by 90 degrees, as phones do
    turned = encoded(lesion.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)
    np.testing.assert_array_equal(np.asarray(read_image(turned).image), np.asarray(lesion))


def test_cmyk_is_converted_and_said(lesion):
    image, notes, _ = read_image(encoded(lesion.convert("CMYK"), "JPEG", quality=95))
    assert image.mode == "RGB"
    assert any("CMYK" in note for note in notes)
    assert np.abs(np.asarray(image, float) - np.asarray(lesion)).mean() < 12


def test_16_bit_png_keeps_its_grey_levels(lesion):
    grey = np.asarray(lesion.convert("L"))
    image, notes, _ = read_image(encoded(Image.fromarray(grey.astype(np.uint16) * 257), "PNG"))
    assert any("16-bit" in note for note in notes)
    assert np.abs(np.asarray(image)[..., 0].astype(int) - grey).max() <= 1


def test_transparency_becomes_white(lesion):
    clear = lesion.copy()
    clear.putalpha(0)
    image, notes, _ = read_image(encoded(clear, "PNG"))
    assert (np.asarray(image) == 255).all()
    assert any("transparent" in note for note in notes)


def test_an_opaque_picture_is_not_filled_with_white(lesion):
    opaque = lesion.copy()
    opaque.putalpha(255)
    image, notes, _ = read_image(encoded(opaque, "PNG"))
    np.testing.assert_array_equal(np.asarray(image), np.asarray(lesion))
    assert notes == []


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_a_sensors_bits_in_a_16_bit_file_are_scaled(lesion, bits):
    grey = np.asarray(lesion.convert("L"))
    levels = (grey / 255 * (2**bits - 1)).astype(np.uint16)
    for kind in ("PNG", "TIFF"):
        image = read_image(encoded(Image.fromarray(levels), kind)).image
        assert np.abs(np.asarray(image)[..., 0].astype(int) - grey).max() <= 1


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_a_sensors_bits_in_a_16_bit_colour_file_are_scaled(lesion, bits):
    """In files that Pillow cannot write, in every order of bytes and planes."""
    tifffile = pytest.importorskip("tifffile")
    levels = (np.asarray(lesion) / 255 * (2**bits - 1)).astype(np.uint16)
    opaque = np.dstack([levels, np.full(levels.shape[:2], 2**bits - 1, np.uint16)])
    files = [png_of_16_bits(levels), png_of_16_bits(opaque)]
    for options in (
        {"byteorder": "<"},
        {"byteorder": ">"},
        {"compression": "zlib", "predictor": True},
        {"tile": (64, 64)},
        {"planarconfig": "separate"},
        {"planarconfig": "separate", "byteorder": ">", "tile": (64, 64)},
    ):
        file = io.BytesIO()
        planes = np.moveaxis(levels, -1, 0).copy() if "planarconfig" in options else levels
        tifffile.imwrite(file, planes, photometric="rgb", **options)
        files.append(file.getvalue())
    for data in files:
        image, notes, _ = read_image(data)
        assert np.abs(np.asarray(image).astype(int) - np.asarray(lesion)).max() <= 1
        assert notes == []


def test_colours_of_a_few_bits_whose_lower_ones_cannot_be_read_are_not_taken_for_night(lesion):
    tifffile = pytest.importorskip("tifffile")
    levels, file = np.asarray(lesion).astype(np.uint16) * 16, io.BytesIO()
    tifffile.imwrite(
        file, np.moveaxis(levels, -1, 0).copy(), photometric="rgb", planarconfig="separate", compression="zlib"
    )
    grey = np.dstack([levels[..., 0], np.full_like(levels[..., 0], 4095)])
    opened = Image.open(io.BytesIO(png_of_16_bits(levels)))  # whose file is not there any more, perhaps
    for source in (file.getvalue(), png_of_16_bits(grey), opened):
        with pytest.raises(ImageError, match="save it with 8 bits a colour"):
            read_image(source)


def png_of_16_bits(levels: np.ndarray) -> bytes:
    height, width, channels = levels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def test_a_lab_picture_needs_no_profile(lesion):
    lab = ImageCms.createProfile("LAB")
    picture = ImageCms.profileToProfile(lesion, ImageCms.createProfile("sRGB"), lab, outputMode="LAB")
    assert picture.info["icc_profile"]  # it is saved with Lab's own
    image, notes, _ = read_image(encoded(picture, "TIFF"))
    assert np.abs(np.asarray(image).astype(int) - np.asarray(lesion)).mean() < 1
    assert notes == []


def test_a_tiff_with_a_thumbnail_is_one_picture(lesion):
    small = lesion.resize((lesion.width // 4, lesion.height // 4))
    for first, second in ((lesion, small), (small, lesion)):
        image, notes, _ = read_image(encoded(first, "TIFF", save_all=True, append_images=[second]))
        np.testing.assert_array_equal(np.asarray(image), np.asarray(lesion))
        assert notes == []
    marked = lesion.transpose(Image.Transpose.ROTATE_90)  # of any shape, where it says that it is a copy
    marked.encoderinfo = {"tiffinfo": {254: 1}}
    pages = encoded(lesion, "TIFF", save_all=True, append_images=[marked])
    assert read_image(pages).image.size == lesion.size
    for other in (lesion, lesion.crop((0, 0, 40, 70))):
        with pytest.raises(ImageError, match="several frames or pages"):
            read_image(encoded(lesion, "TIFF", save_all=True, append_images=[other]))


def test_palette_and_grey_pictures_are_read(lesion):
    for mode in ("P", "L", "1", "LA"):
        stored = lesion.convert(mode)
        image = read_image(encoded(stored, "PNG")).image
        assert image.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(image), np.asarray(stored.convert("RGB")))


def _png_header(width: int, height: int) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(b"\0" * 100)) + png_chunk(b"IEND")


def test_each_bad_file_gets_a_message_that_names_it(tmp_path, lesion):
    frames = [lesion, lesion.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    bad = {
        "empty.jpg": (b"", "the file is empty"),
        "text.jpg": (b"not a picture", "not a picture that can be read"),
        "cut.jpg": (encoded(lesion, "JPEG")[:2000], "damaged or cut off"),
        "cut.png": (encoded(lesion, "PNG")[:9000], "damaged or cut off"),
        "dot.png": (encoded(Image.new("RGB", (1, 1)), "PNG"), "1x1 pixels is too small"),
        "huge.png": (_png_header(20_000, 20_000), "megapixels"),
        "bomb.png": (_png_header(200_000, 200_000), "megapixels"),
        "moving.gif": (encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), "has several frames"),
    }
    for name, (data, message) in bad.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageError, match=f"^{name}: .*{message}"):
            read_image(tmp_path / name)
    with pytest.raises(ImageError, match=r"^gone.jpg: no such file"):
        read_image(tmp_path / "gone.jpg")
    with pytest.raises(ImageError, match="cannot be opened"):
        read_image(tmp_path)
    with pytest.raises(ImageError, match="float64 array"):
        read_image(np.full((50, 50, 3), -1.0))
    with pytest.raises(ImageError, match="a dict is not a path"):
        read_image({})
