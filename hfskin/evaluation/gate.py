"""The in-distribution gate of a checkpoint: fitting it, and judging it on pictures of other things."""

from collections.abc import Mapping

import numpy as np

from ..calibration.negatives import SYNTHETIC
from ..model.labels import CLASSES
from .bootstrap import LesionBootstrap, interval
from .metrics import weighted_auc


def summarise_gate(
    scores: np.ndarray,
    labels: np.ndarray,
    bootstrap: LesionBootstrap,
    negatives: Mapping[str, np.ndarray],
    threshold: float,
) -> dict:
    """Share of lesions accepted (all, and by class), share of other pictures refused, and AUROC (all, and by kind).

    Args:
        scores: (N,) of lesions.
        labels: (N,) of lesions.
        negatives: the scores of pictures of other things, by kind.
        threshold: a score below it is refused.
    """
    accepted = (scores >= threshold).astype(float)
    of_class = labels[:, None] == np.arange(len(CLASSES))
    kinds = {kind: _judge(scores, values, threshold) for kind, values in negatives.items()}
    shipped = [values for kind, values in negatives.items() if kind not in SYNTHETIC]
    return {
        "threshold": threshold,
        "lesions": {
            "n": len(scores),
            "accepted": interval(bootstrap.means(accepted)),
            "per_class": {
                c: {"n": int(rows.sum()), "accepted": float(accepted[rows].mean()) if rows.any() else None}
                for c, rows in zip(CLASSES, of_class.T, strict=True)
            },
        },
        "negatives": {
            "all": _judge(scores, np.concatenate(list(negatives.values())), threshold),
            "photographs": _judge(scores, np.concatenate(shipped), threshold),
            "kinds": kinds,
        },
    }


def _judge(lesions: np.ndarray, others: np.ndarray, threshold: float) -> dict:
    scores = np.concatenate([lesions, others])
    is_lesion = np.arange(len(scores)) < len(lesions)
    return {
        "n": len(others),
        "refused": float((others < threshold).mean()),
        "auroc": float(weighted_auc(is_lesion, scores, np.ones((1, len(scores))))[0]),
    }
