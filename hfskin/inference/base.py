"""What every pipeline does alike, whatever runs the network: from pictures and patients to predictions."""

from typing import Any

import numpy as np

from ..model.image_reading import read_image
from ..model.labels import CLASSES, MALIGNANT
from ..model.metadata import encode_metadata, missing_fields, parse_age
from ..model.preprocessing import Preprocessing
from .attention import attention_map
from .prediction import REFUSAL, REFUSED_UNCLEAR, UNUSUAL, Prediction, Status
from .quality import has_lines, is_blurred, small_grey

BATCH_SIZE = 16
# With the age, models of HAM10000 miss more of the malignant lesions of the young, since few of them have one; from
# the picture alone they hardly do (docs/cross_validation.md).
YOUNG = 45  # years
YOUNG_NOTE = (
    f"at ages below {YOUNG}, fewer malignant lesions are called suspicious where the age is given: ask again without it"
)
SHARPER = "hold still, clean the lens, and wait for the focus"
MIRRORS = ((3,), (2,), (2, 3))  # axes of (B, 3, H, W) to flip for the three mirror images


def network_names(config: Any) -> str:
    """The backbones that answer together, as in "efficientnet_lite0 and mobilenet_v3_small"."""
    return " and ".join([config.backbone, *(partner["backbone"] for partner in config.partners)])


