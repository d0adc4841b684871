"""The endpoints for programs, `/predict` and `/predict_batch`: the pipeline's numbers as JSON."""

import gradio as gr

from ..data.tables import MetadataTableError
from ..inference.batch.items import Row
from ..inference.prediction import Prediction
from ..model.image_reading import ImageError
from ..model.labels import DIAGNOSES, SEXES, SITES
from ..model.metadata import MetadataError
from .batch import look_at_all
from .checkpoints import Checkpoints
from .components import optional, picture_file


def add_endpoints(checkpoints: Checkpoints) -> None:
    """Add both endpoints to the page that is being built; their inputs are not shown."""

    def predict(image: str, age: float | None = None, sex: str | None = None, localization: str | None = None) -> dict:
        """Classify one dermatoscopic picture of a skin lesion. Not a medical device.

        Args:
            image: the picture, a file.
            age: years, or null where it is unknown.
            sex: female, male or unknown.
            localization: the site on the body, one of HAM10000's names, or unknown.

        Returns:
            status, label, probabilities by class, prediction_set, malignant_probability, suspicious, in_distribution,
            in_distribution_score, crop, warnings, and names: the plain name of every class. status is "answered",
            "unusual" (unlike the training pictures: trust it less) or "refused" (no picture of a lesion): then the
            answer is null, and what the network said all the same stands under raw.
        """
        if image is None:
            raise gr.Error("image: is missing", print_exception=False)
        try:
            pipeline = checkpoints.get().pipeline
            prepared = pipeline.prepare(image, age, sex, localization)  # here, since the model's thread reads no file
            return as_json(checkpoints.run(pipeline, prepared))
        except (ImageError, MetadataError) as error:
            raise gr.Error(str(error), print_exception=False) from None

    def predict_batch(files: list[str], metadata: str | None = None) -> list[dict]:
        """Classify many dermatoscopic pictures. Not a medical device.

        Args:
            files: pictures, or zip files of pictures.
            metadata: a CSV with the columns image_id, age, sex, localization, or null.

        Returns:
            One object a picture: image (its name) and what /predict gives, or image and error.
        """
        try:
            return [row_as_json(row) for row in look_at_all(checkpoints, "", files, metadata).rows]
        except MetadataTableError as error:
            raise gr.Error(str(error), print_exception=False) from None

    with gr.Group(visible=False):
        one = [
            picture_file(label="image"),
            optional(gr.Number(label="age")),
            optional(gr.Dropdown(list(SEXES), value="unknown", allow_custom_value=True, label="sex")),
            optional(gr.Dropdown(list(SITES), value="unknown", allow_custom_value=True, label="localization")),
        ]
        many = [gr.File(file_count="multiple", label="files"), optional(gr.File(label="metadata"))]
        gr.Button().click(predict, one, gr.JSON(label="prediction"), api_name="predict", concurrency_limit=4)
        gr.Button().click(
            predict_batch, many, gr.JSON(label="predictions"), api_name="predict_batch", concurrency_limit=2
        )


def as_json(prediction: Prediction) -> dict:
    """A prediction's plain values and the plain names of the classes."""
    return {**prediction.to_dict(), "names": {code: DIAGNOSES.get(code, code) for code in prediction.scores}}


def row_as_json(row: Row) -> dict:
    """A row of a batch: its name and the prediction or the error."""
    return {"image": row.name, **(as_json(row.prediction) if row.prediction else {"error": row.error})}
