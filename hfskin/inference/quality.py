"""Whether a picture can be judged: sharp enough, without dark lines across it, and not taken from a screen."""

from functools import cache

import numpy as np
from PIL import Image

SIZE = (192, 144)  # pixels; pictures are compared at one size
# 0.4 % of 800 random HAM10000 pictures (200x150) lie below it, and 99 % of the same under a Gaussian blur of 2 pixels
# (90 % at 1.5 pixels).
MIN_SHARPNESS = 2.7
BLANK = 2  # grey levels, standard deviation; the palest of 11,426 lesions (HAM10000 and other clinics) has 4.8

THIN = 5  # pixels; what is dark and narrower is a line
DARKER = 8  # grey levels
HALF_LENGTH = 10  # pixels
DIRECTIONS = np.pi * np.arange(8) / 8
# (DIRECTIONS, 2 HALF_LENGTH + 1): steps from the middle of a line to its pixels, in a picture whose rows follow each
# other; its ends first, where what is short fails.
_STEPS = np.array(sorted(range(-HALF_LENGTH, HALF_LENGTH + 1), key=abs, reverse=True))
_ROW = SIZE[0] - 2 * (THIN - 1)  # pixels
_TO_PIXELS = np.array([np.rint(_STEPS * np.sin(a)) * _ROW + np.rint(_STEPS * np.cos(a)) for a in DIRECTIONS], dtype=int)
# 10 % of 800 random HAM10000 pictures lie above it: by eye, about seven in eight of these show hairs or a ruler.
# How many hairy ones lie below it was not counted: HAM10000 has no labels for hairs.
MAX_LINES = 0.004

# A screen's or a print's pixels make a regular grid, alone or as moire: single peaks in the picture's spectrum.
SPECTRUM = 384  # pixels of the middle of the picture, as they are
LOWEST, OFF_AXIS = 0.08, 0.015  # periods a pixel; below lies what is large, on the axes JPEG's blocks
RINGS = 64
# Of 28 lesions as a screen shows them 27 lie above it; of 300 random HAM10000 pictures and 300 from other clinics none.
MAX_PEAK = 1200


def small_grey(image: Image.Image) -> np.ndarray:
    """What the functions here look at: the grey levels of a picture of any size, uint8 (144, 192)."""
    return np.asarray(image.convert("L").resize(SIZE, Image.Resampling.BICUBIC, reducing_gap=3.0))


def sharpness(grey: np.ndarray) -> float:
    """Standard deviation of the Laplacian (Pech-Pacheco et al. 2000) of the grey levels."""
    grey = grey.astype(np.int16)
    centre, neighbours = grey[1:-1, 1:-1], grey[1:-1, 2:] + grey[1:-1, :-2] + grey[2:, 1:-1] + grey[:-2, 1:-1]
    laplacian = (neighbours - 4 * centre).ravel().astype(np.float32)
    return float(np.sqrt(laplacian @ laplacian / laplacian.size - laplacian.mean() ** 2))  # a quarter of std()'s time


def is_blurred(grey: np.ndarray) -> bool:
    """Whether the picture is less sharp than nearly all of HAM10000."""
    return sharpness(grey) < MIN_SHARPNESS


def is_blank(grey: np.ndarray) -> bool:
    """Whether there is nothing to be seen, as through a cap or in too much light."""
    return float(grey.std()) < BLANK


def dark_lines(grey: np.ndarray) -> float:
    """Share of the picture that is the middle of thin, straight, dark lines, as hairs are (after DullRazor, 1997)."""
    closed = _of_neighbours(np.minimum, _of_neighbours(np.maximum, grey))
    thin = closed - grey[THIN - 1 : 1 - THIN, THIN - 1 : 1 - THIN] > DARKER
    inner = thin[HALF_LENGTH:-HALF_LENGTH, HALF_LENGTH:-HALF_LENGTH]
    rows, columns = np.nonzero(inner)
    candidates, thin = (rows + HALF_LENGTH) * _ROW + columns + HALF_LENGTH, thin.ravel()
    is_middle = np.zeros_like(thin)
    for to_pixels in _TO_PIXELS:
        middles = candidates
        for step in to_pixels:
            if not len(middles):  # most pictures are done soon
                break
            middles = middles[thin[middles + step]]
        is_middle[middles] = True
    return np.count_nonzero(is_middle) / inner.size


def has_lines(grey: np.ndarray) -> bool:
    """Whether hairs or the marks of a ruler cross the picture. One fair hair is not noticed."""
    return dark_lines(grey) > MAX_LINES


def highest_peak(image: Image.Image) -> float:
    """The highest power in the spectrum of a picture of any size, as a multiple of the (geometric) mean of the same
    frequency in all directions."""
    side = min(SPECTRUM, *image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    grey = np.asarray(image.crop((left, top, left + side, top + side)).convert("L"), dtype=np.float32)
    window, ring, looked_at = _spectrum(side)
    power = np.log(np.abs(np.fft.rfft2((grey - grey.mean()) * window)) ** 2 + 1).ravel()  # 1: even pictures have none
    means = np.bincount(ring, power) / np.maximum(np.bincount(ring), 1)
    return float(np.exp((power - means[ring])[looked_at].max(initial=0)))


def is_from_screen(image: Image.Image) -> bool:
    """Whether the picture seems to be taken from a screen or a print."""
    return highest_peak(image) > MAX_PEAK


@cache
def _spectrum(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of pictures of this many pixels a side: the window (side, side), and of each of the spectrum's (N,) frequencies
    its ring and whether it is looked at."""
    window = np.hanning(side).astype(np.float32)
    rows, columns = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    frequency = np.hypot(rows, columns)
    looked_at = (frequency > LOWEST) & (np.abs(rows) > OFF_AXIS) & (np.abs(columns) > OFF_AXIS)
    return window[:, None] * window, (RINGS * frequency).astype(int).ravel(), looked_at.ravel()


def _of_neighbours(choose: np.ufunc, grey: np.ndarray) -> np.ndarray:
    """The largest or least of each `THIN` x `THIN` pixels; a margin is lost. (Pillow's filters are slower.)"""
    rows = choose.reduce([grey[i : i + len(grey) + 1 - THIN] for i in range(THIN)])
    return choose.reduce([rows[:, i : i + rows.shape[1] + 1 - THIN] for i in range(THIN)])
