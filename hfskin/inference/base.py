"""What every pipeline does alike, whatever runs the network: from pictures and patients to predictions."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..checkpoints.layout import fingerprint
from ..data.tables import counted
from ..model.image_reading import ReadImage
from ..model.labels import class_names, shown_classes
from ..model.metadata import FIELDS, is_young, without_age
from ..model.preprocessing import Preprocessing
from .decisions import malignant_columns, more_cautious, softmax
from .prediction import Asked, Prediction, predict
from .prepare import Prepared, prepare

BATCH_SIZE = 16
# Not many pictures, though some can be iterated.
_ONE = (str, bytes, dict, Path, Image.Image, np.ndarray, Prepared, ReadImage)
_END = object()
LOGITS = "logits", "logits_without_age"
TTA_AXES = ((3,), (2,), (2, 3))  # axes of (B, 3, H, W) to flip for the three mirror images


def network_names(config: Any) -> str:
    """The backbones that answer together, as in "efficientnet_lite0 and mobilenet_v3_small"."""
    *others, last = [config.backbone, *(partner["backbone"] for partner in config.partners)]
    return f"{', '.join(others)} and {last}" if others else last


class LesionPipeline:
    """Call it with a picture and, where known, age, sex and site. A subclass brings the attributes and `run`.

    Attributes:
        config: the checkpoint's calibration: [`HfskinConfig`], or an object with the same fields.
        preprocessing: from an upright RGB picture to the network's input.
        parameters: how many the network has.
        folder: where the checkpoint lies.
        tta: True answers by the mean over the picture and its three mirror images (test-time augmentation): four
            passes, which are worth what docs/cross_validation.md says.
        cautious: False answers the young as everyone else, see `answer`: what the network says, for the laboratory.
    """

    config: Any
    preprocessing: Preprocessing
    parameters: int
    folder: Path
    tta: bool = False
    cautious: bool = True
    _batch_size: int | None = None  # transformers sets these, where it is given them
    _num_workers: int | None = None

    def run(self, pixel_values: np.ndarray, metadata: np.ndarray) -> dict[str, np.ndarray]:
        """The network on pictures (B, 3, H, W) and patients (B, 19), float32.

        Returns:
            logits and logits_without_age (B, C) and, where the checkpoint has them, attentions (B, K, h, w) and
            in_distribution_score (B,); by torch the features (B, F) as well, see [`HfskinOutput`].
        """
        raise NotImplementedError

    @cached_property
    def revision(self) -> str | None:
        """The first digits of the checkpoint's fingerprint; None where it was never a folder."""
        try:
            return fingerprint(self.folder)[:12]
        except (OSError, ValueError):
            return None

    def on_one_core(self) -> "LesionPipeline | None":
        """The pipeline for calls from several threads at once, each of which keeps to one core; None where a call
        takes all of them."""
        return None

    def __call__(
        self, images, age=None, sex=None, localization=None, batch_size=None, num_workers=None, **kwargs
    ) -> Any:
        """A [`Prediction`]; a list of them where `images` is a list, an iterator where it is a generator, a data set or
        a column of one.

        Args:
            images: a path, bytes, PIL image, array, or what `read_image` or `prepare` made; or many of them.
            age: years; None or NaN where it is unknown. With several images: one value for all, or a list, an array
                or a column with one for each.
            sex: one of `SEXES` or a common synonym; likewise.
            localization: one of `SITES` or a common synonym; likewise.
            batch_size: pictures that the network takes at once.
            num_workers: threads that prepare pictures.

        Raises:
            ImageError: a picture cannot be used.
            MetadataError: a value of age, sex or localization is not understood.
            ValueError: lists of different lengths.
        """
        if kwargs:
            raise unknown_argument(kwargs)
        if _is_one(images):
            prepared = self.prepare(images, age, sex, localization)
            return self._asked(images, prepared, self.predict_prepared([prepared])[0])
        if not isinstance(images, list | tuple):
            return self._answers(_rows(images, (age, sex, localization)), batch_size, num_workers)
        patients = zip(FIELDS, (age, sex, localization), strict=True)
        columns = (_as_list(value, len(images), name) for name, value in patients)
        return list(self._answers(zip(images, *columns, strict=True), batch_size, num_workers))

    def _asked(self, image, prepared: Prepared, answer: Prediction) -> Prediction:
        if isinstance(image, ReadImage):
            image = image.image
        known = Asked(None if isinstance(image, Prepared) else image, prepared.patient, self.config)
        return replace(answer, asked=known)

    def prepare(self, image, age=None, sex=None, localization=None) -> Prepared:
        """What the network reads of one picture and its patient: the arguments of a call, whose errors it raises."""
        return prepare(image, (age, sex, localization), self.preprocessing, bool(self.config.metadata_hidden))

    def _answers(self, rows: Iterator[tuple], batch_size: int | None, num_workers: int | None) -> Iterator[Prediction]:
        """Predictions of (image, age, sex, localization), a batch at a time."""
        size, workers = batch_size or self._batch_size or BATCH_SIZE, num_workers or self._num_workers or 1
        with ThreadPoolExecutor(workers) as pool:
            while batch := tuple(islice(rows, size)):
                prepared = tuple(pool.map(lambda row: self.prepare(*row), batch))
                answers = self.predict_prepared(prepared, size)
                yield from map(self._asked, (image for image, *_ in batch), prepared, answers)

    def predict_prepared(self, prepared: Sequence[Prepared], batch_size: int = BATCH_SIZE) -> list[Prediction]:
        """Predictions of what `prepare` made, in batches."""
        predictions = []
        for start in range(0, len(prepared), batch_size):
            batch = prepared[start : start + batch_size]
            outputs = self.answer(*stack(batch))
            rows = ({name: values[i] for name, values in outputs.items()} for i in range(len(batch)))
            predictions += [
                predict(row, item, self.config, self.revision) for row, item in zip(rows, batch, strict=True)
            ]
        return predictions

    def answer(self, pixel_values: np.ndarray, metadata: np.ndarray) -> dict[str, np.ndarray]:
        """As `run`, with the logits in the order of `shown_classes`; where `tta`, they are those of the mean
        probabilities, the rest is the picture's own.

        Of the young (see `metadata.YOUNG`) they are those without the age where these are the more cautious; `ageless`
        (B,) says of which.
        """
        outputs = self._run_in_order(pixel_values, metadata)
        if self.tta:
            flipped = (np.ascontiguousarray(np.flip(pixel_values, axes)) for axes in TTA_AXES)
            views = [outputs, *(self._run_in_order(pixels, metadata) for pixels in flipped)]
            for name in LOGITS:
                outputs[name] = np.log(np.mean([softmax(view[name]) for view in views], axis=0))
        told, untold = (outputs[name] for name in LOGITS)
        ageless = self.cautious & is_young(metadata) & more_cautious(told, untold, malignant_columns(self.config))
        return outputs | {"logits": np.where(ageless[:, None], untold, told), "ageless": ageless}

    def _run_in_order(self, pixel_values: np.ndarray, metadata: np.ndarray) -> dict[str, np.ndarray]:
        outputs, names = self.run(pixel_values, metadata), class_names(self.config)
        if LOGITS[1] not in outputs:  # a graph that was exported before 0.2
            young = is_young(metadata).any()
            outputs[LOGITS[1]] = self.run(pixel_values, without_age(metadata))["logits"] if young else outputs["logits"]
        order = [names.index(name) for name in shown_classes(self.config)]
        return outputs | {name: outputs[name][:, order] for name in LOGITS}


