"""The answer."""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..model.labels import shown_classes
from ..model.metadata import YOUNG
from ..model.preprocessing import CropBox
from .attention import attention_map
from .decisions import malignant_columns, malignant_probability, prediction_sets, softmax
from .prepare import ITSELF, SHARPER, Prepared

if TYPE_CHECKING:
    from PIL import Image

SCHEMA = 1  # of `to_dict`: one more whenever a name in it goes or changes its meaning
Status = Literal["answered", "unusual", "refused"]

AGELESS = (
    f"below {YOUNG} years the answer without the age counts where it is more cautious, as here: with the age, too many "
    "malignant lesions of the young would be missed"
)
REFUSAL = "this does not look like a dermatoscopic picture of a skin lesion"
REFUSED_BLURRED = f"this is too blurred to tell whether it shows a skin lesion; take it again: {SHARPER}"
REFUSED_FROM_SCREEN = (
    f"this seems to be taken from a screen or a print, so nobody can tell what it shows; take it again: {ITSELF}"
)
UNUSUAL = (
    "this is unlike the pictures that the model learnt from: it errs more often on such, and is too sure of itself"
)


@dataclass(frozen=True)
class Asked:
    """What a pipeline was asked, for whoever wants to see the answer.

    Attributes:
        image: what was given: a path, bytes, PIL image or array; read again when it is needed.
        patient: age, sex and site as given.
        config: the checkpoint's calibration.
    """

    image: Any
    patient: tuple
    config: Any


