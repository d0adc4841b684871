"""The answer."""

from dataclasses import asdict, dataclass

import numpy as np

from ..model.preprocessing import CropBox

REFUSAL = "this does not look like a dermatoscopic picture of a skin lesion"


@dataclass(frozen=True)
class Prediction:
    """What the model says about one picture. Not a diagnosis: hfskin is not a medical device.

    Attributes:
        label: the most probable class, or None where the picture does not look like a lesion.
        probabilities: calibrated, by class, of the seven in the order of `CLASSES`; they sum to 1.
        prediction_set: the classes that cannot be ruled out at the checkpoint's coverage (conformal prediction); never
            empty. Without calibration it holds every class.
        malignant_probability: the sum over melanoma, basal cell carcinoma and actinic keratosis / Bowen's disease; of a
            checkpoint with other classes, over those that it calls malignant.
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

    def to_dict(self) -> dict:
        """Plain values for JSON, without the attention map."""
        values = asdict(self)
        del values["attention"]
        return {**values, "crop": list(self.crop)}
