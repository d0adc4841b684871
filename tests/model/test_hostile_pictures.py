"""Pictures that were made to do harm: each is refused in one line, quickly, in little memory."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_files import (
    JPEG,
    PICTURES,
    PNG,
    SMALL,
    UPLOADS,
    encoded,
    gif_with,
    jpeg_segment,
    jpeg_with,
    png_chunk,
    png_with,
    tiff,
)
from paths import DATA, ROOT
from PIL import Image
from slowness import slowness

from hfskin.model.image_reading import MAX_BYTES, ImageError, read_image
from hfskin.model.tiff_tags import orientation

LESIONS = sorted((DATA / "images").glob("*.jpg"))

OVERLAPPING = tiff([(i, 7, 10**6, 0) for i in range(900)], bytes(10**6))
TAGS = tiff([(i, 7, 50_000, 0) for i in range(900)], bytes(50_000))
STRIPS = 5 * 10**6
BMP_RLE = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 1078, 0, 0, 1078, 40, 64, 64, 1, 8, 1, 0, 0, 0, 256, 0) + bytes(1024)
BOMBS = {
    "endless.gif": gif_with(10_000),
    "chunks.png": png_with(30_000, b"abCd", b""),
    "segments.jpg": jpeg_with(2000, 0xFE, b""),
    "tags.jpg": jpeg_with(1, 0xE1, b"Exif\0\0" + TAGS),
    "joined.jpg": JPEG[:2] + b"".join(
        jpeg_segment(0xE1, b"Exif\0\0" + OVERLAPPING[i : i + 60_000]) for i in range(0, len(OVERLAPPING), 60_000))
    + JPEG[2:],
    "scans.jpg": JPEG[:2] + jpeg_segment(0xC2, b"\x08" + struct.pack(">HH", 7000, 8000) + bytes(10))
    + jpeg_segment(0xDA, bytes(8)) * 30,
    "tags.tif": OVERLAPPING,
    "below.tif": tiff([(34665, 4, 1, 26)], b"\x84\x03" + OVERLAPPING[10:]),  # the same, in an EXIF directory
    "strips.tif": tiff([(256, 4, 1, 64), (257, 4, 1, 64), (273, 4, STRIPS, 50), (278, 4, 1, 1)], bytes(4 * STRIPS)),
    "tile.tif": tiff([(256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (322, 4, 1, 30_000), (323, 4, 1, 30_000)]),
    "big.tif": b"II+\0\x08\0\0\0" + bytes(100),
    "runs.bmp": BMP_RLE,
    "huge.webp": b"RIFF\x1e\0\0\0WEBPVP8L\x11\0\0\0\x2f" + struct.pack("<I", 15999 | 15999 << 14) + bytes(12),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_is_decoded(name):
    with pytest.raises(ImageError, match=f"^{name}: refused: .*; save it again as a plain JPEG or PNG$"):
        read_image(BOMBS[name], name)


def test_exif_that_would_fill_the_memory_does_not():
    """Pillow takes 11 GB for such a block in a PNG; its orientation is read without Pillow."""
    block = tiff([(i, 7, 200_000, 0) for i in range(65_000)], bytes(200_000))
    picture = read_image(PNG[:33] + png_chunk(b"eXIf", block) + PNG[33:])
    assert picture.image.size == (64, 64)


def test_nothing_is_handed_to_another_program(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(ImageError, match="not a picture that can be read"):
        read_image(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\n%%EOF\n")


def test_a_file_without_an_end(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", Path("/dev/zero")):
        with pytest.raises(ImageError, match="not a file that has an end"):
            read_image(path)
    with (tmp_path / "long.jpg").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ImageError, match="more than 100 MB"):
        read_image(tmp_path / "long.jpg")


@pytest.mark.parametrize("turned", range(1, 9))
def test_orientation_is_read_as_pillow_reads_it(turned):
    exif = Image.Exif()
    exif[0x0112] = turned
    assert orientation(exif.tobytes()) == turned
    assert orientation(b"", f'<x tiff:Orientation="{turned}"/>') == turned


def test_damaged_exif_costs_no_picture():
    for block in (b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xffx", b"nonsense"):
        assert orientation(block) == 1
        assert read_image(JPEG[:2] + jpeg_segment(0xE1, block) + JPEG[2:]).image.size == (64, 64)


def test_the_second_picture_of_a_phones_mpo_does_not_matter():
    read = read_image(encoded(SMALL, "MPO", save_all=True, append_images=[Image.new("L", (32, 32))]))
    assert read.image.size == (64, 64)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is read from /proc")
def test_what_would_cost_a_reader_dear_takes_two_seconds_and_300_megabytes():
    command = [sys.executable, str(ROOT / "tests" / "measure_costs.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    lines = [line.split(maxsplit=4) for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == [*PICTURES, *UPLOADS]
    limit = 2 * slowness()
    assert [line for line in lines if float(line[2]) >= 300 or float(line[3]) >= limit] == []


IN_LITTLE_MEMORY = """
import re, sys, time
from pathlib import Path
from PIL import Image
from hfskin.model.image_reading import ImageError, read_image
def peak():  # kB; ru_maxrss would count the large process that started this one
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
read_image(sys.argv[2])
before = peak()
try:
    read_image(sys.argv[1])
except ImageError as error:
    print(error)
print((peak() - before) / 1000, time.process_time())
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the peak of memory is read from /proc")
@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "RGBA", {"compress_level": 1}),
        ("JPEG", "RGB", {}),
        ("TIFF", "F", {"compression": "tiff_adobe_deflate"}),
    ],
)
def test_the_largest_pictures_need_less_than_a_gigabyte_and_ten_seconds(tmp_path, kind, mode, options):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "large"
    Image.new(mode, (12_000, 9_000)).save(path, kind, exif=exif, **options)
    command = [sys.executable, "-c", IN_LITTLE_MEMORY, str(path), str(LESIONS[0])]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    megabytes, seconds = map(float, output.split()[-2:])
    assert 300 < megabytes < 1000, output
    assert seconds < 10 * slowness(), output
