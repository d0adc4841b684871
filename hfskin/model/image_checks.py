"""What a picture's file announces, looked at before Pillow acts on it.

Pillow believes what stands in a file: a megabyte of EXIF whose entries all point at the same bytes costs it gigabytes,
a GIF with a comment of ten megabytes a minute. These functions walk over the structure of a file, add up what its
pieces would cost, and refuse what no camera writes.
"""

import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .tiff_tags import BIG_TIFF, BYTE_ORDERS, HEIGHT, WIDTH, check_read_once, check_tags, number, numbers, read_pages

FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP", "GIF")  # what Pillow may try; EPS, say, would start Ghostscript
# Bytes of a whole file, by what they are; unpacked ones.
EXIF, PROFILE, TABLES, NOTES, FILLING = "EXIF", "colour profile", "tables", "notes beside the picture", "filling"
MAX_SUMS = {
    EXIF: 10**6,  # one block of a JPEG has at most 64 kB
    PROFILE: 4 * 10**6,  # a printer's has up to 3 MB
    TABLES: 10**5,  # for quantization and Huffman codes: under 1 kB a scan
    NOTES: 16 * 10**6,  # comments, XMP, a phone's depth map
    FILLING: 10**5,  # between the segments of a JPEG, where there should be nothing
}
MAX_GIF = 2 * 10**6  # bytes; the time for a comment grows with the square of its length
MAX_CHUNKS = 20_000  # of a PNG; 50 MB in the usual chunks of 8 kB are 6,000
MAX_UNPACKED = 2**20  # bytes of a PNG's chunk, as in Pillow
MAX_SEGMENTS = 1_000  # of a JPEG, or chunks of a WebP
MAX_COEFFICIENTS = 60 * 10**6  # pixels of a JPEG all of whose coefficients libjpeg has to keep in memory
MAX_SCANNED = 10**9  # scans x pixels of a JPEG
MAX_WEBP = 40 * 10**6  # pixels; libwebp keeps several copies
MAX_STRIPS = 50_000  # of a TIFF, or tiles
MAX_STRIP = 200 * 10**6  # bytes of a TIFF's strip or tile, which is unpacked as a whole

_BITS, _COMPRESSION, _SAMPLES = 258, 259, 277
_STRIP_ROWS, _TILE_WIDTH, _TILE_HEIGHT = 278, 322, 323
_STRIPS, _TILES = (273, 279), (324, 325)  # where they stand, and their bytes
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # in entropy-coded data
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers of a JPEG that begin a picture
_KNOWN = {*range(0xC0, 0xC8), *range(0xC9, 0xDE), *range(0xE0, 0xF0), 0xFE}  # markers that decoders know


class _Sums(Counter):
    """Bytes so far, by what they are."""

    def add(self, what: str, size: int) -> None:
        self[what] += size
        if self[what] > MAX_SUMS[what]:
            raise ValueError(f"more than {MAX_SUMS[what] // 1000} kB of {what}")


class Segment(NamedTuple):
    """A piece of a JPEG: its marker, its content without the two bytes of its length, and the bytes skipped before."""

    marker: int
    content: bytes
    skipped: int


def check_structure(data: bytes) -> None:
    """Refuse a file that would cost out of all proportion.

    Raises:
        ValueError: what is wrong with it.
    """
    for start, check in _CHECKS.items():
        if data.startswith(start):
            check(data)


def _check_jpeg(data: bytes) -> None:
    sums, exif, scans, pixels, layers, kept = _Sums(), [], 0, 0, 0, False
    for i, (marker, content, skipped) in enumerate(jpeg_segments(data)):
        if i > MAX_SEGMENTS:
            raise ValueError(f"more than {MAX_SEGMENTS} segments")
        if not scans:
            # Here Pillow goes byte by byte, and steps into segments that it does not know.
            sums.add(FILLING, skipped)
            if marker not in _KNOWN:
                raise ValueError(f"a segment of the unknown kind {marker:02x}")
            sums.add(_jpeg_kind(marker, content), len(content))
        if marker == 0xE1 and content.startswith(b"Exif"):  # Pillow joins them
            exif.append(content[6:])
        elif marker == 0xE2 and content.startswith(b"MPF\0"):
            check_tags(content[4:])
        elif marker in FRAMES and not scans:
            if pixels:
                raise ValueError("several pictures in one")
            pixels, layers = max(1, _big_endian(content, 1, 2) * _big_endian(content, 3, 2)), _big_endian(content, 5, 1)
            kept = marker & 3 == 2  # progressive
        elif marker == 0xDA:
            scans += 1
            kept |= scans > 1 or _big_endian(content, 0, 1) < layers
            if scans > 1 and scans * pixels > MAX_SCANNED:
                raise ValueError(f"{scans} scans or more of {pixels // 10**6} megapixels")
    if kept and pixels > MAX_COEFFICIENTS:
        raise ValueError(f"a JPEG in several scans of more than {MAX_COEFFICIENTS // 10**6} megapixels")
    check_tags(b"".join(exif))


