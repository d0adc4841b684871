"""What a picture's file announces, looked at before Pillow acts on it.

Pillow believes what stands in a file: a megabyte of EXIF whose entries all point at the same bytes costs it gigabytes,
a GIF with a comment of ten megabytes a minute. These functions walk over the structure of a file and refuse what no
camera writes.
"""

import re
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP", "GIF")  # what Pillow may try; EPS, say, would start Ghostscript
MAX_GIF = 2 * 10**6  # bytes; the time for a comment grows with the square of its length
MAX_CHUNKS = 20_000  # of a PNG; 50 MB in the usual chunks of 8 kB are 6,000
MAX_SEGMENTS = 1_000  # of a JPEG
MAX_PROGRESSIVE = 60 * 10**6  # pixels; libjpeg keeps the coefficients of a whole progressive JPEG in memory
MAX_SCANNED = 10**9  # scans x pixels of a JPEG
MAX_WEBP = 40 * 10**6  # pixels; libwebp keeps several copies
MAX_TAGS = 1_000  # of a TIFF directory
MAX_STRIPS = 50_000  # of a TIFF, or tiles
MAX_STRIP = 50 * 10**6  # pixels of a TIFF's strip or tile, which is unpacked as a whole

_WIDTH, _HEIGHT, _ORIENTATION, _STRIP_ROWS, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 274, 278, 322, 323
_STRIPS_OR_TILES = (273, 279, 324, 325)
_DIRECTORIES = (34665, 34853, 40965)  # EXIF, GPS, interoperability: they hang below the first directory
_SIZES = {2: 1, 3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}  # bytes, by TIFF type; others have 1
_BYTE_ORDERS = {b"II*\0": "<", b"II\0*": "<", b"MM\0*": ">", b"MM*\0": ">"}  # Pillow takes swapped ones too
_BIG_TIFF = (b"II+\0", b"MM\0+")
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # in entropy-coded data
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=[\"']|>)([1-8])")


class Tag(NamedTuple):
    """An entry of a TIFF directory."""

    kind: int
    values: int
    field: bytes  # the value where it has at most four bytes, else where it stands

    @property
    def size(self) -> int:
        """Bytes of the value."""
        return self.values * _SIZES.get(self.kind, 1)


def check_structure(data: bytes) -> None:
    """Refuse a file that would cost out of all proportion.

    Raises:
        ValueError: what is wrong with it.
    """
    for start, check in _CHECKS.items():
        if data.startswith(start):
            check(data)


def orientation(exif: bytes, xmp: bytes | str = b"") -> int:
    """EXIF's orientation, 1 to 8; 1 where there is none, or where the EXIF is damaged.

    Args:
        exif: a JPEG's, PNG's or WebP's block, with or without its "Exif" prefix.
        xmp: asked where EXIF does not say.
    """
    try:
        order, tags = _read_tags(exif.removeprefix(b"Exif\0\0"))
    except ValueError:
        order, tags = "<", {}
    if _ORIENTATION in tags:
        value = _number(tags, _ORIENTATION, order)
    else:
        found = _XMP_ORIENTATION.search(xmp.encode() if isinstance(xmp, str) else xmp)
        value = int(found[1]) if found else 1
    return value if 1 <= value <= 8 else 1


