"""What was made to do harm: bombs, climbing paths, pickles. Each is refused in one line, quickly, in little memory."""

import io
import json
import os
import pickle
import pickletools
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest
from paths import ROOT
from PIL import Image

import hfskin
from hfskin.checkpoints.hub import HubError
from hfskin.demo import uploads
from hfskin.inference.batch.items import MetadataTableError
from hfskin.model.image_checks import orientation
from hfskin.model.image_reading import MAX_BYTES, ImageError, read_image
from hfskin.words import en as text

LESIONS = sorted((ROOT / "tests" / "data" / "images").glob("*.jpg"))


def encoded(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def jpeg_segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def tiff(tags: list[tuple[int, int, int, int]], rest: bytes = b"") -> bytes:
    """A TIFF file of one directory: tag, type, count, value or offset; `rest` follows it."""
    entries = b"".join(struct.pack("<HHLL", *tag) for tag in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4) + rest


SMALL = Image.new("RGB", (64, 64), "brown")
JPEG, PNG, GIF = (encoded(SMALL, kind) for kind in ("JPEG", "PNG", "GIF"))
GIF_HEADER = 13 + 3 * (2 << (GIF[10] & 7))
OVERLAPPING = tiff([(i, 7, 10**6, 0) for i in range(900)], bytes(10**6))
TAGS = tiff([(i, 7, 50_000, 0) for i in range(900)], bytes(50_000))
STRIPS = 5 * 10**6
BMP_RLE = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 1078, 0, 0, 1078, 40, 64, 64, 1, 8, 1, 0, 0, 0, 256, 0) + bytes(1024)
BOMBS = {
    "endless.gif": GIF[:GIF_HEADER] + b"\x21\xfe" + (b"\xff" + bytes(255)) * 10**4 + b"\0" + GIF[GIF_HEADER:],
    "chunks.png": PNG[:33] + png_chunk(b"abCd") * 30_000 + PNG[33:],
    "segments.jpg": JPEG[:2] + jpeg_segment(0xFE, b"") * 2000 + JPEG[2:],
    "tags.jpg": JPEG[:2] + jpeg_segment(0xE1, b"Exif\0\0" + TAGS) + JPEG[2:],
    "joined.jpg": JPEG[:2] + b"".join(
        jpeg_segment(0xE1, b"Exif\0\0" + OVERLAPPING[i : i + 60_000]) for i in range(0, len(OVERLAPPING), 60_000))
    + JPEG[2:],
    "scans.jpg": JPEG[:2] + jpeg_segment(0xC2, b"\x08" + struct.pack(">HH", 7000, 8000) + bytes(10))
    + jpeg_segment(0xDA, bytes(8)) * 30,
    "tags.tif": OVERLAPPING,
    "below.tif": tiff([(34665, 4, 1, 26)], b"\x84\x03" + OVERLAPPING[10:]),  # the same, in an EXIF directory
    "strips.tif": tiff([(256, 4, 1, 64), (257, 4, 1, 64), (273, 4, STRIPS, 50), (278, 4, 1, 1)], bytes(4 * STRIPS)),
    "tile.tif": tiff([(256, 4, 1, 64), (257, 4, 1, 64), (322, 4, 1, 30_000), (323, 4, 1, 30_000)]),
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
    block = tiff([(i, 7, 800_000, 0) for i in range(65_000)], bytes(800_000))
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
    assert seconds < 10, output


# Zip files and tables


def zip_of(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes], method=zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def refused(path: Path) -> tuple[list, dict[str, str]]:
    upload = uploads.Upload([path], {})
    return list(upload.items()), {row.name: row.error for row in upload.refused}


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_a_limit_are_refused(tmp_path, method):
    items, why = refused(zip_of(tmp_path / "a.zip", ("a.jpg", bytes(10**8)), method=method))
    assert items == []
    assert text.ZIP_METHOD in why["a.jpg"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_looked_at_once(tmp_path):
    first, second = (path.read_bytes() for path in LESIONS[:2])
    items, why = refused(zip_of(tmp_path / "a.zip", ("a.jpg", first), ("a.jpg", second)))
    assert [item.image for item in items] == [first]
    assert text.ZIP_TWICE in why["a.jpg"]


def test_a_symbolic_link_shows_nothing_of_the_server(tmp_path):
    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = 0o120777 << 16
    (item,), _ = refused(zip_of(tmp_path / "a.zip", (link, str(LESIONS[0]).encode())))
    assert item.image == str(LESIONS[0]).encode()
    with pytest.raises(ImageError, match="not a picture"):
        read_image(item.image)


def test_a_bomb_inside_a_zip_file_is_a_refused_picture(tmp_path):
    inner = zip_of(tmp_path / "inner.zip", ("a.jpg", bytes(10**6))).read_bytes()
    items, why = refused(
        zip_of(tmp_path / "a.zip", ("inner.zip", inner), ("inner.jpg", inner), ("b.gif", BOMBS["endless.gif"]))
    )
    assert text.NOT_A_PICTURE in why["inner.zip"]
    for item in items:
        with pytest.raises(ImageError, match=r"not a picture|refused"):
            read_image(item.image)


def test_an_uploaded_table_has_a_limit(tmp_path):
    (tmp_path / "m.csv").write_bytes(b"image_id,age\n" + b"a,1\n" * (uploads.MAX_TABLE // 4))
    with pytest.raises(MetadataTableError, match=r"^m.csv: a table of more than 10 MB"):
        uploads.read_uploaded_patients(tmp_path / "m.csv")


# Checkpoints


@pytest.fixture
def checkpoint(tiny_checkpoint, tmp_path) -> Path:
    for path in tiny_checkpoint.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def change(path: Path, **values) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("metadata_hidden", 10**9), ("image_size", [10**6, 10**6]), ("attention_maps", -1), ("temperature", 0),
        ("temperature", True), ("backbone", "../x"), ("backbone_kwargs", {"checkpoint_path": "x.pth"}),
        ("gate_threshold", "low"), ("malignant_threshold", 2), ("model_type", "vit"), ("pooling", None),
        ("partners", [{"backbone": "../x"}]), ("partners", [{"partners": [{}]}]), ("partners", [{}]),
        ("partners", [{"backbone": "mobilenet_v1"}] * 17),
    ],
)  # fmt: skip
def test_an_impossible_setting_is_named(checkpoint, name, value):
    change(checkpoint / "config.json", **{name: value})
    with pytest.raises(HubError, match=rf"\A[^\n]*({name}|of a 'vit'|\"vit\"|backbone arguments)[^\n]*\Z"):
        hfskin.load(checkpoint, backend="torch")


@pytest.mark.parametrize(
    ("name", "value"),
    [("size", {"height": 10**6, "width": 10**6}), ("size", None), ("image_std", [0, 0, 0]), ("resample", 99)],
)
def test_impossible_preprocessing_is_named(checkpoint, name, value):
    change(checkpoint / "preprocessor_config.json", **{name: value})
    with pytest.raises(HubError, match=f"{name} in its preprocessor_config.json is "):
        hfskin.load(checkpoint, backend="torch")


def test_settings_that_are_not_ours_do_nothing(checkpoint):
    change(
        checkpoint / "config.json",
        quantization_config={"quant_method": "x"},
        auto_map={"AutoConfig": "evil.Config"},
        transformers_weights="../../evil.bin",
        dtype="evil",
        sub_configs=1,
    )
    assert hfskin.load(checkpoint, backend="torch")(LESIONS[0]).probabilities


def test_weights_must_fit_to_the_last_and_be_numbers(checkpoint):
    from safetensors.torch import load_file, save_file

    path = checkpoint / "model.safetensors"
    good = load_file(path)
    without = {name: value for name, value in good.items() if name != "classifier.bias"}
    for bad, message in (
        (without, "1 weights differ, such as 'classifier.bias'"),
        ({**good, "more": good["classifier.bias"].clone()}, "1 weights differ, such as 'more'"),
        ({**good, "classifier.bias": good["classifier.bias"][:3].clone()}, "1 weights differ"),
        ({**good, "classifier.bias": good["classifier.bias"].int()}, "1 weights differ"),
        (
            {**good, "classifier.bias": good["classifier.bias"] * float("nan")},
            "classifier.bias in model.safetensors holds",
        ),
    ):
        save_file(bad, path)
        with pytest.raises(HubError, match=message):
            hfskin.load(checkpoint, backend="torch")
    huge = {name: value * 1e30 if value.is_floating_point() else value for name, value in good.items()}
    save_file(huge, path)
    with pytest.raises(ValueError, match="not a number"):
        hfskin.load(checkpoint, backend="torch")(LESIONS[0])


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("kept", [True, False])
def test_no_pickle_is_loaded(checkpoint, kept):
    sprung = checkpoint / "sprung"
    trap = pickle.dumps(Trap(sprung))
    for name in ("pytorch_model.bin", "model.bin", "model.pt", "training_args.bin", "adapter_model.bin", "model.pkl"):
        (checkpoint / name).write_bytes(trap)
    if kept:
        assert hfskin.load(checkpoint, backend="torch")(LESIONS[0]).probabilities
        (checkpoint / "model.safetensors").write_bytes(trap)
        message = "damaged or only half there"
    else:
        (checkpoint / "model.safetensors").unlink()
        message = "has no model.safetensors; hfskin reads no other weights"
    with pytest.raises(HubError, match=message):
        hfskin.load(checkpoint, backend="torch")
    assert not sprung.exists()
    assert "REDUCE" in {opcode.name for opcode, _, _ in pickletools.genops(trap)}, "the trap holds no call"


def test_no_source_loads_pickles():
    forbidden = re.compile(
        r"pickle\b|\b(?:dill|joblib|shelve|marshal)\b|(?:torch|np)\.load\("
        r"|weights_only=False|trust_remote_code=True|\beval\(|\bexec\("
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in [ROOT / "app.py", *(ROOT / "hfskin").rglob("*.py")]
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if forbidden.search(re.sub(r"\.eval\(", "", line.split("#")[0]))
    ]
    assert found == []
