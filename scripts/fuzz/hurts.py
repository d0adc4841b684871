"""What hurts: values that nobody expects, and bytes that were changed here and there."""

import math
import random
import struct
import zlib

NUMBERS = (0, 1, 2, 3, 7, 8, 16, 31, 32, 127, 128, 255, 256, 1000, 0x7FFF, 0x8000, 0xFFFF, 10**6, 2**31 - 1, 2**32 - 1)
VALUES = (
    None, True, False, -1, 0, 1, 7, 0.5, 1e-320, 1e308, -1e308, math.nan, math.inf, 10**9, 10**30, 10**400, "", "x",
    "nan", "../../etc/passwd", "http://127.0.0.1/", "\0", "\ud800", "9" * 5000, "x" * 10**5, [], [1], [10**6, 10**6],
    [0, 0], [-1, 5], [math.nan] * 3, ["a", "b"], {}, {"a": 1}, {"height": 10**6, "width": 10**6},
    {"height": 0, "width": 0}, {"height": -3, "width": "x"}, {"shortest_edge": 100}, [[[]]],
)  # fmt: skip


def mutate(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """A few small hurts: bits, bytes, numbers, cuts, repetitions, a piece of another input."""
    out = bytearray(data)
    early = rng.random() < 0.5  # headers tell decoders what to do
    for _ in range(rng.choice((1, 1, 2, 3, 5, 12))):
        at = rng.randrange(min(len(out), 400) if early and out else len(out) + 1)
        length = rng.choice((1, 2, 4, 16, 100, 1000))
        match rng.randrange(9):
            case 0:
                out[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                out[at : at + 1] = bytes([(out[at] if at < len(out) else 0) ^ (1 << rng.randrange(8))])
            case 2:
                out[at : at + 2] = struct.pack(rng.choice("<>") + "H", rng.choice(NUMBERS) & 0xFFFF)
            case 3 | 4:
                out[at : at + 4] = struct.pack(rng.choice("<>") + "L", rng.choice(NUMBERS))
            case 5:
                del out[at : at + length]
            case 6:
                out[at:at] = out[at : at + length] * rng.choice((1, 1, 2, 50))
            case 7:
                start = rng.randrange(len(other) + 1)
                out[at:at] = other[start : start + length]
            case 8:
                if rng.random() < 0.3:
                    del out[at:]
    return bytes(out)


def repair_png(data: bytes) -> bytes:
    """The same PNG with true checksums, so that what was hurt is looked at."""
    out, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunk = data[at + 4 : at + 8 + length]
        out += data[at : at + 4] + chunk + struct.pack(">L", zlib.crc32(chunk))
        at += 12 + length
    return bytes(out)
