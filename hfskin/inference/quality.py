"""Whether a picture can be judged: sharp enough, and without dark lines across it."""

import numpy as np
from PIL import Image

SIZE = (192, 144)  # pixels; pictures are compared at one size
# 0.4 % of 800 random HAM10000 pictures (200x150) lie below it, and 99 % of the same under a Gaussian blur of 2 pixels
# (90 % at 1.5 pixels).
MIN_SHARPNESS = 2.7

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


def _of_neighbours(choose: np.ufunc, grey: np.ndarray) -> np.ndarray:
    """The largest or least of each `THIN` x `THIN` pixels; a margin is lost. (Pillow's filters are slower.)"""
    rows = choose.reduce([grey[i : i + len(grey) + 1 - THIN] for i in range(THIN)])
    return choose.reduce([rows[:, i : i + rows.shape[1] + 1 - THIN] for i in range(THIN)])
