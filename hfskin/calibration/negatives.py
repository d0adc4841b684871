"""Pictures that are not dermatoscopic pictures of a lesion: what libraries ship, and synthetic ones."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

# Where installed libraries keep photographs, micrographs, textures and logos. One that is not installed is left out;
# the report says how many pictures each gave.
SHIPPED = {
    "gradio": "media_assets/images",
    "matplotlib": "mpl-data/sample_data",
    "skimage": "data",
    "sklearn": "datasets/images",
}
MIN_SIDE = 64  # pixels, so that a quarter of the picture can still be read
SYNTHETIC_PER_KIND = 20
WIDTH, HEIGHT = 400, 300
TEXT = "the model was trained on pictures of the skin and this is a page of text about something else entirely"
WORDS = TEXT.split()


def shipped_paths() -> dict[str, list[Path]]:
    """The pictures that the installed packages of `SHIPPED` bring, by package."""
    return {package: _pictures_of(package) for package in SHIPPED if find_spec(package)}


def quarters(image: Image.Image) -> list[Image.Image]:
    """The four quarters of a picture, as pictures of their own; none of one that is too small for them."""
    if min(image.size) < MIN_SIDE:
        return []
    x, y = image.width // 2, image.height // 2
    boxes = [(0, 0, x, y), (x, 0, 2 * x, y), (0, y, x, 2 * y), (x, y, 2 * x, 2 * y)]
    return [image.crop(box) for box in boxes]


def synthetic_pictures(kind: str, seed: int = 0) -> list[Image.Image]:
    """The pictures of one kind of `SYNTHETIC`."""
    rng = np.random.default_rng([seed, *kind.encode()])
    return [SYNTHETIC[kind](rng) for _ in range(SYNTHETIC_PER_KIND)]


def _pictures_of(package: str) -> list[Path]:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    folder, found = Path(spec.origin).parent / SHIPPED[package], []
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".jpg", ".jpeg", ".png")):
        with Image.open(path) as image:
            if min(image.size) >= MIN_SIDE:
                found.append(path)
    return found


def _noise(rng: np.random.Generator) -> Image.Image:
    return Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))


def _flat_colour(rng: np.random.Generator) -> Image.Image:
    return Image.new("RGB", (WIDTH, HEIGHT), _colour(rng))


def _gradient(rng: np.random.Generator) -> Image.Image:
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-0.5 : 0.5 : HEIGHT * 1j, -0.5 : 0.5 : WIDTH * 1j]
    t = np.clip(0.5 + x * np.cos(angle) + y * np.sin(angle), 0, 1)[..., None]
    first, second = np.array(_colour(rng)), np.array(_colour(rng))
    return Image.fromarray((first * (1 - t) + second * t).astype(np.uint8))


def _checkerboard(rng: np.random.Generator) -> Image.Image:
    side = int(rng.integers(5, 60))
    y, x = np.mgrid[:HEIGHT, :WIDTH] // side
    return Image.fromarray(np.where(((x + y) % 2)[..., None], _colour(rng), _colour(rng)).astype(np.uint8))


def _blurred_noise(rng: np.random.Generator) -> Image.Image:
    """Soft blobs of colour of a random size, stretched to the full range of values."""
    blurred = np.asarray(_noise(rng).filter(ImageFilter.GaussianBlur(rng.uniform(2, 30))), dtype=float)
    low, high = blurred.min(), blurred.max()
    return Image.fromarray(((blurred - low) / max(high - low, 1) * 255).astype(np.uint8))


def _bare_skin(rng: np.random.Generator) -> Image.Image:
    """A skin tone with soft shading and grain, and no lesion."""
    tone = np.array([rng.uniform(90, 240), 0, 0])
    tone[1:] = tone[0] * rng.uniform([0.65, 0.5], [0.8, 0.75])
    shading = np.asarray(_noise(rng).convert("L").filter(ImageFilter.GaussianBlur(40)), dtype=float)
    grain = rng.normal(0, rng.uniform(1, 5), (HEIGHT, WIDTH, 1))
    pixels = tone * (1 + (shading - shading.mean())[..., None] / 60) + grain
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _text(rng: np.random.Generator) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw, size = ImageDraw.Draw(image), int(rng.integers(10, 40))
    font = ImageFont.load_default(size)
    for y in range(5, HEIGHT, round(size * 1.4)):
        draw.text((5, y), " ".join(rng.choice(WORDS, 12)), fill=_colour(rng, 0, 100), font=font)
    return image


def _screenshot(rng: np.random.Generator) -> Image.Image:
    """A window with a title bar, a side bar, buttons and lines of text."""
    image = Image.new("RGB", (WIDTH, HEIGHT), _colour(rng, 220, 256))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    bar, side = int(rng.integers(20, 40)), int(rng.integers(60, 120))
    draw.rectangle((0, 0, WIDTH, bar), fill=_colour(rng))
    draw.rectangle((0, bar, side, HEIGHT), fill=_colour(rng, 150, 256))
    for y in range(bar + 10, HEIGHT - 40, 16):
        draw.text((side + 10, y), " ".join(rng.choice(WORDS, int(rng.integers(2, 9)))), fill="black", font=font)
    for x in range(side + 10, WIDTH - 70, 90):
        draw.rounded_rectangle((x, HEIGHT - 32, x + 75, HEIGHT - 8), 6, fill=_colour(rng))
        draw.text((x + 10, HEIGHT - 27), str(rng.choice(WORDS)), fill="white", font=font)
    return image


def _colour(rng: np.random.Generator, low: int = 0, high: int = 256) -> tuple[int, int, int]:
    return tuple(rng.integers(low, high, 3).tolist())


SYNTHETIC: dict[str, Callable[[np.random.Generator], Image.Image]] = {
    "bare skin": _bare_skin,
    "blurred noise": _blurred_noise,
    "checkerboard": _checkerboard,
    "flat colour": _flat_colour,
    "gradient": _gradient,
    "noise": _noise,
    "screenshot": _screenshot,
    "text": _text,
}
