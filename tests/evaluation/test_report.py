"""Calibrating a checkpoint folder and writing its metrics.json, on the 28 real lesions with a small random model."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import hfskin
from hfskin.calibration.calibrate import TRANSFORMS_EACH, calibrate_checkpoint, predict_as_elsewhere
from hfskin.calibration.gate import SURE
from hfskin.checkpoints.history import LearntError, write_split
from hfskin.data.splits import make_split
from hfskin.evaluation.report import evaluate, write_metrics
from hfskin.inference.batch.predictions import predict_table
from hfskin.model.labels import CLASSES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def split(table):
    """Of each class two lesions to train on, one to validate, one to test."""
    part = table.groupby("dx").cumcount().map({0: "train", 1: "train", 2: "val", 3: "test"})
    return table.assign(split=part)


@pytest.fixture(scope="module")
def calibrated(tiny_checkpoint, split, tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrated") / "checkpoint"
    shutil.copytree(tiny_checkpoint, folder)
    (folder / "README.md").write_text("kept")
    calibrate_checkpoint(folder, split)
    return folder


@pytest.fixture(scope="module")
def report(calibrated, split):
    return evaluate(calibrated, split, "lesion", data="28 lesions")


def leaves(value, path=""):
    if isinstance(value, dict):
        for key, item in value.items():
            assert type(key) is str, f"{path}: the key {key!r} is not a string"
            yield from leaves(item, f"{path}.{key}")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from leaves(item, f"{path}[{i}]")
    else:
        yield path, value


def test_calibration_is_stored_and_reloads(calibrated, tiny_checkpoint, split):
    model = hfskin.HfskinForImageClassification.from_pretrained(calibrated).eval()
    config = model.config
    assert config.gate
    assert config.temperature != 1.5  # what the copied checkpoint had
    assert config.conformal_coverage == 0.9
    assert config.malignant_sensitivity == 0.97
    assert sorted(p.name for p in calibrated.parent.iterdir()) == ["checkpoint"]
    assert (calibrated / "README.md").read_text() == "kept"
    old, new = (load_file(folder / "model.safetensors") for folder in (tiny_checkpoint, calibrated))
    assert all(torch.equal(old[name], new[name]) for name in old if not name.startswith("gate."))
    pipeline, rows = hfskin.load(calibrated, backend="torch"), split[split["split"] == "val"]
    val = predict_as_elsewhere(pipeline, rows)
    assert config.gate_threshold == pytest.approx(min(val.gate_scores.min(), SURE), rel=1e-4)  # 99.5 % of them: all
    # Each picture as it is, and each twice changed: what is promised holds for all of them together.
    assert len(val.labels) == (1 + TRANSFORMS_EACH) * len(rows)
    assert np.array_equal(val.gate_scores[: len(rows)], predict_table(pipeline, rows).gate_scores)
    assert sorted(val.lesion_ids) == sorted([*rows["lesion_id"]] * (1 + TRANSFORMS_EACH))
    assert val.gate_scores[len(rows) :].min() != val.gate_scores[: len(rows)].min()
    of_truth = val.probabilities[np.arange(len(val.labels)), val.labels]
    assert (of_truth >= config.conformal_threshold).mean() >= config.conformal_coverage


def test_calibration_sees_neither_test_pictures_nor_the_old_values(calibrated, split, tmp_path):
    """Calibrating again, with the test part relabelled, gives the same numbers."""
    again = tmp_path / "again"
    shutil.copytree(calibrated, again)
    changed = split.copy()
    changed.loc[changed["split"] == "test", "dx"] = "nv"
    calibrate_checkpoint(again, changed)
    first, second = (json.loads((folder / "config.json").read_text()) for folder in (calibrated, again))
    for key in ("temperature", "gate_threshold", "conformal_threshold", "malignant_threshold"):
        assert first[key] == pytest.approx(second[key], rel=1e-5)


def test_half_precision_stays_half_precision(tiny_checkpoint, split, tmp_path):
    folder = tmp_path / "half"
    shutil.copytree(tiny_checkpoint, folder)
    model = hfskin.HfskinForImageClassification.from_pretrained(folder)
    model.half().save_pretrained(folder)
    config = calibrate_checkpoint(folder, split)
    weights = load_file(folder / "model.safetensors")
    assert all(tensor.dtype == torch.float16 for tensor in weights.values() if tensor.is_floating_point())
    assert hfskin.HfskinForImageClassification.from_pretrained(folder).dtype == torch.float32  # as it was calibrated
    # The pipeline, which computes in 32 bits, must stand where the threshold was fitted.
    pipeline = hfskin.load(folder)
    scores = predict_as_elsewhere(pipeline, split[split["split"] == "val"]).gate_scores
    assert config.gate_threshold == pytest.approx(min(scores.min(), SURE), rel=1e-4)


def test_calibration_needs_both_parts(tiny_checkpoint, table):
    with pytest.raises(ValueError, match="no rows of split 'train'"):
        calibrate_checkpoint(tiny_checkpoint, make_split(table, "all"))


def test_every_leaf_is_plain_json(report):
    for path, value in leaves(report):
        assert type(value) in (str, int, float, bool, type(None)), f"{path} is a {type(value).__name__}"
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_report_says_what_was_measured(report):
    assert report["schema_version"] == 1
    assert report["data"]["name"] == "28 lesions"
    assert (report["data"]["images"], report["data"]["lesions"], report["data"]["leaks"]) == (7, 7, False)
    assert report["data"]["images_per_class"] == dict.fromkeys(CLASSES, 1)
    assert report["model"]["backbone"] == "mobilenet_v3_small"
    assert report["environment"]["torch"] == torch.__version__


def test_report_agrees_with_the_pipeline(report, calibrated, split):
    """Both faces of the checkpoint, the table and the pipeline, say the same."""
    pipeline = hfskin.load(calibrated)
    threshold, pipeline.config.gate_threshold = pipeline.config.gate_threshold, None  # refused pictures count as well
    rows = split[split["split"] == "test"]
    answers = pipeline(
        list(rows["path"]), age=list(rows["age"]), sex=list(rows["sex"]), localization=list(rows["localization"])
    )
    results = report["results"]["with_metadata"]
    covered = [dx in answer.prediction_set for dx, answer in zip(rows["dx"], answers, strict=True)]
    assert results["conformal"]["coverage"]["value"] == pytest.approx(np.mean(covered))
    sizes = [len(answer.prediction_set) for answer in answers]
    assert results["conformal"]["mean_size"]["value"] == pytest.approx(np.mean(sizes))
    accepted = np.mean([answer.in_distribution_score >= threshold for answer in answers])
    assert report["gate"]["lesions"]["accepted"]["value"] == pytest.approx(accepted)
    malignant = rows["dx"].isin(["akiec", "bcc", "mel"]).to_numpy()
    suspicious = np.array([answer.suspicious for answer in answers])
    assert results["malignancy"]["sensitivity"]["value"] == pytest.approx(suspicious[malignant].mean())
    right = [max(answer.probabilities, key=answer.probabilities.get) for answer in answers] == rows["dx"].to_numpy()
    assert results["metrics"]["accuracy"]["value"] == pytest.approx(right.mean())


def test_without_metadata_is_another_measurement(report):
    known, unknown = (report["results"][key]["calibration"]["after"]["nll"] for key in report["results"])
    assert known != unknown


def test_the_paper_split_is_called_leaky(tiny_checkpoint, table):
    doubled = table.iloc[[0]].assign(image_id="ISIC_0000000")  # a second picture of the first lesion
    rows = [table.assign(split="val"), doubled.assign(split="train")]
    report = evaluate(tiny_checkpoint, pd.concat(rows, ignore_index=True), "paper", part="val")
    assert report["data"]["leaks"] is True
    assert report["data"]["leaking_lesions"] == 1


def test_a_missing_part_is_named(calibrated, split):
    with pytest.raises(ValueError, match="split 'paper' has no part 'holdout', only test, train, val"):
        evaluate(calibrated, split, "paper", part="holdout")


def test_tta_does_not_care_about_mirror_images(calibrated, split, tmp_path):
    pipeline = hfskin.load(calibrated)
    row = split[split["split"] == "test"].head(1)
    mirror_image = row.assign(path=tmp_path / "mirrored.png")
    image = hfskin.read_image(row["path"].iloc[0]).image
    image.transpose(0).save(tmp_path / "mirrored.png")
    first, second = (predict_table(pipeline, r, tta=True) for r in (row, mirror_image))
    np.testing.assert_allclose(first.probabilities, second.probabilities, atol=1e-5)
    np.testing.assert_allclose(first.probabilities.sum(axis=1), 1)


def test_a_checkpoint_is_not_judged_by_what_it_learnt(calibrated, split, tmp_path):
    folder = shutil.copytree(calibrated, tmp_path / "checkpoint")
    write_split(split.assign(split=split["split"].replace({"val": "train"})), folder)
    evaluate(folder, split, "lesion")
    for judge in (lambda: evaluate(folder, split, "lesion", part="val"), lambda: calibrate_checkpoint(folder, split)):
        with pytest.raises(LearntError, match=r"trained on 7 of these pictures, such as ISIC_\d+ \(its split\.csv\)"):
            judge()


def test_masks_without_captum_are_refused_before_anything_is_measured(calibrated, split, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "captum", None)  # as where it is not installed
    with pytest.raises(ValueError, match=r"needs captum: pip install 'hfskin\[explain\]'"):
        evaluate(calibrated, split, "lesion", masks=tmp_path)


def test_metrics_are_written_whole_or_not_at_all(report, tmp_path):
    path = tmp_path / "metrics.json"
    write_metrics(report, path)
    assert json.loads(path.read_text()) == report
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_metrics({"bma": float("nan")}, path)
    assert json.loads(path.read_text()) == report
    assert [p.name for p in tmp_path.iterdir()] == ["metrics.json"]