def _check_jpeg(data: bytes) -> None:
    exif, scans, pixels, progressive = b"", 0, 0, False
    for i, (marker, body) in enumerate(_jpeg_segments(data)):
        if i > MAX_SEGMENTS:
            raise ValueError(f"more than {MAX_SEGMENTS} segments")
        if marker == 0xE1 and data.startswith(b"Exif", body):  # Pillow joins them
            exif += data[body + 6 : body - 2 + _big_endian(data, body - 2, 2)]
        elif marker == 0xE2 and data.startswith(b"MPF\0", body):
            _check_tags(data[body + 4 : body - 2 + _big_endian(data, body - 2, 2)])
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            pixels = max(pixels, _big_endian(data, body + 1, 2) * _big_endian(data, body + 3, 2))
            progressive |= marker & 3 == 2
        scans += marker == 0xDA
        if scans > 1 and scans * pixels > MAX_SCANNED:
            raise ValueError(f"{scans} scans or more of {pixels // 10**6} megapixels")
    if (progressive or scans > 1) and pixels > MAX_PROGRESSIVE:
        raise ValueError(f"a progressive JPEG of more than {MAX_PROGRESSIVE // 10**6} megapixels")
    _check_tags(exif)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Marker and where its content begins, behind the two bytes of its length, up to the end of the first picture."""
    position, scanned = 2, False
    while found := _NEXT_MARKER.search(data, position):
        marker, body = found[0][1], found.end() + 2
        if marker == 0xD9 and scanned:
            return
        yield marker, body
        scanned |= marker == 0xDA
        alone = marker in (0x01, 0xD8, 0xD9)  # without a length
        position = found.end() if alone else found.end() + max(2, _big_endian(data, body - 2, 2))


def _check_png(data: bytes) -> None:
    position = 8
    for _ in range(MAX_CHUNKS):
        length, kind = _big_endian(data, position, 4), data[position + 4 : position + 8]
        if kind in (b"IEND", b""):
            return
        position += 12 + length
    raise ValueError(f"more than {MAX_CHUNKS} chunks")


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


def _check_tiff(data: bytes) -> None:
    _check_tags(data)
    order, tags = _read_tags(data)
    if any(tags[key].values > MAX_STRIPS for key in _STRIPS_OR_TILES if key in tags):
        raise ValueError(f"more than {MAX_STRIPS} strips or tiles")
    width, height = _number(tags, _WIDTH, order), _number(tags, _HEIGHT, order)
    rows = min(height, _number(tags, _STRIP_ROWS, order, height))
    tile = _number(tags, _TILE_WIDTH, order) * _number(tags, _TILE_HEIGHT, order)
    if max(width * rows, tile) > MAX_STRIP:
        raise ValueError(f"a TIFF with strips or tiles of more than {MAX_STRIP // 10**6} megapixels")


def _check_tags(data: bytes) -> None:
    """Refuse a TIFF file or EXIF block whose directories would have the same bytes read over and over."""
    if data.startswith(_BIG_TIFF):
        raise ValueError("a BigTIFF, which is for more than 4 GB")
    if not data.startswith(tuple(_BYTE_ORDERS)):
        return
    order, first = _read_tags(data)
    directories = [first]
    for tags in directories:
        below = [key for key in _DIRECTORIES if key in tags and len(directories) <= len(_DIRECTORIES)]
        directories.extend(_read_directory(data, order, _number(tags, key, order)) for key in below)
    ends = (
        (tag.size, tag.size + struct.unpack(f"{order}L", tag.field)[0]) for tags in directories for tag in tags.values()
    )
    # Twice, since two tags may share a value; what ends behind the file is not read.
    if sum(size for size, end in ends if size > 4 and end <= len(data)) > 2 * len(data):
        raise ValueError("tags that have the same bytes read over and over")


def _read_tags(data: bytes) -> tuple[str, dict[int, Tag]]:
    """Byte order ("<" or ">") and the first directory of a TIFF file or an EXIF block.

    Raises:
        ValueError: there is none, or it has too many entries.
    """
    order = _BYTE_ORDERS.get(bytes(data[:4]))
    if order is None or len(data) < 8:
        raise ValueError("no TIFF header")
    return order, _read_directory(data, order, *struct.unpack_from(f"{order}L", data, 4))


def _read_directory(data: bytes, order: str, start: int) -> dict[int, Tag]:
    count = int.from_bytes(data[start : start + 2], "little" if order == "<" else "big")
    there = min(count, max(0, len(data) - start - 2) // 12)  # of a directory that is cut off
    if there > MAX_TAGS:
        raise ValueError(f"a directory of {there} tags")
    entries = [struct.unpack_from(f"{order}HHL4s", data, start + 2 + 12 * i) for i in range(there)]
    return {tag: Tag(*entry) for tag, *entry in entries}


def _number(tags: dict[int, Tag], key: int, order: str, default: int = 0) -> int:
    if key not in tags:
        return default
    return struct.unpack_from(f"{order}H" if tags[key].kind == 3 else f"{order}L", tags[key].field)[0]


def _big_endian(data: bytes, position: int, size: int) -> int:
    return int.from_bytes(data[position : position + size], "big")


_CHECKS: dict[bytes, Callable[[bytes], None]] = {
    b"\xff\xd8": _check_jpeg,
    b"\x89PNG": _check_png,
    b"GIF8": _check_gif,
    b"BM": _check_bmp,
    b"RIFF": _check_webp,
    **dict.fromkeys((*_BYTE_ORDERS, *_BIG_TIFF), _check_tiff),
}
