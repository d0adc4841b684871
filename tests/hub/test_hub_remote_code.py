"""Where hfskin is not installed: the code that a push brings along serves, with trust_remote_code."""

import numpy as np
import pytest
from hub_fixtures import PICTURE, local_logits, logits

pytestmark = pytest.mark.slow

pytest_plugins = ["hub_fixtures"]


def import_hfskin():
    try:
        import hfskin  # noqa: F401
    except ModuleNotFoundError as error:
        return str(error)


def load_by_auto_classes(name):
    from transformers import AutoConfig, AutoImageProcessor, AutoModelForImageClassification

    config = AutoConfig.from_pretrained(name, trust_remote_code=True)
    model = AutoModelForImageClassification.from_pretrained(name, trust_remote_code=True)
    processor = AutoImageProcessor.from_pretrained(name, trust_remote_code=True)
    modules = {type(thing).__module__.split(".")[0] for thing in (config, model, processor)}
    return modules, logits(model, processor)


def load_by_image_task(name):
    from transformers import pipeline

    return pipeline("image-classification", model=name, trust_remote_code=True, top_k=7)(PICTURE)


def load_the_image_path(name):
    from transformers import AutoModel, pipeline

    model = AutoModel.from_pretrained(name, trust_remote_code=True)
    extract = pipeline(
        "image-feature-extraction", model=name, trust_remote_code=True, image_processor=name, pool=True,
        return_tensors=True,
    )  # fmt: skip
    return type(model).__module__.split(".")[0], extract(PICTURE).shape


def refusal(name):
    from transformers import AutoModelForImageClassification

    try:
        AutoModelForImageClassification.from_pretrained(name, trust_remote_code=False)
    except ValueError as error:
        return str(error)


def test_there_is_no_hfskin(stranger):
    assert stranger(import_hfskin) == "No module named 'hfskin'"


def test_auto_classes(client, stranger, checkpoint, pushed):
    modules, found = stranger(load_by_auto_classes, pushed)
    assert modules == {"transformers_modules"}
    np.testing.assert_allclose(found, client(local_logits, checkpoint), rtol=1e-5, atol=1e-6)


def test_the_image_classification_pipeline(client, stranger, checkpoint, pushed):
    expected = np.exp(client(local_logits, checkpoint))
    scores = {row["label"]: row["score"] for row in stranger(load_by_image_task, pushed)}
    classes = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
    np.testing.assert_allclose([scores[c] for c in classes], expected / expected.sum(), rtol=1e-5)


def test_auto_model_and_the_feature_extraction_pipeline(stranger, pushed):
    module, (pictures, features) = stranger(load_the_image_path, pushed)
    assert module == "transformers_modules"
    assert pictures == 1
    assert features > 500


def test_nothing_of_the_repository_runs_without_consent(stranger, pushed):
    assert "trust_remote_code=True" in stranger(refusal, pushed)
