"""The methods that are compared on frozen features: each from features and a seed to figures."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from hfskin.model.labels import CLASSES
from hfskin.model.metadata import METADATA_SIZE
from hfskin.training.losses import class_weights

from . import classical
from .contrastive import RelationPreserving, Student
from .features import Features
from .heads import Head, fit, measured
from .losses import FocalLoss, MultiWeightedNewLoss
from .matrix import MatrixTransformation
from .metadata_network import WIDTH, MetadataNetwork
from .variational import FunctionalELBO, GaussianLogits

PAPERS_WIDTH = 4096


def counts(features: Features, seed: int) -> torch.Tensor:
    """(7,) training pictures of each class."""
    return torch.bincount(features.labels[features.parts(seed)["train"]], minlength=len(CLASSES))


def weighted(features: Features, seed: int, gamma: float = 0.0) -> FocalLoss:
    """The paper's weighted cross-entropy, or a focal one."""
    return FocalLoss(class_weights(counts(features, seed).tolist()), gamma)


def _judge(features: Features, seed: int, answer: Callable[[torch.Tensor], np.ndarray]) -> dict:
    """Figures of what gives logits (n, 7) for rows (n,)."""
    parts = features.parts(seed)
    logits = [value for part in ("calibrate", "judge") for value in (answer(parts[part]), features.labels[parts[part]])]
    return measured(*(np.asarray(value) for value in logits))


def trained(features: Features, seed: int, make: Callable, x: torch.Tensor | None = None) -> dict:
    """Figures of a head that is trained.

    Args:
        make: () -> the head and its loss; called behind `torch.manual_seed(seed)`.
        x: (N, ...) of every row; default the pooled features.
    """
    x = features.pooled if x is None else x
    torch.manual_seed(seed)
    head, loss = make()
    rows = features.parts(seed)["train"]
    fit(head, x[rows], features.metadata[rows], features.labels[rows], loss, seed)
    with torch.inference_mode():
        return _judge(features, seed, lambda rows: head(x[rows], features.metadata[rows]).numpy())


def _papers_head(features: Features) -> Head:
    branch = nn.Sequential(nn.Linear(METADATA_SIZE, PAPERS_WIDTH), nn.ReLU())
    return Head(features.maps.shape[1], branch, PAPERS_WIDTH)


def baseline(features: Features, seed: int) -> dict:
    """The paper's metadata branch and its weighted loss."""
    return trained(features, seed, lambda: (_papers_head(features), weighted(features, seed)))


def without_metadata(features: Features, seed: int) -> dict:
    return trained(features, seed, lambda: (Head(features.maps.shape[1]), weighted(features, seed)))


def gessert(features: Features, seed: int) -> dict:
    head = lambda: Head(features.maps.shape[1], MetadataNetwork(), WIDTH)  # noqa: E731
    return trained(features, seed, lambda: (head(), weighted(features, seed)))


def focal(features: Features, seed: int) -> dict:
    return trained(features, seed, lambda: (_papers_head(features), weighted(features, seed, gamma=2.0)))


def multi_weighted(cumulative: bool) -> Callable[[Features, int], dict]:
    def run(features: Features, seed: int) -> dict:
        loss = MultiWeightedNewLoss(counts(features, seed), cumulative=cumulative)
        return trained(features, seed, lambda: (_papers_head(features), loss))

    return run


def hidden_layer(features: Features, seed: int) -> dict:
    """What the contrastive student is without its teacher."""
    return trained(features, seed, lambda: (Student(_inputs(features)), weighted(features, seed)))


def relation_preserving(features: Features, seed: int) -> dict:
    def make():
        student = Student(_inputs(features))
        return student, RelationPreserving(student, weighted(features, seed))

    return trained(features, seed, make)


def matrix(spectral: bool | None) -> Callable[[Features, int], dict]:
    """A head on the flattened map, behind a matrix transformation or none."""

    class OnMaps(nn.Module):
        def __init__(self, channels: int, height: int, width: int):
            super().__init__()
            self.transform = nn.Identity() if spectral is None else MatrixTransformation(height, width, spectral)
            self.head = Head(channels * height * width, nn.Linear(METADATA_SIZE, WIDTH), WIDTH)

        def forward(self, x: torch.Tensor, metadata: torch.Tensor) -> torch.Tensor:
            return self.head(self.transform(x).flatten(1), metadata)

    def run(features: Features, seed: int) -> dict:
        make = lambda: (OnMaps(*features.maps.shape[1:]), weighted(features, seed))  # noqa: E731
        return trained(features, seed, make, features.maps)

    return run


def variational(weight: float) -> Callable[[Features, int], dict]:
    """Weight 0 is the same head without the divergence."""

    def run(features: Features, seed: int) -> dict:
        def make():
            head, rows = GaussianLogits(_inputs(features)), features.parts(seed)["train"]
            inputs = torch.cat([features.pooled[rows], features.metadata[rows]], dim=1)
            likelihood = weighted(features, seed)
            return head, FunctionalELBO(head, inputs, likelihood, weight) if weight else likelihood

        return trained(features, seed, make)

    return run


def on_features(make: Callable[[int], object]) -> Callable[[Features, int], dict]:
    """A classical classifier on pooled features and metadata."""

    def run(features: Features, seed: int) -> dict:
        x = torch.cat([features.pooled, features.metadata], dim=1).numpy()
        rows = features.parts(seed)["train"].numpy()
        classifier = make(seed).fit(x[rows], features.labels[rows].numpy())
        return _judge(features, seed, lambda rows: classical.logits(classifier, x[rows.numpy()]))

    return run


def _inputs(features: Features) -> int:
    return features.maps.shape[1] + METADATA_SIZE


BASELINE = "weighted cross-entropy, the paper's branch"
METHODS: dict[str, Callable[[Features, int], dict]] = {
    BASELINE: baseline,
    "no metadata": without_metadata,
    "two-layer metadata network": gessert,
    "focal loss": focal,
    "multi-weighted new loss": multi_weighted(cumulative=False),
    "multi-weighted new loss, cumulative": multi_weighted(cumulative=True),
    "hidden layer": hidden_layer,
    "relation-preserving contrastive": relation_preserving,
    "flattened map": matrix(None),
    "matrix transformation, identity": matrix(False),
    "matrix transformation, spectral": matrix(True),
    "Gaussian logits": variational(0.0),
    "functional variational inference": variational(0.01),
    "Random Forest": on_features(classical.random_forest),
    "support vectors": on_features(classical.support_vectors),
    "XGBoost": on_features(classical.xgboost),
}
