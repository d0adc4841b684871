"""How the five folds are trained: from ImageNet's weights, then on in rounds. A round ends with the mean of its weights
and those of what it went on from; of a run, these are the last epoch's (training/merging.py), though the first round
begins with the epoch that validation chose. The last round but one is attention supervision, the last one shows
pictures nearly as they are. A small network that is trained beside it is its ensemble member in the end. These are
today's recipes; docs/cross_validation.md tells what was done to the folds at hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from hfskin.checkpoints.history import is_finished
from hfskin.training.config import TrainConfig
from hfskin.training.merging import average_checkpoints, ensemble_checkpoints
from hfskin.training.recipes import ATTENTION_SUPERVISION, CONTINUE, FINE_TUNE, MEMBER, MODERN, Recipe

from ..runner import TimeLimit, is_trained

NO_LIMIT = TimeLimit()
MEMBER_BACKBONE = "mobilenet_v3_small"


@dataclass(frozen=True)
class Schedule:
    """What [`train_by_schedule`] trains a model by.

    Args:
        backbone, weights, image_size, copies: see [`train`].
        epochs: of the first run and of each round of `continue` after it.
        masks: lesion masks by image id for `attention-supervision`, which is left out without them.
        member_weights: of the small ensemble member, a `MEMBER_BACKBONE`.
    """

    backbone: str = "efficientnet_lite0"
    weights: str = "timm"
    image_size: tuple[int, int] = (144, 192)
    epochs: tuple[int, ...] = (14, 12)
    copies: Mapping[str, Path] | None = None
    masks: Mapping[str, Path] | None = None
    member_weights: str = "timm"


def train_by_schedule(
    split: pd.DataFrame, runs: Path, schedule: Schedule, seed: int = 0, limit: TimeLimit = NO_LIMIT
) -> Path | None:
    """Train on a split by the recipes `modern`, `continue`, `attention-supervision` and `fine-tune`, and make
    an ensemble of what comes of it and a network of the recipe `member`. What was done in `runs` stays.

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
        config = TrainConfig(recipe, image_size=schedule.image_size, copies=schedule.copies, **how)
        return is_trained(split, run, config, limit)

    first, *more = schedule.epochs
    model = runs / "first"
    recipe = replace(MODERN, epochs=first)
    if not finished(model, recipe, backbone=schedule.backbone, weights=schedule.weights, seed=seed):
        return None
    rounds = [(replace(CONTINUE, epochs=epochs), None) for epochs in more]
    if schedule.masks is not None:
        rounds.append((ATTENTION_SUPERVISION, schedule.masks))
    rounds.append((FINE_TUNE, None))
    for i, (recipe, masks) in enumerate(rounds, start=1):
        run, mean = runs / f"round{i}", runs / f"round{i}-mean"
        if not finished(run, recipe, start=model, masks=masks, seed=10 * i + seed):
            return None
        if not is_finished(mean):
            average_checkpoints([run, model], mean)
        model = mean
    member, ensemble = runs / "partner", runs / "joined"  # folders of runs that are there keep their names
    if not finished(member, MEMBER, backbone=MEMBER_BACKBONE, weights=schedule.member_weights, seed=100 + seed):
        return None
    return ensemble if is_finished(ensemble) else ensemble_checkpoints([model, member], ensemble)
