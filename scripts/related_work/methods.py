"""The methods that are compared on frozen features: each from features and a seed to figures."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from hfskin.inference.decisions import softmax
from hfskin.model.labels import CLASSES
from hfskin.model.metadata import METADATA_SIZE
from hfskin.training.losses import class_weights

from . import classical, gates
from .contrastive import RelationPreserving, Student
from .features import Features, pooled
from .heads import Head, fit, measured
from .losses import FocalLoss, MultiWeightedNewLoss
from .matrix import MatrixTransformation
from .metadata_network import WIDTH, MetadataNetwork
from .variational import FunctionalELBO, GaussianLogits

PAPERS_WIDTH = 4096
MEMBERS = 5


def counts(features: Features, seed: int) -> torch.Tensor:
    """(7,) training pictures of each class."""
    return torch.bincount(features.labels[features.parts(seed)["train"]], minlength=len(CLASSES))


def weighted(features: Features, seed: int, gamma: float = 0.0) -> FocalLoss:
    """The paper's weighted cross-entropy, or a focal one."""
    return FocalLoss(class_weights(counts(features, seed).tolist()), gamma)


View = Callable[[torch.Tensor], torch.Tensor]  # maps (n, C, h, w) -> what a head reads, (n, ...)
Answer = Callable[[torch.Tensor, torch.Tensor], np.ndarray]  # of that and metadata (n, 19) -> logits (n, 7)


def judge(features: Features, seed: int, answer: Answer, view: View = pooled) -> dict:
    """Figures of an answer; with photographs of other things also how they are told by how sure it is."""
    parts = features.parts(seed)
    calibrate, judged = parts["calibrate"], parts["judge"]
    of_calibrate, of_judged = (answer(view(features.maps[r]), features.metadata[r]) for r in (calibrate, judged))
    strange = None
    if features.strange is not None:  # with patients of lesions: their metadata alone must not give them away
        patients = features.metadata[judged[torch.arange(len(features.strange)) % len(judged)]]
        strange = answer(view(features.strange), patients)
    labels = features.labels.numpy()
    return measured(of_calibrate, labels[calibrate], of_judged, labels[judged], strange)


def learnt(features: Features, seed: int, make: Callable, view: View = pooled, draw: int = 0) -> Answer:
    """The answer of a head that is trained.

    Args:
        make: () -> the head and its loss; called behind `torch.manual_seed`.
        draw: another start and another order of the pictures with the same seed, for the members of an ensemble.
    """
    start = seed + 1000 * draw
    torch.manual_seed(start)
    head, loss = make()
    rows = features.parts(seed)["train"]
    fit(head, view(features.maps[rows]), features.metadata[rows], features.labels[rows], loss, start)

    @torch.inference_mode()
    def answer(x: torch.Tensor, metadata: torch.Tensor) -> np.ndarray:
        return head(x, metadata).numpy()

    return answer


def trained(features: Features, seed: int, make: Callable, view: View = pooled) -> dict:
    """Figures of a head that is trained; see [`learnt`]."""
    return judge(features, seed, learnt(features, seed, make, view), view)


def mean_probability(logits: list[np.ndarray]) -> np.ndarray:
    """What an ensemble says, as logits: (n, 7) of each member -> (n, 7)."""
    return np.log(np.mean([softmax(member) for member in logits], axis=0).clip(1e-9))


def branch() -> nn.Module:
    """The paper's for the metadata."""
    return nn.Sequential(nn.Linear(METADATA_SIZE, PAPERS_WIDTH), nn.ReLU())


def _papers_head(features: Features) -> Head:
    return Head(features.maps.shape[1], branch(), PAPERS_WIDTH)


def papers(features: Features, seed: int) -> Callable:
    """Makes the paper's metadata branch and its weighted loss."""
    return lambda: (_papers_head(features), weighted(features, seed))


def baseline(features: Features, seed: int) -> dict:
    return trained(features, seed, papers(features, seed))


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


def ensemble(features: Features, seed: int) -> dict:
    """Five hidden layers that start differently (Lakshminarayanan et al. 2017)."""
    make = lambda: (Student(_inputs(features)), weighted(features, seed))  # noqa: E731
    members = [learnt(features, seed, make, draw=draw) for draw in range(MEMBERS)]
    return judge(features, seed, lambda x, patients: mean_probability([answer(x, patients) for answer in members]))


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
        return trained(features, seed, make, lambda maps: maps)

    return run


def variational(weight: float) -> Callable[[Features, int], dict]:
    """Weight 0 is the same head without the divergence."""

    def run(features: Features, seed: int) -> dict:
        def make():
            head, rows = GaussianLogits(_inputs(features)), features.parts(seed)["train"]
            inputs = torch.cat([pooled(features.maps[rows]), features.metadata[rows]], dim=1)
            likelihood = weighted(features, seed)
            return head, FunctionalELBO(head, inputs, likelihood, weight) if weight else likelihood

        return trained(features, seed, make)

    return run


def on_features(make: Callable[[int], object]) -> Callable[[Features, int], dict]:
    """A classical classifier on pooled features and metadata."""

    def run(features: Features, seed: int) -> dict:
        rows = features.parts(seed)["train"]
        join = lambda x, metadata: torch.cat([x, metadata], dim=1).numpy()  # noqa: E731
        x = join(pooled(features.maps[rows]), features.metadata[rows])
        classifier = make(seed).fit(x, features.labels[rows].numpy())
        return judge(features, seed, lambda x, metadata: classical.logits(classifier, join(x, metadata)))

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
    "deep ensemble of five": ensemble,
    "Isolation Forest": gates.isolation_forest,
    "tenth nearest": gates.nearest,
}
