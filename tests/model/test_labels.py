"""A checkpoint's own `id2label` says what its logits are, in every way of asking it."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import pipeline

import hfskin
from hfskin.checkpoints.hub import HubError
from hfskin.checkpoints.layout import EMBEDDED_CHECKPOINT
from hfskin.inference.batch.predictions import predict_table

OTHER_ORDER = ("nv", "mel", "bcc", "akiec", "bkl", "df", "vasc")
BENIGN_MALIGNANT = {0: "benign", 1: "malignant"}


@pytest.fixture(scope="module")
def reordered(tiny_checkpoint, tmp_path_factory):
    """The tiny checkpoint, rows of the classifier and id2label both in another order."""
    folder = tmp_path_factory.mktemp("reordered")
    rows = [hfskin.CLASSES.index(name) for name in OTHER_ORDER]
    weights = load_file(tiny_checkpoint / "model.safetensors")
    weights |= {f"classifier.{part}": weights[f"classifier.{part}"][rows] for part in ("weight", "bias")}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((tiny_checkpoint / "config.json").read_text()) | {"id2label": dict(enumerate(OTHER_ORDER))}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "preprocessor_config.json").write_bytes((tiny_checkpoint / "preprocessor_config.json").read_bytes())
    return folder


@pytest.mark.slow
def test_another_order_of_classes_gives_the_same_answer(reordered, tiny_checkpoint, lesion_path, table, tmp_path):
    expected = hfskin.load(tiny_checkpoint)(lesion_path)
    ours = hfskin.load(reordered)
    answer = ours(lesion_path)
    assert list(answer.probabilities) == list(hfskin.CLASSES)
    assert answer.probabilities == pytest.approx(expected.probabilities, abs=1e-6)
    assert answer.malignant_probability == pytest.approx(expected.malignant_probability, abs=1e-6)
    by_task = pipeline("image-classification", model=str(reordered), top_k=7)(str(lesion_path))
    assert {row["label"]: row["score"] for row in by_task} == pytest.approx(answer.probabilities, abs=1e-5)
    measured, alone = (predict_table(p, table.head(1)).logits for p in (ours, hfskin.load(tiny_checkpoint)))
    np.testing.assert_allclose(measured, alone, atol=1e-5)
    from hfskin.export.onnx import export_onnx

    exported = hfskin.load(export_onnx(reordered, tmp_path / "model.onnx"))
    assert exported(lesion_path).probabilities == pytest.approx(expected.probabilities, abs=1e-4)


@pytest.mark.parametrize("labels", [{"num_labels": 2}, {"id2label": BENIGN_MALIGNANT}])
def test_an_ensemble_is_fine_tuned_to_other_classes(labels):
    model = hfskin.HfskinForImageClassification.from_pretrained(
        EMBEDDED_CHECKPOINT, ignore_mismatched_sizes=True, **labels
    )
    pixels = torch.randn(2, 3, *model.config.image_size)
    output = model(pixels, labels=torch.tensor([0, 1]))
    assert output.logits.shape == (2, 2)
    assert output.loss.isfinite()
    assert [network.classifier.out_features for network in model.networks()] == [2, 2]
    # What was calibrated on the seven classes is not of the new task.
    assert (model.config.temperature, model.config.malignant_threshold, model.config.conformal_threshold) == (
        1.0,
        None,
        None,
    )
    assert model.gate is None
    assert model.config.label2id == {name: i for i, name in model.config.id2label.items()}
    same = hfskin.HfskinConfig.from_pretrained(EMBEDDED_CHECKPOINT, num_labels=7)
    assert same.temperature != 1.0


def save(folder, **settings):
    torch.manual_seed(0)
    config = hfskin.HfskinConfig(
        backbone="mobilenet_v3_small", image_size=(96, 128), pooling="avg", metadata_hidden=8, **settings
    )
    hfskin.HfskinForImageClassification(config).save_pretrained(folder)
    hfskin.HfskinImageProcessor(size={"height": 96, "width": 128}).save_pretrained(folder)
    return folder


def test_other_classes_are_answered_by_their_names(tmp_path, lesion_path):
    answer = hfskin.load(save(tmp_path, id2label=BENIGN_MALIGNANT))(lesion_path)
    assert list(answer.probabilities) == ["benign", "malignant"]
    assert answer.malignant_probability == answer.probabilities["malignant"]
    assert answer.suspicious is None


def test_the_configuration_may_say_what_is_malignant(tmp_path, lesion_path):
    names = {0: "naevus", 1: "Merkel cell carcinoma", 2: "wart"}
    answer = hfskin.load(save(tmp_path, id2label=names, malignant_labels=[names[1]]))(lesion_path)
    assert answer.malignant_probability == answer.probabilities[names[1]]


def test_where_no_class_is_malignant_no_malignant_probability_is_given(tmp_path, lesion_path):
    answer = hfskin.load(save(tmp_path, id2label={0: "naevus", 1: "wart"}))(lesion_path)
    assert answer.malignant_probability is None
    assert answer.suspicious is None
    assert repr(answer) == f"<Prediction answered: most likely {answer.label} {answer.probabilities[answer.label]:.2f}>"
    assert "malignant and benign" in answer._repr_html_()


def test_a_task_that_cannot_be_answered_is_refused_by_name(tmp_path):
    with pytest.raises(HubError, match="problem_type"):
        hfskin.load(save(tmp_path, id2label=BENIGN_MALIGNANT, problem_type="multi_label_classification"))


@pytest.mark.parametrize(
    ("problem_type", "labels"),
    [("multi_label_classification", torch.tensor([[0.0, 1, 1], [1, 0, 0]])), ("regression", torch.rand(2, 3))],
)
def test_problem_type_chooses_the_loss(problem_type, labels):
    config = hfskin.HfskinConfig(
        backbone="mobilenet_v3_small", image_size=(96, 128), num_labels=3, problem_type=problem_type
    )
    model = hfskin.HfskinForImageClassification(config).eval()
    output = model(torch.randn(2, 3, 96, 128), labels=labels)
    losses = {
        "regression": torch.nn.functional.mse_loss,
        "multi_label_classification": torch.nn.functional.binary_cross_entropy_with_logits,
    }
    torch.testing.assert_close(output.loss, losses[problem_type](output.logits, labels))
