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
# 10 % of 800 random HAM10000 pictures lie above it: by eye, about seven in eight of these show hairs or a ruler.
# How many hairy ones lie below it was not counted: HAM10000 has no labels for hairs.
MAX_LINES = 0.004


def sharpness(image: Image.Image) -> float:
    """Standard deviation of the Laplacian (Pech-Pacheco et al. 2000) of the grey levels (0 to 255) at 192x144."""
    grey = np.asarray(_small(image), dtype=np.float32)
    centre, neighbours = grey[1:-1, 1:-1], grey[1:-1, 2:] + grey[1:-1, :-2] + grey[2:, 1:-1] + grey[:-2, 1:-1]
    return float((neighbours - 4 * centre).std())


def is_blurred(image: Image.Image) -> bool:
    """Whether the picture is less sharp than nearly all of HAM10000."""
    return sharpness(image) < MIN_SHARPNESS


def dark_lines(image: Image.Image) -> float:
    """Share of the picture that is the middle of thin, straight, dark lines, as hairs are (after DullRazor, 1997)."""
    grey = np.asarray(_small(image), dtype=np.int16)
    closed = _of_neighbours(np.minimum, _of_neighbours(np.maximum, grey))
    thin = closed - grey[THIN - 1 : 1 - THIN, THIN - 1 : 1 - THIN] > DARKER
    steps = np.arange(-HALF_LENGTH, HALF_LENGTH + 1)
    height, width = thin.shape[0] - 2 * HALF_LENGTH, thin.shape[1] - 2 * HALF_LENGTH
    middles = np.zeros((height, width), dtype=bool)
    for angle in DIRECTIONS:
        whole = np.ones_like(middles)
        for step in steps:
            top, left = (HALF_LENGTH + round(step * way) for way in (np.sin(angle), np.cos(angle)))
            whole &= thin[top : top + height, left : left + width]
            if not whole.any():  # most pictures are done here
                break
        middles |= whole
    return float(middles.mean())


def has_lines(image: Image.Image) -> bool:
    """Whether hairs or the marks of a ruler cross the picture. One fair hair is not noticed."""
    return dark_lines(image) > MAX_LINES


def _of_neighbours(choose: np.ufunc, grey: np.ndarray) -> np.ndarray:
    """The largest or least of each `THIN` x `THIN` pixels; a margin is lost. (Pillow's filters are slower.)"""
    rows = choose.reduce([grey[i : i + len(grey) + 1 - THIN] for i in range(THIN)])
    return choose.reduce([rows[:, i : i + rows.shape[1] + 1 - THIN] for i in range(THIN)])


def _small(image: Image.Image) -> Image.Image:
    return image.convert("L").resize(SIZE, Image.Resampling.BICUBIC, reducing_gap=3.0)
