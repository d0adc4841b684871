"""Random numbers that are the same whichever worker, process or session makes them."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import TrainerCallback


def seed_of(*key: int) -> int:
    """One seed, 32 bits, for several numbers that say what it is for."""
    return int(np.random.SeedSequence(key).generate_state(1)[0])


def class_quotas(counts: Sequence[int], power: float) -> np.ndarray:
    """How many of an epoch's N places each class gets: N_c ** (1 - power) of them, scaled to N in all, shape (C,).

    Power 0 leaves every class its own share, 0.5 is square-root sampling, 1 gives all the same.

    Args:
        counts: pictures of each class, at least one.
        power: 0 to 1.
    """
    n = np.asarray(counts)
    shares = n ** (1.0 - power)
    exact = n.sum() * shares / shares.sum()
    quotas = np.floor(exact).astype(int)
    largest_remainders = np.argsort(quotas - exact, kind="stable")[: n.sum() - quotas.sum()]
    quotas[largest_remainders] += 1
    return quotas


class ClassSampling:
    """Which picture stands at each place of an epoch, where rare classes get more places than they have pictures.

    Every picture of a class comes up equally often, give or take one.

    Args:
        labels: (N,) class indices of the pictures, each class at least once.
        power: see [`class_quotas`].
        seed: of the run.
    """

    def __init__(self, labels: Sequence[int], power: float, seed: int):
        classes = np.asarray(labels)
        self.members = [np.flatnonzero(classes == c) for c in range(classes.max() + 1)]
        self.quotas = class_quotas([len(m) for m in self.members], power)
        self.seed, self._epoch, self._order = seed, -1, np.empty(0, dtype=int)

    def order(self, epoch: int) -> np.ndarray:
        """(N,) indices of pictures, by class; the data loader shuffles the places."""
        if epoch != self._epoch:
            random = np.random.default_rng(seed_of(self.seed, epoch))
            parts = [_repeated(m, q, random) for m, q in zip(self.members, self.quotas, strict=True)]
            self._epoch, self._order = epoch, np.concatenate(parts)
        return self._order


def _repeated(members: np.ndarray, quota: int, random: np.random.Generator) -> np.ndarray:
    """`quota` of the members: all of them as often as it goes, then some."""
    return np.concatenate([random.permutation(members) for _ in range(0, quota, len(members))])[:quota]


class ReproducibleSampling(Dataset):
    """A data set whose random numbers for a sample depend on the seed, the epoch and the sample's index alone.

    A worker's own random numbers go on from sample to sample; where a run is resumed, or goes over several processes,
    they would be others than in a run without a break.

    Args:
        dataset: of any kind that draws from torch's CPU generator.
        seed: of the run.
        sampling: which sample of `dataset` stands at an index in an epoch; without it, the one of that index.
    """

    def __init__(self, dataset: Dataset, seed: int, sampling: ClassSampling | None = None):
        self.dataset, self.seed, self.sampling = dataset, seed, sampling
        self.epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # workers live longer than an epoch

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int):
        epoch = int(self.epoch)
        picture = index if self.sampling is None else int(self.sampling.order(epoch)[index])
        before = torch.get_rng_state()
        torch.default_generator.manual_seed(seed_of(self.seed, epoch, index))
        try:
            return self.dataset[picture]
        finally:
            torch.set_rng_state(before)


class TellEpoch(TrainerCallback):
    """Tells the data set which epoch begins; accelerate does so only in a run of one process without a break."""

    def __init__(self, dataset: ReproducibleSampling):
        self.dataset = dataset

    def on_epoch_begin(self, args, state, control, **kwargs):
        self.dataset.epoch.fill_(int(state.epoch or 0))
