"""Lesions as people photograph them from a screen: its grid of coloured stripes, from aslant, by a camera."""

import numpy as np
from PIL import Image, ImageFilter

SHOWN = (320, 240)  # pixels of the screen that the picture takes
STRIPE, GAP = 2, 1  # of each of them: three stripes of this width, and a dark line below


def from_a_screen(picture: Image.Image, seed: int = 0) -> Image.Image:
    """A photograph of a screen that shows the picture: RGB, 1200 x 900."""
    rng = np.random.default_rng(seed)
    scale = 3 * STRIPE
    lit = np.asarray(picture.convert("RGB").resize(SHOWN, Image.Resampling.BICUBIC), dtype=np.float32)
    lit = lit.repeat(scale, axis=0).repeat(scale, axis=1)
    rows, columns = np.indices(lit.shape[:2])
    for colour in range(3):
        lit[..., colour] *= np.where(columns % scale // STRIPE == colour, 1, 0.05)
    lit *= np.where(rows % scale < scale - GAP, 2.2, 0.2)[..., None]
    screen = Image.fromarray(lit.clip(0, 255).astype(np.uint8))
    width, height = screen.size
    left, top, right, bottom = rng.uniform(0.01, 0.08, 4) * (width, height, width, height)
    aslant = (left, top, 0, height, width - right, height - bottom, width, 0)
    photo = screen.transform((2400, 1800), Image.Transform.QUAD, aslant, Image.Resampling.BILINEAR)
    photo = photo.resize((1200, 900), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(0.4))
    noisy = np.asarray(photo) + rng.normal(0, 3, (900, 1200, 1))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
