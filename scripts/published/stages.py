"""How the published model and the five folds are trained: from ImageNet's weights, then on in rounds. A round ends with
the mean of its weights and those of what it went on from; of a run, these are the last epoch's (averaging.py), though
the first round begins with the epoch that validation chose. The last round but one shows Soft-Attention where the
lesion is, the last one shows pictures nearly as they are. A small network that is trained beside it answers with it in
the end.
These are today's recipes; training.json and docs/cross_validation.md tell what was done to the checkpoints at hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from hfskin.checkpoints.history import is_finished
from hfskin.training.config import TrainConfig
from hfskin.training.merging import average_checkpoints, ensemble_checkpoints
from hfskin.training.recipes import CONTINUE, FINE_TUNE, MODERN, PARTNER, TEACH, Recipe

from ..runner import TimeLimit, is_trained

NO_LIMIT = TimeLimit()
PARTNER_BACKBONE = "mobilenet_v3_small"


@dataclass(frozen=True)
class Stages:
    """What [`train_in_stages`] makes a model of.

    Args:
        backbone, weights, image_size, copies: see [`train`].
        epochs: of the first run and of each round of `continue` after it.
        masks: lesion masks by image id for `teach`, which is left out without them.
        partner_weights: of the small network that answers with the model, a `PARTNER_BACKBONE`.
    """

    backbone: str = "efficientnet_lite0"
    weights: str = "timm"
    image_size: tuple[int, int] = (144, 192)
    epochs: tuple[int, ...] = (14, 12)
    copies: Mapping[str, Path] | None = None
    masks: Mapping[str, Path] | None = None
    partner_weights: str = "timm"


def train_in_stages(
    split: pd.DataFrame, runs: Path, stages: Stages, seed: int = 0, limit: TimeLimit = NO_LIMIT
) -> Path | None:
    """Train on a split by the recipes `modern`, `continue`, `teach` and `fine-tune`, and join what comes of it with a
    network of the recipe `partner`. What was done in `runs` stays.

    Args:
        split: from `make_split` or `fold_split`.
        runs: a folder for the runs of this split alone.
        limit: a run that is not done by then is left with a checkpoint to resume from.

    Returns:
        The checkpoint, not yet calibrated; None where the time was too short.

    Raises:
        ValueError: `runs` holds one that was trained in another way.
    """

    def finished(run: Path, recipe: Recipe, **how) -> bool:
        config = TrainConfig(recipe, image_size=stages.image_size, copies=stages.copies, **how)
        return is_trained(split, run, config, limit)

    first, *more = stages.epochs
    model = runs / "first"
    if not finished(model, replace(MODERN, epochs=first), backbone=stages.backbone, weights=stages.weights, seed=seed):
        return None
    rounds = [(replace(CONTINUE, epochs=epochs), None) for epochs in more]
    if stages.masks is not None:
        rounds.append((TEACH, stages.masks))
    rounds.append((FINE_TUNE, None))
    for i, (recipe, masks) in enumerate(rounds, start=1):
        run, mean = runs / f"round{i}", runs / f"round{i}-mean"
        if not finished(run, recipe, start=model, masks=masks, seed=10 * i + seed):
            return None
        if not is_finished(mean):
            average_checkpoints([run, model], mean)
        model = mean
    partner, joined = runs / "partner", runs / "joined"
    if not finished(partner, PARTNER, backbone=PARTNER_BACKBONE, weights=stages.partner_weights, seed=100 + seed):
        return None
    return joined if is_finished(joined) else ensemble_checkpoints([model, partner], joined)
