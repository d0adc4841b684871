"""Files that were made to cost a reader far more than their size; each of any number of pieces."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

SMALL = Image.new("RGB", (64, 64), "brown")
BLANK = zlib.compress(bytes(2**20), 9)  # a megabyte, in one kilobyte


def encoded(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


JPEG, PNG, GIF, WEBP = (encoded(SMALL, kind) for kind in ("JPEG", "PNG", "GIF", "WEBP"))


def png_chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(pieces: int, kind: bytes, data: bytes) -> bytes:
    """A small PNG with so many chunks more."""
    return PNG[:33] + png_chunk(kind, data) * pieces + PNG[33:]


def jpeg_segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg_with(pieces: int, marker: int, data: bytes) -> bytes:
    """A small JPEG with so many segments more."""
    return JPEG[:2] + jpeg_segment(marker, data) * pieces + JPEG[2:]


def jpeg_of(frame: int, width: int, height: int, layers: int = 3, scanned: int = 3, scans: int = 1) -> bytes:
    """A JPEG of any size whose scans hold nothing: the decoder fills it with grey.

    Args:
        frame: the marker: 0xC0 is baseline, 0xC2 progressive.
        layers: of the picture.
        scanned: layers of each scan.
    """
    shape = b"\x08" + struct.pack(">HHB", height, width, layers)
    shape += b"".join(struct.pack("BBB", layer + 1, 0x11, 0) for layer in range(layers))
    names = b"".join(struct.pack("BB", layer + 1, 0) for layer in range(scanned))
    scan = jpeg_segment(0xDA, struct.pack("B", scanned) + names + b"\0\x3f\0") + bytes(50)
    start = JPEG.index(b"\xff\xc0")
    after = start + 2 + struct.unpack_from(">H", JPEG, start + 2)[0]
    return (
        JPEG[:start] + jpeg_segment(frame, shape) + JPEG[after : JPEG.index(b"\xff\xda")] + scan * scans + b"\xff\xd9"
    )


def tiff(tags: list[tuple[int, int, int, int]], rest: bytes = b"", following: int = 0) -> bytes:
    """A TIFF file of one directory: tag, type, count, value or offset; `rest` follows it."""
    entries = b"".join(struct.pack("<HHLL", *tag) for tag in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + struct.pack("<L", following) + rest


def tiff_of_strips(strips: int, size: int) -> bytes:
    """Deflated strips of one row, each of which is the same bytes."""
    data = zlib.compress(bytes(64 * 3)) + bytes(size)
    start = 8 + 2 + 12 * 9 + 4
    tags = [(256, 4, 1, 64), (257, 4, 1, strips), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1),
            (273, 4, strips, start), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, strips, start + 4 * strips)]  # fmt: skip
    where = struct.pack("<L", start + 8 * strips) * strips
    return tiff(tags, where + struct.pack("<L", len(data)) * strips + data)


def tiff_of_pages(pages: int) -> bytes:
    """Directories of one tag that follow each other."""
    size = 2 + 12 + 4
    ends = range(8 + size, 8 + (pages + 1) * size, size)
    return b"II*\0\x08\0\0\0" + b"".join(struct.pack("<HHHLLL", 1, 256, 4, 1, 64, end) for end in ends)


def tiff_of_colours(colours: int) -> bytes:
    """A palette of so many numbers."""
    start = 8 + 2 + 12 * 9 + 4
    tags = [(256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (262, 3, 1, 3), (273, 4, 1, start), (277, 3, 1, 1),
            (278, 4, 1, 64), (279, 4, 1, 4096), (320, 3, colours, start + 4096)]  # fmt: skip
    return tiff(tags, bytes(4096 + 2 * colours))


def webp_with(pieces: int, kind: bytes, data: bytes) -> bytes:
    """A small WebP in its extended form with so many chunks more."""
    head = struct.pack("<4sLB3x", b"VP8X", 10, 0x3C) + struct.pack("<L", 63)[:3] + struct.pack("<L", 63)[:3]
    body = b"WEBP" + head + WEBP[12:] + (struct.pack("<4sL", kind, len(data)) + data) * pieces
    return b"RIFF" + struct.pack("<L", len(body)) + body


def gif_with(pieces: int) -> bytes:
    """A GIF with a comment of so many pieces of 255 bytes."""
    header = 13 + 3 * (2 << (GIF[10] & 7))
    return GIF[:header] + b"\x21\xfe" + (b"\xff" + bytes(255)) * pieces + b"\0" + GIF[header:]


LONG = 65_000  # bytes; a JPEG's segment holds hardly more
EXIF = b"Exif\0\0II*\0\x08\0\0\0"
BLOCKS = b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0" * 5_000
BROKEN = BLANK[:-4] + b"oops"  # a checksum that is wrong: all is unpacked, and then thrown away
# By name: a picture of so many pieces, and how many of them cost a reader that believes it, or did, more than 2 seconds
# or 300 MB.
PICTURES: dict[str, tuple[Callable[[int], bytes], int]] = {
    "profiles.png": (lambda n: png_with(n, b"iCCP", b"x\0\0" + BLANK), 19_900),
    "broken_profiles.png": (lambda n: png_with(n, b"iCCP", b"x\0\0" + BROKEN), 19_900),
    "packed_texts.png": (lambda n: png_with(n, b"zTXt", b"x\0\0" + BROKEN), 19_900),
    "packed_words.png": (lambda n: png_with(n, b"iTXt", b"x\0\1\0\0\0" + BROKEN), 19_900),
    "words.png": (lambda n: png_with(n, b"iTXt", b"x\0\0\0\0\0" + bytes(60_000) + "\U0001f600".encode()), 1000),
    "exif.png": (lambda n: png_with(n, b"eXIf", EXIF[6:] + bytes(LONG)), 1000),
    "own_chunks.png": (lambda n: png_with(n, b"abCd", bytes(90_000)), 1000),
    "exif.jpg": (lambda n: jpeg_with(n, 0xE1, EXIF + bytes(LONG)), 750),
    "profiles.jpg": (lambda n: jpeg_with(n, 0xE2, b"ICC_PROFILE\0\1\xff" + bytes(LONG)), 990),
    "blocks.jpg": (lambda n: jpeg_with(n, 0xED, BLOCKS), 990),
    "tables.jpg": (lambda n: jpeg_with(n, 0xDB, bytes(65 * 1000)), 990),
    "codes.jpg": (lambda n: jpeg_with(n, 0xC4, bytes(17) * 3800), 990),
    "frames.jpg": (lambda n: jpeg_with(n, 0xC0, b"\x08\0\x40\0\x40\3" + b"\1\x11\0" * 21_000), 990),
    "junk.jpg": (lambda n: JPEG[:2] + bytes(n) + JPEG[2:], 3 * 10**7),
    "filling.jpg": (lambda n: JPEG[:2] + b"\xff" * n + JPEG[2:], 3 * 10**7),
    "restarts.jpg": (lambda n: JPEG[:2] + b"\xff\xd0" * n + JPEG[2:], 10**7),
    # Pillow steps into what has an unknown marker, and finds the tables there.
    "hidden.jpg": (lambda n: jpeg_with(n, 0xF0, jpeg_segment(0xDB, bytes(65 * 990))), 990),
    "comments.jpg": (lambda n: jpeg_with(n, 0xFE, bytes(LONG)), 990),
    "one_layer.jpg": (lambda n: jpeg_of(0xC0, 40 * n, 30 * n, scanned=1), 300),
    "progressive.jpg": (lambda n: jpeg_of(0xC2, 40 * n, 30 * n), 300),
    "scans.jpg": (lambda n: jpeg_of(0xC0, 8_000, 7_000, scans=n), 30),
    "strips.tif": (lambda n: tiff_of_strips(n, 600 * n), 50_000),
    "pages.tif": (tiff_of_pages, 10**6),
    "colours.tif": (tiff_of_colours, 3 * 10**7),
    "chunks.webp": (lambda n: webp_with(n, b"abcd", b""), 5 * 10**6),
    "exif.webp": (lambda n: webp_with(n, b"EXIF", bytes(10**5)), 900),
    "comment.gif": (gif_with, 300_000),
    "short_comment.gif": (gif_with, 7_700),
}


def zip_of(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes], method=zipfile.ZIP_DEFLATED) -> Path:
    """A zip file of these names and contents."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def zip_of_one(path: Path, members: int, packed: bytes, unpacked: bytes, shared: bool = False) -> Path:
    """A zip file of so many pictures, each the same deflated bytes.

    Args:
        shared: they stand in it once only, for all of them.
    """
    sizes = struct.pack("<LLL", zlib.crc32(unpacked), len(packed), len(unpacked))
    files, directory = bytearray(), b""
    for name in [b"%d.jpg" % i for i in range(members)]:
        start = 0 if shared else len(files)
        if not (shared and files):
            files += struct.pack("<4s5H", b"PK\3\4", 20, 0, 8, 0, 0) + sizes + struct.pack("<HH", len(name), 0)
            files += name + packed
        directory += struct.pack("<4s6H", b"PK\1\2", 20, 20, 0, 8, 0, 0) + sizes
        directory += struct.pack("<5HLL", len(name), 0, 0, 0, 0, 0, start) + name
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, members, members, len(directory), len(files), 0)
    path.write_bytes(files + directory + end)
    return path