def jpeg_segments(data: bytes) -> Iterator[Segment]:
    """Those of the first picture, to its end."""
    position, scanned = 2, False
    while found := _NEXT_MARKER.search(data, position):
        marker, skipped = found[0][1], found.start() - position
        if marker == 0xD9 and scanned:
            return
        alone = marker in (0x01, 0xD8, 0xD9)  # without a length
        position = found.end() if alone else found.end() + max(2, _big_endian(data, found.end(), 2))
        yield Segment(marker, data[found.end() + 2 : position], skipped)
        scanned |= marker == 0xDA


def _jpeg_kind(marker: int, content: bytes) -> str:
    if marker in (0xC4, 0xDB) or marker in FRAMES:
        return TABLES
    if marker == 0xE1 and content.startswith(b"Exif"):
        return EXIF
    return PROFILE if marker == 0xE2 and content.startswith(b"ICC_PROFILE") else NOTES


def _check_png(data: bytes) -> None:
    sums, position = _Sums(), 8
    for _ in range(MAX_CHUNKS):
        length, kind = _big_endian(data, position, 4), data[position + 4 : position + 8]
        if kind in (b"IEND", b""):
            return
        if kind == b"eXIf":
            sums.add(EXIF, length)
        elif kind in (b"iCCP", b"zTXt", b"iTXt"):
            chunk = data[position + 8 : position + 8 + length]
            sums.add(PROFILE if kind == b"iCCP" else NOTES, length + _unpacked(_packed(kind, chunk)))
        elif kind != b"IDAT":
            sums.add(NOTES, length)
        position += 12 + length
    raise ValueError(f"more than {MAX_CHUNKS} chunks")


def _packed(kind: bytes, chunk: bytes) -> bytes:
    """What of a PNG's chunk Pillow would unpack."""
    _, _, rest = chunk.partition(b"\0")
    if kind != b"iTXt":
        return rest[1:]  # behind a method
    return b"" if rest[:1] == b"\0" else rest[2:].split(b"\0", 2)[-1]  # behind a flag, a method and two texts


def _unpacked(packed: bytes) -> int:
    """Bytes that Pillow would make of it; it stops at a megabyte."""
    try:
        return len(zlib.decompressobj().decompress(packed, MAX_UNPACKED))
    except zlib.error:  # at its end, perhaps
        return MAX_UNPACKED


def _check_gif(data: bytes) -> None:
    if len(data) > MAX_GIF:
        raise ValueError(f"a GIF of more than {MAX_GIF // 10**6} MB")


def _check_bmp(data: bytes) -> None:
    if data[30:34] in (b"\1\0\0\0", b"\2\0\0\0"):  # Pillow unpacks it in Python
        raise ValueError("a run-length encoded BMP")


def _check_webp(data: bytes) -> None:
    kind, width, height = data[12:16], 0, 0
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[i : i + 3], "little") for i in (24, 27))
    elif kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif kind == b"VP8 ":
        width, height = (int.from_bytes(data[i : i + 2], "little") & 0x3FFF for i in (26, 28))
    if width * height > MAX_WEBP:
        raise ValueError(f"a WebP of more than {MAX_WEBP // 10**6} megapixels")
    sums, position = _Sums(), 12
    kinds = {b"EXIF": EXIF, b"ICCP": PROFILE, b"XMP ": NOTES}
    for _ in range(MAX_SEGMENTS):
        if position >= len(data):
            return
        kind, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        if kind in kinds:
            sums.add(kinds[kind], size)
        position += 8 + size + size % 2
    raise ValueError(f"more than {MAX_SEGMENTS} chunks")


def _check_tiff(data: bytes) -> None:
    check_tags(data)
    order, pages = read_pages(data)
    for tags in pages:
        if any(tags[key].values > MAX_STRIPS for key in (*_STRIPS, *_TILES) if key in tags):
            raise ValueError(f"more than {MAX_STRIPS} strips or tiles")
        width, height = number(tags, WIDTH, order), number(tags, HEIGHT, order)
        rows = min(height, number(tags, _STRIP_ROWS, order, height))
        tile = number(tags, _TILE_WIDTH, order) * number(tags, _TILE_HEIGHT, order)
        bits = max(numbers(data, tags, _BITS, order), default=1) * number(tags, _SAMPLES, order, 1)
        if max(width * rows, tile) * bits / 8 > MAX_STRIP:
            raise ValueError(f"a TIFF with strips or tiles of more than {MAX_STRIP // 10**6} MB")
        for starts, sizes in (_STRIPS, _TILES):
            strips = list(zip(*(numbers(data, tags, key, order) for key in (starts, sizes)), strict=False))
            check_read_once(data, (size for _, size in strips))
            if number(tags, _COMPRESSION, order) == 7:
                for start, size in strips:
                    _check_jpeg(data[start : start + size])


def _big_endian(data: bytes, position: int, size: int) -> int:
    return int.from_bytes(data[position : position + size], "big")


_CHECKS: dict[bytes, Callable[[bytes], None]] = {
    b"\xff\xd8": _check_jpeg,
    b"\x89PNG": _check_png,
    b"GIF8": _check_gif,
    b"BM": _check_bmp,
    b"RIFF": _check_webp,
    **dict.fromkeys((*BYTE_ORDERS, *BIG_TIFF), _check_tiff),
}
