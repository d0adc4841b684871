"""A picture's colours as its file means them, in sRGB, which screens show and on which the models were trained.

Phones write Display P3, cameras Adobe RGB. Taken for sRGB, such colours are too pale, which changes answers.
"""

import io
import struct
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

from .tiff_tags import interoperability

SAME = 2  # levels; a profile that moves no colour further is taken for sRGB, and nothing is converted

Convert = Callable[[Image.Image], Image.Image]

_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # by a profile's colour space
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
# x and y of white, red, green and blue
_SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_ADOBE_RGB = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_ADOBE_GAMMA = 563 / 256
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_GAMMAS = (0.1, 10)  # that are believed


class ColourError(ValueError):
    """A profile that cannot be used."""


def to_srgb(info: dict, mode: str) -> Convert | None:
    """What brings a picture's pixels to sRGB, in pieces of any size; None where they are sRGB or say nothing.

    Args:
        info: of a PIL image: its ICC profile, else a PNG's gamma and chromaticities, else the mark for Adobe RGB that
            cameras leave in the EXIF.
        mode: RGB, L or CMYK: what the pieces have.

    Raises:
        ColourError: a profile is damaged, or is for other pixels.
    """
    try:
        profile = info.get("icc_profile") or _described(info)
        return None if not profile else _conversion(profile, mode)
    # ImportError: a Pillow that was built without colour management
    except (
        ImageCms.PyCMSError,
        ImportError,
        OSError,
        ValueError,
        TypeError,
        struct.error,
        np.linalg.LinAlgError,
    ) as error:
        raise ColourError(str(error)) from None


def _conversion(icc: bytes, mode: str) -> Convert | None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    takes = _MODES.get(profile.profile.xcolor_space)
    if takes is None or (
        takes != mode and (takes, mode) != ("RGB", "L")
    ):  # grey pictures often have a profile for colours
        raise ColourError(f"a profile for {profile.profile.xcolor_space} in a picture of {mode}")
    transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), takes, "RGB")
    if takes == "RGB" and _hardly_moves(transform):
        return None
    return lambda piece: transform.apply(piece if piece.mode == takes else piece.convert(takes))


def _hardly_moves(transform: ImageCms.ImageCmsTransform) -> bool:
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(64, 64, 3)
    moved = np.asarray(transform.apply(Image.fromarray(colours))).astype(int)
    return bool(abs(moved - colours).max() <= SAME)


def _described(info: dict) -> bytes | None:
    """A profile made of what the file says of its colours without one."""
    if "gamma" in info and "srgb" not in info:
        return matrix_profile(info.get("chromaticity", _SRGB), 1 / info["gamma"] if info["gamma"] else 0)
    if interoperability(info.get("exif") or b"") == b"R03":
        return matrix_profile(_ADOBE_RGB, _ADOBE_GAMMA)
    return None


def matrix_profile(chromaticities: tuple[float, ...], gamma: float) -> bytes:
    """An ICC profile of a light for each channel.

    Args:
        chromaticities: x and y of white, red, green and blue.
        gamma: of all three; 2.2 stands for sRGB's curve, as programs mean it.

    Raises:
        ValueError: such lights do not exist.
    """
    if len(chromaticities) != 8 or not _GAMMAS[0] <= gamma <= _GAMMAS[1] or min(chromaticities[1::2]) <= 0:
        raise ValueError(f"gamma {gamma:g} and chromaticities {chromaticities}")
    white, *lights = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in np.reshape(chromaticities, (4, 2)))
    matrix = np.stack(lights, axis=1)
    matrix = matrix * np.linalg.solve(matrix, white)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white)) @ _BRADFORD @ matrix
    srgb = abs(gamma - 2.2) < 0.01
    curve = struct.pack(">4s4xH2x", b"para", 3 if srgb else 0) + _fixed(*(_SRGB_CURVE if srgb else (gamma,)))
    tags = {b"wtpt": _xyz(_D50)}
    for channel, light in zip((b"r", b"g", b"b"), adapted.T, strict=True):
        tags |= {channel + b"XYZ": _xyz(light), channel + b"TRC": curve}
    table, body, start = struct.pack(">L", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += struct.pack(">4sLL", name, start + len(body), len(value))
        body += value
    head = struct.pack(">L4xL4s4s4s", start + len(body), 0x04200000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + _fixed(*_D50)
    return head.ljust(128, b"\0") + table + body


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*values)


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}l", *(round(value * 65536) for value in values))