def stack(prepared: Sequence[Prepared]) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (B, 3, H, W) and patients (B, 19), for `run`."""
    return np.stack([item.pixel_values for item in prepared]), np.stack([item.metadata for item in prepared])


def _is_one(images) -> bool:
    if isinstance(images, _ONE) or hasattr(images, "detach"):  # a tensor
        return True
    return not (hasattr(images, "__iter__") or (hasattr(images, "__len__") and hasattr(images, "__getitem__")))


def _rows(images, patient: tuple) -> Iterator[tuple]:
    """(image, age, sex, localization) of a generator or data set, with one value for all or as many as images."""
    values = [iter(v) if _are_several(v) else repeat(v) for v in patient]
    # Not every data set raises IndexError at its end, so that `iter` would know.
    for image in images if hasattr(images, "__iter__") else (images[i] for i in range(len(images))):
        row = (image, *(next(v, _END) for v in values))
        if _END in row[1:]:
            raise ValueError("fewer values of age, sex or localization than images; give one value, or one an image")
        yield row


def unknown_argument(arguments: dict) -> TypeError:
    """What to raise where a caller gives something else than age, sex and localization."""
    return TypeError(f"unknown argument {next(iter(arguments))!r}; known are age, sex and localization")


def _as_list(value, length: int, name: str) -> list:
    if not _are_several(value):
        return [value] * length
    values = list(value)
    if len(values) != length:
        raise ValueError(f"{name}: {counted(len(values), 'value', 'values')} for "
                         f"{counted(length, 'image', 'images')}; give one value, or one an image")  # fmt: skip
    return values


def _are_several(value) -> bool:
    if isinstance(value, str | bytes):
        return False
    return hasattr(value, "__iter__") and getattr(value, "ndim", 1) > 0  # an array may hold one value alone
