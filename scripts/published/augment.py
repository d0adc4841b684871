"""Augmentation of whole batches on the device: what a dermatoscopic picture from another clinic may look like."""

import math

import torch
import torch.nn.functional as F

GREY = (0.299, 0.587, 0.114)  # Rec. 601


def _uniform(n: int, low: float, high: float, device) -> torch.Tensor:
    return low + (high - low) * torch.rand(n, device=device)


def _often(n: int, share: float, device) -> torch.Tensor:
    return torch.rand(n, device=device) < share


def frame(pictures: torch.Tensor, size: tuple[int, int], strength: float) -> torch.Tensor:
    """Mirror, turn, zoom, stretch and shift: float (B, 3, h, w) of 4:3 scenes, however squashed -> (B, 3, *size).

    Args:
        strength: 0 to 1: how far pictures are zoomed, stretched and shifted, and how often turned by any angle.
    """
    n, device = len(pictures), pictures.device
    angle = _uniform(n, -math.pi, math.pi, device) * _often(n, 0.7 * strength, device)
    zoom = torch.exp(_uniform(n, math.log(0.6), math.log(1.12), device) * strength)  # below 1 shows less of the scene
    stretch = torch.exp(_uniform(n, -0.15, 0.15, device) * strength)  # of the width; the height takes its inverse
    mirror = torch.stack([1 - 2 * _often(n, 0.5, device).float() for _ in range(2)], dim=1)
    # Coordinates run from -1 to 1 on both axes, so that the scene's aspect stands between them.
    aspect = 4 / 3
    cos, sin = torch.cos(angle), torch.sin(angle)
    x_scale, y_scale = zoom * stretch, zoom / stretch
    matrix = torch.stack(
        [
            torch.stack([cos * x_scale, -sin * y_scale / aspect], dim=1),
            torch.stack([sin * x_scale * aspect, cos * y_scale], dim=1),
        ],
        dim=1,
    )
    matrix = matrix * mirror[:, None]
    room = (1 - zoom).clamp_min(0)[:, None]  # a shift stays inside the scene
    shift = room * (2 * torch.rand(n, 2, device=device) - 1)
    theta = torch.cat([matrix, shift[..., None]], dim=2)
    grid = F.affine_grid(theta, [n, 3, *size], align_corners=False)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def recolour(pictures: torch.Tensor, strength: float) -> torch.Tensor:
    """Another lamp, exposure, white balance, gamma, saturation, hue and contrast; (B, 3, H, W) in [0, 1], likewise."""
    n, device = len(pictures), pictures.device

    def each(spread: float) -> torch.Tensor:
        return torch.exp(spread * strength * torch.randn(n, device=device).clamp(-2, 2))[:, None, None, None]

    channel = torch.exp(0.1 * strength * torch.randn(n, 3, 1, 1, device=device).clamp(-2, 2))
    x = (pictures * each(0.15) * channel).clamp(1e-4, 1)
    x = x ** each(0.2)
    grey = (x * x.new_tensor(GREY).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    x = grey + (x - grey) * each(0.2)
    x = torch.einsum("bij,bjhw->bihw", _hue_turn(n, 0.12 * strength, device), x)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return (mean + (x - mean) * each(0.15)).clamp(0, 1)


def _hue_turn(n: int, spread: float, device) -> torch.Tensor:
    """(n, 3, 3): turns colours about the grey axis by a normal angle (Rodrigues' formula)."""
    angle = (spread * torch.randn(n, device=device).clamp(-2, 2))[:, None, None]
    axis = 1 / math.sqrt(3)
    cross = axis * torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=device)
    return torch.eye(3, device=device) * torch.cos(angle) + cross * torch.sin(angle) + (1 - torch.cos(angle)) / 3


def degrade(pictures: torch.Tensor, strength: float) -> torch.Tensor:
    """A coarser camera, noise, a round view or a black frame, each for some pictures; (B, 3, H, W) in [0, 1]."""
    n, device = len(pictures), pictures.device
    height, width = pictures.shape[2:]
    share = 0.45 + 0.5 * torch.rand(()).item()
    small = F.interpolate(pictures, scale_factor=share, mode="bilinear", antialias=True)
    coarse = F.interpolate(small, size=(height, width), mode="bilinear")
    x = torch.where(_often(n, 0.3 * strength, device)[:, None, None, None], coarse, pictures)
    noise = 0.03 * torch.rand(n, 1, 1, 1, device=device) * torch.randn_like(x)
    x = torch.where(_often(n, 0.15 * strength, device)[:, None, None, None], x + noise, x)
    rows, columns = (torch.linspace(-1, 1, side, device=device).abs() for side in (height, width))
    edge = _uniform(n, 0.72, 1.0, device)[:, None, None]
    circle = (rows[:, None] * height / width) ** 2 + columns[None] ** 2 <= 1.25 * edge**2
    box = (rows[:, None] <= edge) & (columns[None] <= edge)
    inside = torch.where(_often(n, 0.5, device)[:, None, None], circle, box)
    hidden = _often(n, 0.2 * strength, device)[:, None, None] & ~inside
    return x.masked_fill(hidden[:, None], 0.0).clamp(0, 1)


def augment(pictures: torch.Tensor, size: tuple[int, int], strength: float) -> torch.Tensor:
    """uint8 (B, 3, h, w) of 4:3 scenes -> float (B, 3, *size) in [0, 1]."""
    x = frame(pictures.float() / 255, size, strength)
    return degrade(recolour(x, strength), strength) if strength else x
