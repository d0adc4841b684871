"""Judging a checkpoint's gate by lesions and other things that nothing was fitted to, from home and from elsewhere."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd
from PIL import Image
from scipy.stats import binomtest

from ..calibration.exposure import Exposure, fitting_half, unsquashed
from ..calibration.negatives import SYNTHETIC, quarters, shipped_paths, synthetic_pictures
from ..inference.base import LesionPipeline
from ..inference.batch.predictions import Predictions, gate_scores
from ..model.image_reading import read_image
from ..model.labels import shown_classes
from .bootstrap import CONFIDENCE, LesionBootstrap, interval
from .metrics import weighted_auc

GIVEN = "photographs"  # the kind of the pictures of other things that were given


def measure_gate(pipeline: LesionPipeline, home: Predictions, exposure: Exposure) -> dict | None:
    """What [`summarise_gate`] says of a checkpoint's gate, None without one, and `unusual`: [`summarise_unusual`].

    Args:
        home: the pictures of the data set that are measured.
        exposure: of whose lesions and other things the judging half counts.
    """
    config = pipeline.config
    if home.gate_scores is None or config.gate_threshold is None:
        return None
    lesions = {"home": (home.gate_scores, np.array(shown_classes(config))[home.labels], home.lesion_ids)}
    rows = exposure.lesions[~fitting_half(exposure.lesions["patient"])]
    if len(rows):
        dx, patients = rows["dx"].replace("", "unknown").to_numpy(), rows["patient"].to_numpy()
        lesions["elsewhere"] = gate_scores(pipeline, rows["path"], "gate: lesions elsewhere"), dx, patients
        if all(unsquashed(read_image(path).image) for path in rows["path"]):
            stretched = (unsquashed(read_image(path).image)[0] for path in rows["path"])
            lesions["elsewhere, at 4:3"] = gate_scores(pipeline, stretched, "gate: at 4:3"), dx, patients
    others = {kind: gate_scores(pipeline, images, f"gate: {kind}") for kind, images in other_things(exposure).items()}
    wrong = home.logits.argmax(axis=1) != home.labels
    unusual = summarise_unusual(home.gate_scores, wrong, config.gate_threshold, config.unusual_threshold)
    return {**summarise_gate(lesions, others, config.gate_threshold), "unusual": unusual}


def summarise_unusual(scores: np.ndarray, wrong: np.ndarray, refused: float, unusual: float | None) -> dict | None:
    """How many of the answers are called unusual, and how often those and the others are wrong; None without a
    threshold.

    Args:
        scores: (N,)
        wrong: (N,) bool.
        refused: the gate's threshold.
        unusual: an answer at a score below it is called so.
    """
    if unusual is None:
        return None
    marked, others = (scores >= refused) & (scores < unusual), scores >= unusual
    return {"threshold": unusual, "unusual": _share(wrong[marked]), "others": _share(wrong[others])}


def other_things(exposure: Exposure) -> dict[str, Iterable[Image.Image]]:
    """The pictures of other things that judge, by kind: the given ones, a package's (whole and in quarters), or drawn
    ones."""
    kinds: dict[str, Iterable[Image.Image]] = {}
    if exposure.others:
        kinds[GIVEN] = (read_image(path).image for path in _judging(exposure.others))
    kinds |= {package: _with_quarters(judging) for package, p in shipped_paths().items() if (judging := _judging(p))}
    return kinds | {kind: synthetic_pictures(kind) for kind in SYNTHETIC}


def _judging(paths: list) -> list:
    return [path for path, fits in zip(paths, fitting_half(path.name for path in paths), strict=True) if not fits]


def _with_quarters(paths: list) -> Iterator[Image.Image]:
    for path in paths:
        image = read_image(path).image
        yield image
        yield from quarters(image)


def summarise_gate(
    lesions: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    others: Mapping[str, np.ndarray],
    threshold: float,
) -> dict:
    """Share of lesions accepted, by source and class, and share of other pictures refused, by kind.

    Args:
        lesions: by source the scores, classes and lesion (or patient) ids, (N,) each; the first is "home".
        others: the scores of pictures of other things, by kind.
        threshold: a score below it is refused.

    Returns:
        threshold; lesions (of home), elsewhere (by source): n, accepted, per_class; negatives: all, photographs (all
        but the drawn ones), kinds, each with n, refused, and the AUROC against all lesions. Each share has its 95 %
        interval: of lesions by bootstrap over the ids, of other pictures, and where all lesions are alike, Wilson's.
    """
    sources = {name: _accepted(*source, threshold) for name, source in lesions.items()}
    scores = np.concatenate([source[0] for source in lesions.values()])
    kinds = {kind: _refused(scores, values, threshold) for kind, values in others.items() if len(values)}
    shipped = [values for kind, values in others.items() if kind not in SYNTHETIC]
    return {
        "threshold": threshold,
        "lesions": sources.pop("home"),
        "elsewhere": sources,
        "negatives": {
            "all": _refused(scores, np.concatenate(list(others.values())), threshold),
            "photographs": _refused(scores, np.concatenate(shipped), threshold),
            "kinds": kinds,
        },
    }


def _accepted(scores: np.ndarray, dx: np.ndarray, ids: np.ndarray, threshold: float) -> dict:
    accepted = (scores >= threshold).astype(float)

    def share(rows: np.ndarray) -> dict:
        bootstrap = LesionBootstrap(ids[rows])
        found = interval(bootstrap.means(accepted[rows]))
        if found["value"] in (0, 1):  # all alike: resampling them tells nothing
            found = _share(np.full(bootstrap.n_lesions, found["value"] == 1))
            del found["n"]
        return {"n": int(rows.sum()), "accepted": found}

    classes = sorted(pd.unique(dx))
    return {**share(np.full(len(dx), True)), "per_class": {str(c): share(dx == c) for c in classes}}


def _refused(lesions: np.ndarray, others: np.ndarray, threshold: float) -> dict:
    scores = np.concatenate([lesions, others])
    is_lesion = np.arange(len(scores)) < len(lesions)
    share = _share(others < threshold)
    return {
        "n": share.pop("n"),
        "refused": share,
        "auroc": float(weighted_auc(is_lesion, scores, np.ones((1, len(scores))))[0]),
    }


def _share(true: np.ndarray) -> dict:
    """n, the share that is true, and Wilson's interval."""
    if not len(true):
        return {"n": 0, "value": None, "low": None, "high": None}
    limits = binomtest(int(true.sum()), len(true)).proportion_ci(CONFIDENCE, method="wilson")
    return {"n": len(true), "value": float(true.mean()), "low": float(limits.low), "high": float(limits.high)}
