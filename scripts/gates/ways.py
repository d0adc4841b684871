"""Ways to score how much a picture is like a lesion."""

from collections.abc import Callable

import numpy as np
import torch
from scipy.special import logsumexp
from sklearn.covariance import LedoitWolf
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from hfskin.calibration.gate import fitted_gate
from hfskin.inference.batch.predictions import Outputs
from hfskin.inference.decisions import softmax
from hfskin.model.gate import roots

NEIGHBOURS = 10
COMPONENTS = 64

# Higher is more like a lesion: (N,) of N pictures.
Score = Callable[[Outputs], np.ndarray]


def regression(lesions: np.ndarray, others: np.ndarray) -> Score:
    gate = fitted_gate(lesions, others)
    return lambda outputs: gate(torch.from_numpy(outputs.features)).numpy()


def _mahalanobis(train: np.ndarray) -> Score:
    """Lee et al. 2018, of the roots of the features; one covariance, shrunk."""
    fitted = LedoitWolf().fit(_roots(train))
    return lambda outputs: -fitted.mahalanobis(_roots(outputs.features))


def _subspace(train: np.ndarray) -> Score:
    """Mahalanobis distance in the leading subspace and what lies outside it, as in ViM (Wang et al. 2022): much like
    hfskin's gate before this one."""
    values = _roots(train)
    mean = values.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.cov(values.T))
    basis, kept, rest = vectors[:, -COMPONENTS:], variances[-COMPONENTS:], variances[:-COMPONENTS].sum()

    def score(outputs: Outputs) -> np.ndarray:
        centred = _roots(outputs.features) - mean
        inside = centred @ basis
        outside = (centred**2).sum(axis=1) - (inside**2).sum(axis=1)
        return -((inside**2 / kept).mean(axis=1) + outside / rest)

    return score


def _nearest(train: np.ndarray) -> Score:
    """Distance to the k-th nearest training picture (Sun et al. 2022)."""
    index = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(normalize(_roots(train)))
    return lambda outputs: -index.kneighbors(normalize(_roots(outputs.features)))[0][:, -1]


def _isolation_forest(train: np.ndarray) -> Score:
    """Li et al. 2020, on the features before the classifier; from the paper's related work."""
    fitted = IsolationForest(random_state=0).fit(_roots(train))
    return lambda outputs: fitted.score_samples(_roots(outputs.features))


def _energy(train: np.ndarray) -> Score:
    """Liu et al. 2020; nothing is fitted."""
    return lambda outputs: logsumexp(outputs.logits, axis=1)


def _greatest_probability(train: np.ndarray) -> Score:
    return lambda outputs: softmax(outputs.logits).max(axis=1)


def _roots(features: np.ndarray) -> np.ndarray:
    return roots(torch.from_numpy(features)).numpy()


# Fitted to the features (N, F) of training pictures alone, as they are and changed: unlike them is refused.
OF_LESIONS: dict[str, Callable[[np.ndarray], Score]] = {
    "Mahalanobis": _mahalanobis,
    "subspace and residual": _subspace,
    f"{NEIGHBOURS} nearest": _nearest,
    "Isolation Forest": _isolation_forest,
    "energy": _energy,
    "greatest probability": _greatest_probability,
}