class LesionPipeline:
    """Call it with a picture and, where known, age, sex and site. A subclass brings the attributes and `run`.

    Attributes:
        config: the checkpoint's calibration: [`HfskinConfig`], or an object with the same fields.
        preprocessing: from an upright RGB picture to the network's input.
        parameters: how many the network has.
        mirrored: True answers by the mean over the picture and its three mirror images: four passes, which are worth
            what docs/cross_validation.md says.
    """

    config: Any
    preprocessing: Preprocessing
    parameters: int
    mirrored: bool = False

    def run(self, pixel_values: np.ndarray, metadata: np.ndarray) -> dict[str, np.ndarray]:
        """The network on pictures (B, 3, H, W) and patients (B, 19), float32.

        Returns:
            logits (B, 7) and, where the checkpoint has them, attentions (B, K, h, w) and in_distribution_score (B,).
        """
        raise NotImplementedError

    def on_one_core(self) -> "LesionPipeline | None":
        """The pipeline for calls from several threads at once, each of which keeps to one core; None where a call
        takes all of them."""
        return None

    def __call__(self, images, age=None, sex=None, localization=None, **kwargs) -> Prediction | list[Prediction]:
        """
        Args:
            images: a path, bytes, PIL image or uint8 array, or a list of them; a list gives a list.
            age: years; None or NaN where it is unknown. With a list of images: one value for all, or a list.
            sex: one of `SEXES` or a common synonym; likewise.
            localization: one of `SITES` or a common synonym; likewise.

        Raises:
            ImageError: a picture cannot be used.
            MetadataError: a value of age, sex or localization is not understood.
            ValueError: lists of different lengths.
        """
        if kwargs:
            raise unknown_argument(kwargs)
        if not isinstance(images, list | tuple):
            patient = age, sex, localization
            return self.predict_prepared([self.preprocess({"image": images, "patient": patient})])[0]
        patients = zip(*(_as_list(v, len(images), n) for v, n in _named(age, sex, localization)), strict=True)
        inputs = [{"image": i, "patient": p} for i, p in zip(images, patients, strict=True)]
        return self.predict_prepared([self.preprocess(item) for item in inputs])

    def predict_prepared(self, prepared: list[dict[str, Any]]) -> list[Prediction]:
        """Predictions of what `preprocess` made, in batches."""
        predictions = []
        for start in range(0, len(prepared), BATCH_SIZE):
            batch = prepared[start : start + BATCH_SIZE]
            outputs = self.answer(*(np.stack([item[key] for item in batch]) for key in ("pixel_values", "metadata")))
            for i, item in enumerate(batch):
                predictions.append(self.postprocess({**item, **{key: value[i] for key, value in outputs.items()}}))
        return predictions

    def answer(self, pixel_values: np.ndarray, metadata: np.ndarray) -> dict[str, np.ndarray]:
        """As `run`; where `mirrored`, the logits are those of the mean probabilities, the rest is the picture's own."""
        outputs = self.run(pixel_values, metadata)
        if not self.mirrored:
            return outputs
        others = (self.run(np.ascontiguousarray(np.flip(pixel_values, axes)), metadata) for axes in MIRRORS)
        mean = np.mean([softmax(view["logits"]) for view in (outputs, *others)], axis=0)
        return outputs | {"logits": np.log(mean)}

    def preprocess(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """{"image": ..., "patient": (age, sex, localization)} -> the arrays of one row and what was noticed."""
        patient, preprocessing = inputs["patient"], self.preprocessing
        metadata = encode_metadata(*patient)
        image, notes = read_image(inputs["image"])
        if unknown := missing_fields(*patient):
            notes.append(f"{', '.join(unknown)} unknown: the answer rests more on the picture alone")
        if self.config.metadata_hidden and (age := parse_age(patient[0])) is not None and age < YOUNG:
            notes.append(YOUNG_NOTE)
        if image.width < preprocessing.width or image.height < preprocessing.height:
            notes.append(f"the picture is small ({image.width}x{image.height} pixels): details are missing")
        grey = small_grey(image)
        if unclear := is_blurred(grey):
            notes.append(f"the picture looks blurred: details are missing; take it again: {SHARPER}")
        if has_lines(grey):
            notes.append("hairs or a ruler seem to cross the picture: they may hide details")
        crop = preprocessing.crop_box(image)
        return {
            "pixel_values": preprocessing(image),
            "metadata": metadata,
            "crop": crop,
            "warnings": notes,
            "unclear": unclear,
        }

    def postprocess(self, row: dict[str, Any]) -> Prediction:
        """One row of the network's output -> Prediction."""
        config = self.config
        if not np.isfinite(row["logits"]).all():
            raise ValueError("the network's answer is not a number: its weights are damaged; copy the checkpoint again")
        probabilities = dict(zip(CLASSES, softmax(row["logits"]).tolist(), strict=True))
        malignant = sum(probabilities[c] for c in MALIGNANT)
        score = float(row["in_distribution_score"]) if "in_distribution_score" in row else None
        status = self._status(score)
        best = max(probabilities, key=probabilities.__getitem__)
        threshold = config.conformal_threshold or 0.0
        answer = Prediction(
            status=status,
            label=best,
            probabilities=probabilities,
            prediction_set=[c for c, p in probabilities.items() if p >= threshold or c == best],
            malignant_probability=malignant,
            suspicious=None if config.malignant_threshold is None else malignant >= config.malignant_threshold,
            in_distribution=None if score is None or config.gate_threshold is None else status != "refused",
            in_distribution_score=score,
            attention=attention_map(row.get("attentions"), row["pixel_values"].shape[1:]),
            crop=row["crop"],
            warnings=[UNUSUAL, *row["warnings"]] if status == "unusual" else list(row["warnings"]),
        )
        if status == "refused":
            return answer.refused(REFUSED_UNCLEAR.format(advice=SHARPER) if row["unclear"] else REFUSAL)
        return answer

    def _status(self, score: float | None) -> Status:
        if score is None or self.config.gate_threshold is None:
            return "answered"
        if score < self.config.gate_threshold:
            return "refused"
        unusual = self.config.unusual_threshold
        return "answered" if unusual is None or score >= unusual else "unusual"


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, float64."""
    logits = logits.astype(np.float64)
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def unknown_argument(arguments: dict) -> TypeError:
    """What to raise where a caller gives something else than age, sex and localization."""
    return TypeError(f"unknown argument {next(iter(arguments))!r}; known are age, sex and localization")


def _named(age, sex, localization):
    return (age, "age"), (sex, "sex"), (localization, "localization")


def _as_list(value, length: int, name: str) -> list:
    if not isinstance(value, list | tuple):
        return [value] * length
    if len(value) != length:
        raise ValueError(f"{name}: {len(value)} values for {length} images; give one value, or one an image")
    return list(value)
