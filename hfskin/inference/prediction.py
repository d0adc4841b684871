"""The answer."""

from dataclasses import asdict, dataclass

import numpy as np

from ..model.labels import CLASSES
from ..model.preprocessing import CropBox
from .attention import attention_map
from .decisions import is_suspicious, malignant_probability, prediction_sets, softmax
from .prepare import Prepared

REFUSAL = "this does not look like a dermatoscopic picture of a skin lesion"


@dataclass(frozen=True)
class Prediction:
    """What the model says about one picture. Not a diagnosis: hfskin is not a medical device.

    Attributes:
        label: the most probable class, or None where the picture does not look like a lesion.
        probabilities: calibrated, by class, in the order of `CLASSES`; they sum to 1.
        prediction_set: the classes that cannot be ruled out at the checkpoint's coverage (conformal prediction); never
            empty. Without calibration it holds every class.
        malignant_probability: the sum over melanoma, basal cell carcinoma and actinic keratosis / Bowen's disease.
        suspicious: whether that sum reaches the checkpoint's threshold; None where it has none.
        in_distribution: False where the picture does not look like the training pictures; None without a gate.
        in_distribution_score: about -1 for a training picture, lower for others; None without a gate.
        attention: where Soft-Attention looked, float32 of shape (H, W) in [0, 1] over `crop`; None without the block.
        crop: the part of the upright picture that the model saw, in pixels.
        warnings: what makes this answer less certain, in words.
    """

    label: str | None
    probabilities: dict[str, float]
    prediction_set: list[str]
    malignant_probability: float
    suspicious: bool | None
    in_distribution: bool | None
    in_distribution_score: float | None
    attention: np.ndarray | None
    crop: CropBox
    warnings: list[str]

    @property
    def status(self) -> str:
        return "refused" if self.label is None else "answered"

    def to_dict(self) -> dict:
        """Plain values for JSON, without the attention map."""
        values = asdict(self)
        del values["attention"]
        return {**values, "crop": list(self.crop)}


def predict(outputs: dict[str, np.ndarray], prepared: Prepared, config) -> Prediction:
    """What the network gave for one picture -> what is said of it.

    Args:
        outputs: one row of [`LesionPipeline.run`].
        prepared: what it was given.
        config: the checkpoint's calibration.

    Raises:
        ValueError: the network's answer is not a number.
    """
    if not np.isfinite(outputs["logits"]).all():
        raise ValueError("the network's answer is not a number: its weights are damaged; copy the checkpoint again")
    probabilities = softmax(outputs["logits"])
    notes, score, accepted = list(prepared.warnings), None, None
    if "in_distribution_score" in outputs:
        score = float(outputs["in_distribution_score"])
    if score is not None and config.gate_threshold is not None:
        accepted = score >= config.gate_threshold
    if accepted is False:
        notes.insert(0, REFUSAL)
    threshold = config.malignant_threshold
    sets = prediction_sets(probabilities, config.conformal_threshold)
    return Prediction(
        label=None if accepted is False else CLASSES[int(probabilities.argmax())],
        probabilities=dict(zip(CLASSES, probabilities.tolist(), strict=True)),
        prediction_set=[c for c, inside in zip(CLASSES, sets, strict=True) if inside],
        malignant_probability=float(malignant_probability(probabilities)),
        suspicious=None if threshold is None else bool(is_suspicious(probabilities, threshold)),
        in_distribution=accepted,
        in_distribution_score=score,
        attention=attention_map(outputs.get("attentions"), prepared.pixel_values.shape[1:]),
        crop=prepared.crop,
        warnings=notes,
    )
