"""What happens beside the steps: averaged weights, a limit of time."""

import time

import torch
from timm.utils import ModelEmaV3
from torch import distributed
from transformers import TrainerCallback


class UpdateAverage(TrainerCallback):
    """Moves the averaged weights after every optimiser step."""

    def __init__(self, average: ModelEmaV3):
        self.average = average

    def on_step_end(self, args, state, control, model=None, **kwargs):
        self.average.update(model, step=state.global_step)


class TimeLimit(TrainerCallback):
    """Ends training after the step in which the time runs out; Trainer saves a checkpoint from which the run goes on.

    `stopped` tells whether it did. Of several processes the first one's clock counts.
    """

    def __init__(self, minutes: float):
        self.deadline, self.stopped = time.monotonic() + 60 * minutes, False

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step < state.max_steps and self._is_over(args):
            control.should_training_stop = self.stopped = True

    def on_epoch_end(self, args, state, control, **kwargs):
        if self.stopped and state.epoch % 1:
            control.should_evaluate = False  # part of an epoch does not count for early stopping and the learning rate

    def _is_over(self, args) -> bool:
        over = torch.tensor(int(time.monotonic() > self.deadline), device=args.device)
        if args.world_size > 1:
            distributed.broadcast(over, 0)  # one that stops alone leaves the others waiting for it
        return bool(over)
