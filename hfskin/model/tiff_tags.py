"""The directories of a TIFF file or an EXIF block: read without Pillow, since Pillow believes what stands in them."""

import re
import struct
from collections.abc import Iterable
from typing import NamedTuple

MAX_PAGES = 100  # directories of a TIFF file that follow each other
MAX_TAGS = 1_000  # of a directory
MAX_VALUES = 200_000  # of a tag whose values become Python's numbers; the curve of 3 channels of 16 bits fits

WIDTH, HEIGHT, ORIENTATION = 256, 257, 274
_NEW_KIND, _OLD_KIND = 254, 255  # of a page
_EXIF, _GPS, _INTEROPERABILITY = _DIRECTORIES = (34665, 34853, 40965)  # they hang below the first directory
_SIZES = {2: 1, 3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}  # bytes, by TIFF type; others have 1
BYTE_ORDERS = {b"II*\0": "<", b"II\0*": "<", b"MM\0*": ">", b"MM*\0": ">"}  # Pillow takes swapped ones too
BIG_TIFF = (b"II+\0", b"MM\0+")
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


Directory = dict[int, Tag]


def orientation(exif: bytes, xmp: bytes | str = b"") -> int:
    """EXIF's orientation, 1 to 8; 1 where there is none, or where the EXIF is damaged.

    Args:
        exif: a JPEG's, PNG's or WebP's block, with or without its "Exif" prefix.
        xmp: asked where EXIF does not say.
    """
    try:
        order, (tags, *_) = read_pages(exif.removeprefix(b"Exif\0\0"))
    except ValueError:
        order, tags = "<", {}
    if ORIENTATION in tags:
        value = number(tags, ORIENTATION, order)
    else:
        found = _XMP_ORIENTATION.search(xmp.encode() if isinstance(xmp, str) else xmp)
        value = int(found[1]) if found else 1
    return value if 1 <= value <= 8 else 1


def interoperability(exif: bytes) -> bytes:
    """EXIF's name for what a camera's pictures have in common: b"R98" means sRGB, b"R03" Adobe RGB; b"" for none."""
    try:
        order, (tags, *_) = read_pages(block := exif.removeprefix(b"Exif\0\0"))
        for key in (_EXIF, _INTEROPERABILITY):
            tags, _ = _read_directory(block, order, number(tags, key, order)) if key in tags else ({}, 0)
    except (ValueError, struct.error):
        return b""
    return tags[1].field.rstrip(b"\0") if 1 in tags else b""


def main_page(order: str, pages: list[Directory]) -> int | None:
    """Which of a TIFF file's pages is the picture, where the others are small copies or masks of it; None for several.

    Scanners and microscopes put a thumbnail before or behind the picture, not all of them with a word of what it is.
    """
    sizes = [(number(tags, WIDTH, order), number(tags, HEIGHT, order)) for tags in pages]
    whole = [i for i, tags in enumerate(pages) if not number(tags, _NEW_KIND, order) & 5]  # 1: a copy, 4: a mask
    whole = [i for i in whole if number(pages[i], _OLD_KIND, order) != 2] or list(range(len(pages)))
    main = max(whole, key=lambda i: sizes[i][0] * sizes[i][1])
    copies = all(_is_copy(sizes[i], sizes[main]) for i in whole if i != main)
    return main if copies else None


def _is_copy(small: tuple[int, int], large: tuple[int, int]) -> bool:
    """Whether a page has the shape of another one and at most half its width."""
    width, height = (large[0] * small[1], small[0] * large[1])
    return 2 * small[0] <= large[0] and abs(width - height) <= large[0] + large[1]  # a pixel's rounding


def check_tags(data: bytes) -> None:
    """Refuse a TIFF file or EXIF block whose directories would cost out of all proportion.

    Raises:
        ValueError: too many, too long, or the same bytes would be read over and over.
    """
    if data.startswith(BIG_TIFF):
        raise ValueError("a BigTIFF, which is for more than 4 GB")
    if not data.startswith(tuple(BYTE_ORDERS)):
        return
    order, pages = read_pages(data)
    directories = [*pages[:1]]
    for tags in directories:
        below = [key for key in _DIRECTORIES if key in tags and len(directories) <= len(_DIRECTORIES)]
        directories.extend(_read_directory(data, order, number(tags, key, order))[0] for key in below)
    everything = [tag for tags in [*directories, *pages[1:]] for tag in tags.values()]
    if any(tag.values > MAX_VALUES and tag.size > tag.values for tag in everything):
        raise ValueError(f"a tag of more than {MAX_VALUES} values")
    ends = ((tag.size, tag.size + struct.unpack(f"{order}L", tag.field)[0]) for tag in everything)
    # What ends behind the file is not read.
    check_read_once(data, (size for size, end in ends if size > 4 and end <= len(data)))


def check_read_once(data: bytes, sizes: Iterable[int]) -> None:
    """Refuse where pieces of these sizes have the bytes of a file read over and over.

    Twice is allowed, since two tags may share a value.
    """
    if sum(min(size, len(data)) for size in sizes) > 2 * len(data):
        raise ValueError("a TIFF or EXIF that has the same bytes read over and over")


def read_pages(data: bytes) -> tuple[str, list[Directory]]:
    """Byte order ("<" or ">") and the directories that follow each other, one or more.

    Raises:
        ValueError: there is none, there are too many, or one has too many entries.
    """
    order = BYTE_ORDERS.get(bytes(data[:4]))
    if order is None or len(data) < 8:
        raise ValueError("no TIFF header")
    start = struct.unpack_from(f"{order}L", data, 4)[0]
    pages: dict[int, Directory] = {}  # by where they stand: a chain may bite its tail
    while not pages or (start and start not in pages):
        if len(pages) == MAX_PAGES:
            raise ValueError(f"more than {MAX_PAGES} pages")
        pages[start], start = _read_directory(data, order, start)
    return order, list(pages.values())


def numbers(data: bytes, tags: Directory, key: int, order: str) -> tuple[int, ...]:
    """The values of a tag of 16 or 32 bits; () where it is missing or cut off."""
    if key not in tags:
        return ()
    tag = tags[key]
    where = data if tag.size > 4 else tag.field
    start = struct.unpack(f"{order}L", tag.field)[0] if tag.size > 4 else 0
    if tag.values > MAX_VALUES or start + tag.size > len(where):
        return ()
    return struct.unpack_from(f"{order}{tag.values}{'H' if tag.kind == 3 else 'L'}", where, start)


def number(tags: Directory, key: int, order: str, default: int = 0) -> int:
    """The single value of a tag."""
    if key not in tags:
        return default
    return struct.unpack_from(f"{order}H" if tags[key].kind == 3 else f"{order}L", tags[key].field)[0]


def _read_directory(data: bytes, order: str, start: int) -> tuple[Directory, int]:
    """The directory that stands at `start`, and where the next one stands; 0 where it is the last."""
    count = int.from_bytes(data[start : start + 2], "little" if order == "<" else "big")
    there = min(count, max(0, len(data) - start - 2) // 12)  # of a directory that is cut off
    if there > MAX_TAGS:
        raise ValueError(f"a directory of {there} tags")
    entries = [struct.unpack_from(f"{order}HHL4s", data, start + 2 + 12 * i) for i in range(there)]
    end = start + 2 + 12 * there
    following = struct.unpack_from(f"{order}L", data, end)[0] if there == count and end + 4 <= len(data) else 0
    return {tag: Tag(*entry) for tag, *entry in entries}, following
