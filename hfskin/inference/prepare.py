"""What every picture goes through on its way to the network, whoever asks: to answer, to calibrate or to measure."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..model.image_reading import ReadImage, read_image
from ..model.metadata import FIELDS, Patient, age_note, encode_metadata, missing_fields
from ..model.preprocessing import CropBox, Preprocessing
from .quality import has_lines, is_blank, is_blurred, is_from_screen, small_grey

SHARPER = "hold still, clean the lens, and wait for the focus"
ITSELF = "of the skin itself, through the dermatoscope"


@dataclass(frozen=True)
class Prepared:
    """A picture and its patient as a network reads them.

    Attributes:
        pixel_values: float32 (3, H, W).
        metadata: float32 (19,).
        crop: the part of the upright picture that the network sees, in pixels.
        turned: whether it sees it turned by a quarter, see `lies_across`.
        warnings: what makes an answer less certain, in words.
        blank: whether there is nothing to be seen at all.
        blurred: whether details are missing for lack of sharpness.
        from_screen: whether it seems to be taken from a screen or a print.
        patient: age, sex and site as given.
        preprocessing: what made `pixel_values`.
    """

    pixel_values: np.ndarray
    metadata: np.ndarray
    crop: CropBox
    turned: bool
    warnings: tuple[str, ...]
    blank: bool
    blurred: bool
    from_screen: bool
    patient: Patient
    preprocessing: Preprocessing


def prepare(image, patient: Patient, preprocessing: Preprocessing, uses_metadata: bool = True) -> Prepared:
    """
    Args:
        image: a path, bytes, PIL image or array; what `read_image` made of it; or what was prepared already.
        patient: not looked at where the image was prepared already. What a DICOM file says of age, sex and site counts
            where they are not given.
        uses_metadata: whether the network reads age, sex and site.

    Raises:
        ImageError: the picture cannot be used.
        MetadataError: a value of age, sex or localization is not understood.
        ValueError: the image was prepared for a network that reads other pixels.
    """
    if isinstance(image, Prepared):
        if image.preprocessing != preprocessing:
            raise ValueError("this picture was prepared for another checkpoint; prepare it with this one's pipeline")
        return image
    picture, notes, known = image if isinstance(image, ReadImage) else read_image(image)
    patient = _filled_in(patient, known)
    metadata = encode_metadata(*patient)
    grey = small_grey(picture)
    blurred, from_screen = is_blurred(grey), is_from_screen(picture)
    notes = [*notes, *_patient_notes(patient, uses_metadata), *_size_notes(picture, preprocessing)]
    if blurred:
        notes.append(f"the picture looks blurred: details are missing; take it again: {SHARPER}")
    if from_screen:
        notes.append(f"the picture seems to be taken from a screen or a print; take it again: {ITSELF}")
    if has_lines(grey):
        notes.append("hairs or a ruler seem to cross the picture: they may hide details")
    framed = preprocessing.crop_box(picture), preprocessing.turns(picture)
    seen = is_blank(grey), blurred, from_screen
    return Prepared(preprocessing(picture), metadata, *framed, tuple(notes), *seen, patient, preprocessing)


def _filled_in(patient: Patient, known: Patient) -> Patient:
    """What is given of a patient, else what the file knows."""
    missing = missing_fields(*patient)
    age, sex, site = (
        ours if field in missing else given for field, given, ours in zip(FIELDS, patient, known, strict=True)
    )
    return age, sex, site


def _patient_notes(patient: Patient, uses_metadata: bool) -> list[str]:
    notes = [note] if (note := age_note(patient[0])) else []
    if unknown := missing_fields(*patient):
        notes.append(f"{', '.join(unknown)} unknown: the answer rests more on the picture alone")
    return notes


def _size_notes(image: Image.Image, preprocessing: Preprocessing) -> list[str]:
    needed = preprocessing.width, preprocessing.height
    if min(image.size) >= min(needed) and max(image.size) >= max(needed):
        return []
    return [f"the picture is small ({image.width}x{image.height} pixels): details are missing"]