@dataclass(frozen=True, repr=False)
class Prediction:
    """What the model says about one picture. Not a diagnosis: hfskin is not a medical device.

    Attributes:
        status: "answered"; "unusual": answered, but unlike the training pictures, on which the model errs more often;
            "refused": it does not look like a dermatoscopic picture of a lesion.
        label: the most probable class. This and the next four are None where the picture is refused.
        probabilities: calibrated, by class, of the seven in the order of `CLASSES`; they sum to 1.
        prediction_set: the classes that cannot be ruled out at the checkpoint's coverage (conformal prediction); never
            empty. Without calibration it holds every class.
        malignant_probability: the sum over melanoma, basal cell carcinoma and actinic keratosis / Bowen's disease; of a
            checkpoint with other classes, over those that it calls malignant, None where it calls none so.
        suspicious: whether that sum reaches the checkpoint's threshold; None where it has none.
        in_distribution: False where the picture is refused; None without a gate.
        in_distribution_score: the log-odds of a lesion against anything else, see [`LesionGate`]; None without a gate.
        attention: where Soft-Attention looked, float32 of shape (H, W) in [0, 1] over `crop`; None without the block.
        crop: the part of the upright picture that the model saw, in pixels.
        warnings: what makes this answer less certain, in words.
        raw: of a refused picture, what the network said all the same: `probabilities` and `malignant_probability`,
            which mean nothing for a picture of something else. None where it is answered.
        revision: of the checkpoint: the first digits of the digest of all that decides its answers.
        asked: what was asked; None for what a batch answered.
    """

    status: Status
    label: str | None
    probabilities: dict[str, float] | None
    prediction_set: list[str] | None
    malignant_probability: float | None
    suspicious: bool | None
    in_distribution: bool | None
    in_distribution_score: float | None
    attention: np.ndarray | None
    crop: CropBox
    warnings: list[str]
    raw: dict | None = None
    revision: str | None = None
    asked: Asked | None = field(default=None, compare=False)

    @property
    def scores(self) -> dict[str, float]:
        """The network's probabilities, of a refused picture too."""
        return (self.raw or {})["probabilities"] if self.probabilities is None else self.probabilities

    def refused(self, reason: str) -> "Prediction":
        """This answer where it must not be given: what it says stands under `raw`, the reason in `warnings`."""
        return replace(
            self,
            status="refused",
            label=None,
            probabilities=None,
            prediction_set=None,
            malignant_probability=None,
            suspicious=None,
            warnings=[reason, *self.warnings],
            raw={"probabilities": self.probabilities, "malignant_probability": self.malignant_probability},
        )

    def to_dict(self) -> dict:
        """Plain values for JSON: `schema`, and the attributes without the attention map and what was asked."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("attention", "asked")}
        return {"schema": SCHEMA, **values, "crop": list(self.crop)}

    def overlay(self) -> "Image.Image":
        """The picture with the attention map over the part that the model saw, see `hfskin.inference.explain`.

        Raises:
            ValueError: the picture is not at hand, or the checkpoint gives no attention map.
            ImageError: the picture's file is gone.
        """
        from .explain import overlay

        return overlay(self._asked().image, self)

    def save(self, path: str | Path, language: str = "en") -> Path:
        """Write a page to print, with the picture, what the model says of it, and what that is worth.

        Args:
            path: an HTML file that needs nothing beside it.
            language: one of `hfskin.words.LANGUAGES`.

        Raises:
            ValueError: as in `overlay`.
        """
        from .answer.report import report

        path = Path(path)
        path.write_text(report(self, self._asked(), language), encoding="utf-8")
        return path

    def _asked(self) -> Asked:
        if self.asked is None or self.asked.image is None:
            raise ValueError("this prediction does not know its picture: ask the pipeline with the picture itself")
        return self.asked

    def __repr__(self) -> str:
        if self.label is None or self.probabilities is None:
            return f"<Prediction refused: {self.warnings[0]}>"
        likely = f"most likely {self.label} {self.probabilities[self.label]:.2f}"
        if self.malignant_probability is None:
            return f"<Prediction {self.status}: {likely}>"
        said = {True: "suspicious", False: "not suspicious", None: "no threshold"}[self.suspicious]
        return f"<Prediction {self.status}: {said}, malignant {self.malignant_probability:.2f}, {likely}>"

    def _repr_html_(self) -> str | None:
        """The answer in a notebook."""
        if self.asked is None:
            return None
        from .answer.report import notebook

        return notebook(self, self.asked)


def predict(outputs: dict[str, np.ndarray], prepared: Prepared, config, revision: str | None = None) -> Prediction:
    """What the network gave for one picture -> what is said of it.

    Args:
        outputs: one row of [`LesionPipeline.answer`].
        prepared: what it was given.
        config: the checkpoint's calibration.
        revision: the checkpoint's.

    Raises:
        ValueError: the network's answer is not a number.
    """
    if not np.isfinite(outputs["logits"]).all():
        raise ValueError("the network's answer is not a number: its weights are damaged; copy the checkpoint again")
    probabilities = softmax(outputs["logits"])
    score = float(outputs["in_distribution_score"]) if "in_distribution_score" in outputs else None
    status: Status = "refused" if prepared.blank else gate_status(score, config)
    classes, threshold, columns = shown_classes(config), config.malignant_threshold, malignant_columns(config)
    malignant = float(malignant_probability(probabilities, columns)) if columns else None
    sets = prediction_sets(probabilities, config.conformal_threshold)
    notes = [UNUSUAL] if status == "unusual" else []
    notes += [*prepared.warnings, *([AGELESS] if outputs.get("ageless") else [])]
    answer = Prediction(
        status=status,
        label=classes[int(probabilities.argmax())],
        probabilities=dict(zip(classes, probabilities.tolist(), strict=True)),
        prediction_set=[c for c, inside in zip(classes, sets, strict=True) if inside],
        malignant_probability=malignant,
        suspicious=None if threshold is None or malignant is None else malignant >= threshold,
        in_distribution=None if score is None or config.gate_threshold is None else status != "refused",
        in_distribution_score=score,
        attention=attention_map(outputs.get("attentions"), prepared.pixel_values.shape[1:], prepared.turned),
        crop=prepared.crop,
        revision=revision,
        warnings=notes,
    )
    if status == "refused":
        unclear = REFUSED_BLURRED if prepared.blurred else REFUSED_FROM_SCREEN if prepared.from_screen else None
        return answer.refused(unclear or REFUSAL)
    return answer


def gate_status(score: float | None, config) -> Status:
    """What a picture of this in-distribution score gets, None without a gate."""
    if score is None or config.gate_threshold is None:
        return "answered"
    if score < config.gate_threshold:
        return "refused"
    return "answered" if config.unusual_threshold is None or score >= config.unusual_threshold else "unusual"