def deflated(data: bytes, nothing: int = 0) -> bytes:
    """As in a zip file, behind so many blocks of five bytes that unpack to nothing."""
    packer = zlib.compressobj(wbits=-15)
    return b"\0\0\0\xff\xff" * nothing + packer.compress(data) + packer.flush()


# The same for uploads to the Batch tab, which are written to a path.
UPLOADS: dict[str, tuple[Callable[[Path, int], object], int]] = {
    "empty.zip": (lambda path, n: zip_of(path, *((f"{i}.jpg", b"") for i in range(n))), 15_000),
    "notes.zip": (lambda path, n: zip_of(path, *((f"{i}.txt", b"") for i in range(n))), 15_000),
    "zeros.zip": (lambda path, n: zip_of_one(path, n, deflated(zeros := bytes(160_000 * n)), zeros), 300),
    "nothing.zip": (lambda path, n: zip_of_one(path, n, deflated(b"x", 100 * n), b"x"), 300),
    "overlapping.zip": (lambda path, n: zip_of_one(path, n, deflated(b"x", 13_000 * n), b"x", shared=True), 300),
    "names.zip": (lambda path, n: zip_of(path, *((f"{i}{'n' * 60_000}.jpg", b"") for i in range(n))), 15),
    "rows.csv": (lambda path, n: path.write_text("image_id,age\n" + "".join(f"{i}\n" for i in range(n))), 10**6),
    "columns.csv": (lambda path, n: path.write_text("image_id,age" + "," * n + "\n"), 9 * 10**6),
}
