"""Categorical relation-preserving contrastive distillation from a mean teacher (Xing et al. 2021)."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from hfskin.model.labels import CLASSES

WIDTH, TEMPERATURE, DECAY = 128, 0.1, 0.99
CONTRASTIVE, RELATION = 0.1, 1.0  # weights of the two losses beside that of the labels


def contrastive_loss(student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """A student's embedding is drawn to the teacher's of its class, and pushed from those of the others: a scalar.

    Args:
        student, teacher: (B, D), of length 1.
        labels: (B,).
    """
    log_share = F.log_softmax(student @ teacher.T / TEMPERATURE, dim=1)
    same = (labels[:, None] == labels[None]).to(log_share)
    return -((same * log_share).sum(dim=1) / same.sum(dim=1)).mean()


def relation_loss(student: torch.Tensor, teacher: torch.Tensor, centroids: torch.Tensor) -> torch.Tensor:
    """KL divergence between the student's and the teacher's relation to the classes: a scalar.

    A relation is the softmax of the similarity to the centroid of every class.

    Args:
        student, teacher: (B, D), of length 1.
        centroids: (7, D), of length 1: the teacher's.
    """
    said, wanted = (F.log_softmax(x @ centroids.T / TEMPERATURE, dim=1) for x in (student, teacher))
    return F.kl_div(said, wanted, reduction="batchmean", log_target=True)


class Embedding(nn.Module):
    """Dropout, a hidden layer, and its output of length 1: (B, inputs) -> hidden (B, D) and embedding (B, D)."""

    def __init__(self, inputs: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Dropout(0.2), nn.Linear(inputs, WIDTH), nn.ReLU())
        self.project = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.layers(x)
        return hidden, F.normalize(self.project(hidden), dim=1)


class Student(nn.Module):
    """A head that keeps what its last batch looked like, and a teacher that is its exponential moving average."""

    def __init__(self, inputs: int):
        super().__init__()
        self.embedding, self.classifier = Embedding(inputs), nn.Linear(WIDTH, len(CLASSES))
        self.teacher = copy.deepcopy(self.embedding).requires_grad_(False)
        self.register_buffer("centroids", F.normalize(torch.randn(len(CLASSES), WIDTH), dim=1))
        self.seen: tuple[torch.Tensor, torch.Tensor] | None = None

    def forward(self, x: torch.Tensor, metadata: torch.Tensor) -> torch.Tensor:
        x = torch.cat([x, metadata], dim=1)
        hidden, embedded = self.embedding(x)
        if self.training:  # dropout shows the teacher another view
            with torch.no_grad():
                self.seen = embedded, self.teacher(x)[1]
        return self.classifier(hidden)


class RelationPreserving:
    """The loss of a [`Student`]; its teacher and centroids move after each step."""

    def __init__(self, student: Student, of_labels):
        self.student, self.of_labels, self.labels = student, of_labels, None

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        self.labels = labels
        student, teacher = self.student.seen
        return (
            self.of_labels(logits, labels)
            + CONTRASTIVE * contrastive_loss(student, teacher, labels)
            + RELATION * relation_loss(student, teacher, self.student.centroids)
        )

    @torch.no_grad()
    def after_step(self) -> None:
        """The teacher follows the student, and each class's centroid its teacher's embeddings of this batch."""
        mine, theirs = self.student.embedding.parameters(), self.student.teacher.parameters()
        for new, old in zip(mine, theirs, strict=True):
            old.lerp_(new, 1 - DECAY)
        _, teacher = self.student.seen
        for c in self.labels.unique():
            mean = teacher[self.labels == c].mean(dim=0)
            self.student.centroids[c] = F.normalize(self.student.centroids[c].lerp(mean, 0.1), dim=0)
