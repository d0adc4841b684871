"""Every method that is measured, by name: from the material and a seed to figures."""

from collections.abc import Callable
from dataclasses import replace

import torch

from . import explained, networks, segment_first
from .features import Features, pooled
from .material import SIDE, Material
from .methods import METHODS, judge, learnt, mean_probability, papers

SIDES = (96, SIDE, 160)  # of the members of an ensemble of several resolutions


def together(views: list[Features], seed: int) -> dict:
    """Figures of an ensemble of one head for each view of the same pictures."""
    members = [learnt(view, seed, papers(view, seed), draw=draw) for draw, view in enumerate(views)]
    side_by_side = replace(
        views[0],
        maps=torch.cat([pooled(view.maps) for view in views], dim=1)[..., None, None],
        strange=None if views[0].strange is None else torch.cat([pooled(v.strange) for v in views], 1)[..., None, None],
    )

    def answer(x: torch.Tensor, metadata: torch.Tensor):
        parts = x.chunk(len(views), dim=1)
        return mean_probability([member(part, metadata) for member, part in zip(members, parts, strict=True)])

    return judge(side_by_side, seed, answer)


CATALOGUE: dict[str, Callable[[Material, int], dict]] = {
    **{name: lambda material, seed, run=run: run(material.features, seed) for name, run in METHODS.items()},
    "three resolutions": lambda material, seed: together([material.at(side) for side in SIDES], seed),
    "three heads of one resolution": lambda material, seed: together([material.features] * len(SIDES), seed),
    **segment_first.METHODS,
    **networks.METHODS,
    "Kernel SHAP": explained.kernel_shap,
}
