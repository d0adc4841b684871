"""Random draws that are the same whichever worker, process or session makes them."""

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import TrainerCallback


def seed_of(*key: int) -> int:
    """One seed, 32 bits, for several numbers that say what is drawn for."""
    return int(np.random.SeedSequence(key).generate_state(1)[0])


class ReproducibleDraws(Dataset):
    """A data set whose random draws for a sample depend on the seed, the epoch and the sample's index alone.

    A worker's own random numbers go on from sample to sample; where a run is resumed, or goes over several processes,
    they would be others than in a run without a break.

    Args:
        dataset: of any kind that draws from torch's CPU generator.
        seed: of the run.
    """

    def __init__(self, dataset: Dataset, seed: int):
        self.dataset, self.seed = dataset, seed
        self.epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # workers live longer than an epoch

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int):
        before = torch.get_rng_state()
        torch.default_generator.manual_seed(seed_of(self.seed, int(self.epoch), index))
        try:
            return self.dataset[index]
        finally:
            torch.set_rng_state(before)


class TellEpoch(TrainerCallback):
    """Tells the data set which epoch begins; accelerate does so only in a run of one process without a break."""

    def __init__(self, dataset: ReproducibleDraws):
        self.dataset = dataset

    def on_epoch_begin(self, args, state, control, **kwargs):
        self.dataset.epoch.fill_(int(state.epoch or 0))
