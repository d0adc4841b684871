"""The in-distribution gate: its arithmetic, its pictures of other things, and that it tells them from real lesions."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import hfskin
from hfskin.calibration.gate import fit_gate_threshold
from hfskin.calibration.negatives import SYNTHETIC, negatives, synthetic_pictures
from hfskin.evaluation.bootstrap import LesionBootstrap
from hfskin.evaluation.gate import summarise_gate
from hfskin.inference.batch.predictions import gate_scores
from hfskin.model.gate import FeatureGate
from hfskin.model.image_reading import read_image
from hfskin.model.labels import CLASSES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def features():
    """Non-negative features near a 5-dimensional subspace of 40 dimensions, as (300, 40)."""
    rng = np.random.default_rng(0)
    values = 3 + rng.normal(size=(300, 5)) @ rng.normal(size=(5, 40)) * 0.3 + rng.normal(size=(300, 40)) * 0.05
    return torch.from_numpy(values.clip(0))


@pytest.fixture(scope="module")
def gate(features):
    gate = FeatureGate([10, 30], 5)
    gate.fit(features)
    return gate


@pytest.fixture(scope="module")
def pictures():
    return negatives()


def test_training_features_score_about_minus_one(gate, features):
    scores = gate(features)
    assert scores.shape == (300,)
    assert scores.dtype == torch.float32
    assert scores.square().mean().item() == pytest.approx(1, abs=0.02)


def test_score_is_the_mahalanobis_distance(gate, features):
    """With the residual's share taken off, it is the distance that the inverse covariance gives."""
    parts = features.sqrt().split([10, 30], dim=1)
    roots = torch.cat([part / part.norm(dim=1, keepdim=True) for part in parts], dim=1)
    centred = roots - roots.mean(dim=0)
    values, vectors = torch.linalg.eigh(torch.cov(centred.T))
    inverse = vectors[:, -5:] @ torch.diag(1 / values[-5:]) @ vectors[:, -5:].T
    mahalanobis = ((centred @ inverse) * centred).sum(dim=1)
    residual = (centred @ vectors[:, :-5]).square().sum(dim=1) / values[:-5].sum()
    expected = -((mahalanobis + 5 * residual) / 10).sqrt()
    torch.testing.assert_close(gate(features).double(), expected, rtol=1e-4, atol=1e-4)


def test_other_directions_score_lower_and_strength_does_not_matter(gate, features):
    other = torch.rand(50, 40, generator=torch.Generator().manual_seed(0)) * 6
    assert gate(other).max() < gate(features).min()
    torch.testing.assert_close(gate(features * 0.1), gate(features), rtol=1e-3, atol=1e-3)


def test_gate_survives_safetensors_and_half_precision(gate, features, tmp_path):
    save_file(gate.half().state_dict(), tmp_path / "gate.safetensors")
    again = FeatureGate([10, 30], 5)
    again.load_state_dict(load_file(tmp_path / "gate.safetensors"))
    torch.testing.assert_close(again(features), gate.float()(features))


def test_too_many_components_are_refused(features):
    with pytest.raises(
        ValueError, match="10 training pictures with 40 features carry at most 8 gate components, not 9"
    ):
        FeatureGate([40], 9).fit(features[:10])


@pytest.mark.parametrize("accepted", [0.95, 0.97, 1.0])
def test_threshold_accepts_the_wanted_share(accepted):
    scores = np.random.default_rng(0).normal(size=200)
    threshold = fit_gate_threshold(scores, accepted)
    assert (scores >= threshold).mean() == pytest.approx(accepted)


def test_summary_by_hand():
    lesions, labels = np.array([-1.0, -1.1, -1.2, -3.0]), np.array([0, 0, 1, 5])
    others = {"sklearn": np.array([-2.5, -4.0]), "noise": np.array([-9.0, -1.05])}
    summary = summarise_gate(lesions, labels, LesionBootstrap(np.arange(4)), others, threshold=-2.0)
    assert summary["lesions"]["accepted"]["value"] == 0.75
    assert summary["lesions"]["per_class"]["nv"] == {"n": 1, "accepted": 0.0}
    assert summary["lesions"]["per_class"]["vasc"] == {"n": 0, "accepted": None}
    assert summary["negatives"]["photographs"] == {"n": 2, "refused": 1.0, "auroc": 7 / 8}
    assert summary["negatives"]["kinds"]["noise"] == {"n": 2, "refused": 0.5, "auroc": 5 / 8}
    assert summary["negatives"]["all"]["refused"] == 0.75


def test_pictures_can_be_read(pictures):
    assert {"gradio", "matplotlib", "sklearn", *SYNTHETIC} <= pictures.keys()
    for images in pictures.values():
        assert len(images) >= 10
        for image in images:
            read_image(image)


@pytest.mark.parametrize("kind", ["checkerboard", "screenshot", "text"])
def test_synthetic_pictures_depend_on_the_seed_alone(kind, pictures):
    def pixels(images):
        return [image.tobytes() for image in images]

    assert pixels(synthetic_pictures(kind)) == pixels(pictures[kind])
    assert pixels(synthetic_pictures(kind, seed=1)) != pixels(pictures[kind])


def test_embedded_gate_tells_lesions_from_other_pictures(embedded, table, pictures):
    lesions = gate_scores(embedded, list(table["path"]))
    others = {kind: gate_scores(embedded, images) for kind, images in pictures.items()}
    bootstrap = LesionBootstrap(table["lesion_id"].to_numpy(str))
    labels = np.array([CLASSES.index(dx) for dx in table["dx"]])
    summary = summarise_gate(lesions, labels, bootstrap, others, embedded.config.gate_threshold)
    assert summary["lesions"]["accepted"]["value"] >= 25 / 28
    assert summary["negatives"]["all"]["refused"] >= 0.8
    assert summary["negatives"]["all"]["auroc"] >= 0.95


def test_a_checkpoint_without_gate_says_so(table):
    model = hfskin.HfskinForImageClassification(hfskin.HfskinConfig(backbone="mobilenet_v3_small", metadata_hidden=0))
    pipeline = hfskin.SkinLesionPipeline(model=model, image_processor=hfskin.HfskinImageProcessor())
    with pytest.raises(ValueError, match="no in-distribution gate"):
        gate_scores(pipeline, list(table["path"][:1]))
